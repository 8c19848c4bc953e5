"""How far raters agree with each other: Krippendorff's alpha, Cohen's and Fleiss' kappa, percent agreement."""

from collections.abc import Sequence
from importlib import import_module
from typing import Any, Literal

import numpy as np

from autorater.errors import UsageError
from autorater_evals.figure import Figure, Interval
from autorater_evals.statistics.intervals import OfSums, each_row, ratio, statistic_interval
from autorater_evals.statistics.reading import Ratings, Scores, read_column, read_rated_twice, read_table
from autorater_evals.statistics.resampling import DRAWS, Array, Clusters, Index, cluster_numbers, few

Level = Literal["nominal", "ordinal", "interval"]
Weights = Literal["linear", "quadratic"]
MANY = 20_000
"""With more items evalica's bootstrap of alpha takes long."""
LEVELS = 12


def krippendorff_alpha(
    ratings: Ratings,
    *,
    level: Level = "ordinal",
    clusters: Clusters = None,
    unit: str = "clusters",
    draws: int = DRAWS,
) -> Figure:
    """Krippendorff's alpha of `ratings` (items, raters), NaN or None where a rater gave none; 1 at full agreement.

    Zero is what chance gives, below zero is systematic disagreement. Items with fewer than two ratings say nothing and
    are left out of `n`. Value and interval are evalica's; the interval is Krippendorff's bootstrap of the pairwise
    disagreements (2006), which takes them as independent. With `clusters`, or more than 20,000 items, whole clusters or
    items are drawn again instead, and alpha is computed anew; nominal and ordinal alpha of more than 12 levels would
    not fit, and have no interval then. Null where every rating is the same.

    Raises:
        UsageError: not a table of items by raters, or not one cluster per item.

    """
    evalica: Any = import_module("evalica")
    pandas: Any = import_module("pandas")
    table, numbers, total = read_rated_twice(ratings, clusters)
    n, measure = len(table), f"alpha_{level}"
    values = np.unique(table[np.isfinite(table)])
    if len(values) < 2:
        note = "every rating is the same" if n else "no item has two ratings"
        return Figure(measure=measure, value=None, n=n, total=total, note=note)
    frame = pandas.DataFrame(table.T)
    if clusters is None and n <= MANY:
        found = evalica.alpha_bootstrap(frame, distance=level, n_resamples=draws, random_state=0)
        method = f"bootstrap of the pairwise disagreements (Krippendorff, 2006), {draws:,} draws"
        interval = Interval(low=found.low, high=found.high, method=method)
        return Figure(measure=measure, value=float(found.alpha), n=n, total=total, interval=interval)
    interval, note = None, f"no interval: more than {LEVELS} levels"
    if level == "interval" or len(values) <= LEVELS:
        statistic = _interval_alpha(table) if level == "interval" else _alpha(table, level)
        interval = statistic_interval(statistic, numbers, unit=unit, draws=draws)
        note = few(int(numbers.max()) + 1, unit="items" if clusters is None else unit)
        note = note if interval else f"no interval: fewer than two {unit}, or no draw differs"
    value = float(evalica.alpha(frame, distance=level).alpha)
    return Figure(measure=measure, value=value, n=n, total=total, interval=interval, note=note)


def _interval_alpha(table: Array) -> OfSums:
    """Alpha with squared distances, from each item's ratings and the sums of them and of their squares.

    Sum over pairs of (x - y)^2 = 2 (m sum(x^2) - sum(x)^2), within items for what is observed, over all for chance.
    """
    m = np.isfinite(table).sum(1).astype(np.float64)
    told = np.nan_to_num(table - np.nanmean(table))
    total, squares = told.sum(1), (told**2).sum(1)

    def alpha(sums: Array) -> Array:
        often, first, second, observed = sums.T
        expected = (often * second - first**2) / (often - 1)
        defined = expected > 1e-12 * second
        return np.where(defined, 1 - observed / np.where(defined, expected, 1.0), np.nan)

    return OfSums(np.column_stack([m, total, squares, (m * squares - total**2) / (m - 1)]), alpha)


