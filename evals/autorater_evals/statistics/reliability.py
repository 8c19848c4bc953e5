"""How far raters agree with each other: Krippendorff's alpha, Cohen's and Fleiss' kappa, percent agreement."""

from collections.abc import Sequence
from importlib import import_module
from typing import Any, Literal

import numpy as np

from autorater.errors import UsageError
from autorater_evals.figure import Figure, Interval
from autorater_evals.statistics.intervals import OfSums, each_row, ratio, statistic_interval
from autorater_evals.statistics.reading import Ratings, Scores, read_column, read_table
from autorater_evals.statistics.resampling import DRAWS, Array, Clusters, cluster_numbers

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
    items are drawn again instead, and alpha is computed anew from their coincidences; where there are more than 12
    levels that would not fit, and there is no interval. Null where every rating is the same.

    Raises:
        UsageError: not a table of items by raters, or not one cluster per item.

    """
    evalica: Any = import_module("evalica")
    pandas: Any = import_module("pandas")
    table = read_table(ratings, name="ratings")
    rated = np.isfinite(table).sum(1) >= 2
    n, total, measure = int(rated.sum()), len(table), f"alpha_{level}"
    numbers, _ = cluster_numbers(clusters, n=total, kept=rated)
    table = table[rated]
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
    if len(values) <= LEVELS:
        interval, note = statistic_interval(_alpha(table, level), numbers, unit=unit, draws=draws), ""
    value = float(evalica.alpha(frame, distance=level).alpha)
    return Figure(measure=measure, value=value, n=n, total=total, interval=interval, note=note)


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
) -> Figure:
    """Cohen's kappa of two raters' labels (items,), numbers, NaN or None where there is none; 1 at full agreement.

    `weights` count a disagreement by the distance of the two categories' places in order, not by their values: give
    all `categories` of the scale, since one that nobody used would otherwise draw its neighbours together. The
    interval is the large-sample one of Fleiss, Cohen and Everitt (1969), by statsmodels. Null where both raters gave
    one and the same label throughout.

    Raises:
        UsageError: a label that is not among `categories`, or raters with different numbers of items.

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
    table = np.bincount(codes[0] * len(levels) + codes[1], minlength=len(levels) ** 2).reshape(len(levels), -1)
    with np.errstate(all="ignore"):
        told = inter_rater.cohens_kappa(table, wt=weights)
        low, high = float(told.kappa_low), float(told.kappa_upp)
    interval = None
    if np.isfinite([low, high]).all() and high - low > 1e-12:
        interval = Interval(
            low=low, high=min(high, 1.0), method="large-sample normal (Fleiss, Cohen and Everitt, 1969)"
        )
    return Figure(measure=measure, value=value, n=n, total=total, interval=interval)


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
    table = read_table(ratings, name="ratings")
    given = np.isfinite(table).sum(1)
    kept = given >= 2
    n, total = int(kept.sum()), len(table)
    if not n:
        return Figure(measure="percent_agreement", value=None, n=0, total=total, note="no item has two ratings")
    pairs = (given * (given - 1.0))[kept]
    agreeing = ((_counts(table[kept]) ** 2).sum(1) - given[kept]) / pairs
    statistic = ratio(agreeing, np.ones(n))
    numbers, _ = cluster_numbers(clusters, n=total, kept=kept)
    interval = statistic_interval(statistic, numbers, unit=unit, draws=draws)
    return Figure(measure="percent_agreement", value=float(agreeing.mean()), n=n, total=total, interval=interval)


def _counts(table: Array) -> Array:
    """How many raters gave each item each label, (items, labels)."""
    labels = np.unique(table[np.isfinite(table)])
    return np.stack([(table == label).sum(1) for label in labels], axis=1).astype(np.float64) if len(labels) else table