def _alpha(table: Array, level: Level) -> OfSums:
    """Alpha from the sums of the items' coincidences of levels (Krippendorff, Content Analysis, chapter 11)."""
    values = np.unique(table[np.isfinite(table)])
    counts = _counts(table)
    pairs = counts[:, :, None] * counts[:, None, :] - counts[:, :, None] * np.eye(len(values))
    pairs /= counts.sum(1)[:, None, None] - 1

    def alpha(sums: Array) -> float:
        observed = sums.reshape(len(values), -1)
        often = observed.sum(1)
        places = {"nominal": values, "interval": values, "ordinal": np.cumsum(often) - often / 2}[level]
        apart = (places[:, None] - places) ** 2
        if level == "nominal":
            apart = (apart > 0).astype(np.float64)
        expected = float((np.outer(often, often) * apart).sum()) / (often.sum() - 1)
        return float("nan") if expected <= 0 else 1 - float((observed * apart).sum()) / expected

    return OfSums(pairs.reshape(len(table), -1), each_row(alpha))


def cohen_kappa(
    one: Scores,
    other: Scores,
    *,
    weights: Weights | None = None,
    categories: Sequence[float] | None = None,
    clusters: Clusters = None,
    unit: str = "clusters",
    draws: int = DRAWS,
) -> Figure:
    """Cohen's kappa of two raters' labels (items,), numbers, NaN or None where there is none; 1 at full agreement.

    `weights` count a disagreement by the distance of the two categories' places in order, not by their values: give
    all `categories` of the scale, since one that nobody used would otherwise draw its neighbours together. The
    interval is the large-sample one of Fleiss, Cohen and Everitt (1969), by statsmodels, which takes items as
    independent; with `clusters` these are drawn again whole instead. Null where both raters gave one and the same label
    throughout.

    Raises:
        UsageError: a label that is not among `categories`, or raters or clusters of another number of items.

    """
    metrics: Any = import_module("sklearn.metrics")
    inter_rater: Any = import_module("statsmodels.stats.inter_rater")
    first = read_column(one, name="one")
    second = read_column(other, name="other", like=len(first))
    kept = np.isfinite(first) & np.isfinite(second)
    measure = f"cohen_kappa_{weights}" if weights else "cohen_kappa"
    found = np.unique(np.concatenate([first[kept], second[kept]]))
    levels = found if categories is None else np.unique(np.asarray(categories, dtype=np.float64))
    strange = np.setdiff1d(found, levels)
    if len(strange):
        raise UsageError(f"cohen_kappa: label {strange[0]:g} is not among the categories {levels.tolist()}")
    n, total = int(kept.sum()), len(first)
    if len(found) < 2:
        note = "both raters gave one and the same label throughout" if n else "no item has both labels"
        return Figure(measure=measure, value=None, n=n, total=total, note=note)
    codes = [np.searchsorted(levels, side[kept]) for side in (first, second)]
    value = float(metrics.cohen_kappa_score(*codes, labels=np.arange(len(levels)), weights=weights))
    cells = codes[0] * len(levels) + codes[1]
    if clusters is not None:
        numbers, count = cluster_numbers(clusters, n=total, kept=kept)
        interval = statistic_interval(_kappa(cells, len(levels), weights), numbers, unit=unit, draws=draws)
        note = few(count, unit=unit) if interval else f"no interval: fewer than two {unit}, or no draw differs"
        return Figure(measure=measure, value=value, n=n, total=total, interval=interval, note=note)
    table = np.bincount(cells, minlength=len(levels) ** 2).reshape(len(levels), -1)
    with np.errstate(all="ignore"):
        told = inter_rater.cohens_kappa(table, wt=weights)
        low, high = float(told.kappa_low), float(told.kappa_upp)
    interval = None
    if np.isfinite([low, high]).all() and high - low > 1e-12:
        interval = Interval(
            low=low, high=min(high, 1.0), method="large-sample normal (Fleiss, Cohen and Everitt, 1969)"
        )
    return Figure(measure=measure, value=value, n=n, total=total, interval=interval)


def _kappa(cells: Index, levels: int, weights: Weights | None) -> OfSums:
    """Kappa from how often each pair of levels was given; `cells` (items,) number the pairs row by row."""
    sparse: Any = import_module("scipy.sparse")
    apart = np.abs(np.arange(levels)[:, None] - np.arange(levels)).astype(np.float64)
    cost = apart**2 if weights == "quadratic" else apart if weights == "linear" else (apart > 0).astype(np.float64)

    def kappa(sums: Array) -> Array:
        tables = sums.reshape(-1, levels, levels)
        chance = (tables.sum(2)[:, :, None] * tables.sum(1)[:, None, :] * cost).sum((1, 2)) / tables.sum((1, 2))
        return np.where(chance > 0, 1 - (tables * cost).sum((1, 2)) / np.where(chance > 0, chance, 1.0), np.nan)

    given = sparse.csr_array((np.ones(len(cells)), (np.arange(len(cells)), cells)), shape=(len(cells), levels**2))
    return OfSums(given, kappa)


def fleiss_kappa(
    ratings: Ratings,
    *,
    clusters: Clusters = None,
    unit: str = "clusters",
    draws: int = DRAWS,
) -> Figure:
    """Fleiss' kappa of `ratings` (items, raters): labels as numbers, NaN or None where a rater gave none.

    It is defined for the same number of ratings per item: items with another number than most have are left out and
    counted (Krippendorff's alpha takes them all). The interval draws items, or whole `clusters`, again. Null where
    every label is the same.

    Raises:
        UsageError: not a table of items by raters, or not one cluster per item.

    """
    inter_rater: Any = import_module("statsmodels.stats.inter_rater")
    table = read_table(ratings, name="ratings")
    given = np.isfinite(table).sum(1)
    often = np.bincount(given[given >= 2]) if (given >= 2).any() else np.zeros(1)
    usual = int(often.argmax())
    kept = (given == usual) & (usual >= 2)
    counts = _counts(table[kept])
    n, total = int(kept.sum()), len(table)
    note = f"the {n} items with {usual} ratings" if n < total else ""
    if not n or counts.shape[1] < 2:
        why = "every label is the same" if n else "no item has two ratings"
        return Figure(measure="fleiss_kappa", value=None, n=n, total=total, note=why)
    agreeing = ((counts**2).sum(1) - usual) / (usual * (usual - 1))

    def kappa(sums: Array) -> float:
        items = sums[1:].sum() / usual
        chance = float(((sums[1:] / (items * usual)) ** 2).sum())
        return float("nan") if chance >= 1 else (float(sums[0] / items) - chance) / (1 - chance)

    statistic = OfSums(np.column_stack([agreeing, counts]), each_row(kappa))
    numbers, _ = cluster_numbers(clusters, n=total, kept=kept)
    interval = statistic_interval(statistic, numbers, unit=unit, draws=draws)
    return Figure(
        measure="fleiss_kappa",
        value=float(inter_rater.fleiss_kappa(counts)),
        n=n,
        total=total,
        interval=interval,
        note=note,
    )


def percent_agreement(
    ratings: Ratings,
    *,
    clusters: Clusters = None,
    unit: str = "clusters",
    draws: int = DRAWS,
) -> Figure:
    """The share of pairs of raters that gave an item the same label, mean over items, 0 to 1.

    `ratings` (items, raters), NaN or None where a rater gave none; items with fewer than two are left out and counted.
    Not corrected for chance. The interval draws items, or whole `clusters`, again.

    Raises:
        UsageError: not a table of items by raters, or not one cluster per item.

    """
    table, numbers, total = read_rated_twice(ratings, clusters)
    given, n = np.isfinite(table).sum(1), len(table)
    if not n:
        return Figure(measure="percent_agreement", value=None, n=0, total=total, note="no item has two ratings")
    agreeing = ((_counts(table) ** 2).sum(1) - given) / (given * (given - 1.0))
    statistic = ratio(agreeing, np.ones(n))
    interval = statistic_interval(statistic, numbers, unit=unit, draws=draws)
    return Figure(measure="percent_agreement", value=float(agreeing.mean()), n=n, total=total, interval=interval)


def _counts(table: Array) -> Array:
    """How many raters gave each item each label, (items, labels)."""
    labels = np.unique(table[np.isfinite(table)])
    return np.stack([(table == label).sum(1) for label in labels], axis=1).astype(np.float64) if len(labels) else table
