"""What a perfect judge could reach: the reliability of people's mean ratings, and each person against the others."""

import numpy as np

from autorater.errors import UsageError
from autorater_evals.figure import Figure
from autorater_evals.statistics._correlating import Measure, correlating, pearson_of
from autorater_evals.statistics.correlation import Average, mean_correlation
from autorater_evals.statistics.intervals import OfSums, in_sample, ratio, statistic_interval
from autorater_evals.statistics.reading import Ratings, read_rated_twice, read_table
from autorater_evals.statistics.resampling import DRAWS, Array, Clusters, Index, cluster_numbers


def split_half(
    ratings: Ratings, *, clusters: Clusters = None, unit: str = "clusters", splits: int = 50, draws: int = DRAWS
) -> Figure:
    """The reliability of the mean rating: the correlation of two random halves of the raters, stepped up to all.

    `ratings` (items, raters), NaN or None where a rater gave none. Each item's ratings are halved at random (one is set
    aside where their number is odd), the halves' means are correlated over the items (Pearson), and Spearman and
    Brown's formula tells what all raters together would give: m r / (1 + (m - 1) r), m the ratio of all ratings to
    those in a half. The value is the mean over `splits`, always the same ones. A judge's Pearson correlation with the
    mean rating cannot pass the square root of it in expectation. Items with fewer than two ratings are left out and
    counted. The interval draws items, or whole `clusters`, again, the splits kept.

    Raises:
        UsageError: not a table of items by raters, or not one cluster per item.

    """
    table, numbers, total = read_rated_twice(ratings, clusters)
    given, n = np.isfinite(table).sum(1), len(table)
    if n < 2:
        return Figure(measure="split_half", value=None, n=n, total=total, note="fewer than two items have two ratings")
    half = given // 2
    longer = float(given.mean() / half.mean())
    one, other = (side - np.nanmean(table) for side in _halves(table, half, splits=splits))
    products = np.stack([np.ones_like(one), one, other, one * one, other * other, one * other], axis=1)

    def reliability(sums: Array) -> Array:
        found = pearson_of(np.moveaxis(sums.reshape(len(sums), 6, -1), 1, 0))
        return (longer * found / np.maximum(1 + (longer - 1) * found, 1e-9)).mean(1)

    statistic = OfSums(products.reshape(n, -1), reliability)
    value = in_sample(statistic, n)
    if np.isnan(value):
        return Figure(measure="split_half", value=None, n=n, total=total, note="a half gave every item the same")
    interval = statistic_interval(statistic, numbers, unit=unit, draws=draws)
    note = f"{splits} random halvings, {given.mean():.3g} ratings an item, stepped up by Spearman and Brown"
    return Figure(measure="split_half", value=value, n=n, total=total, interval=interval, note=note)


def _halves(table: Array, half: Index, *, splits: int) -> tuple[Array, Array]:
    """The means of two random halves of each item's ratings, each (items, splits)."""
    rng, rows = np.random.default_rng(0), np.arange(len(table))
    sides: tuple[list[Array], list[Array]] = ([], [])
    for _ in range(splits):
        order = np.where(np.isfinite(table), rng.random(table.shape), np.inf).argsort(1)  # those not given come last
        dealt = np.take_along_axis(np.nan_to_num(table), order, 1)
        run = np.cumsum(np.pad(dealt, ((0, 0), (1, 0))), axis=1)
        first, both = run[rows, half], run[rows, 2 * half]
        sides[0].append(first / half)
        sides[1].append((both - first) / half)
    return np.stack(sides[0], 1), np.stack(sides[1], 1)


def leave_one_out(
    ratings: Ratings,
    *,
    measure: Measure = "spearman",
    average: Average = "fisher",
    clusters: Clusters = None,
    unit: str = "clusters",
    draws: int = DRAWS,
) -> Figure:
    """The correlation of each rater with the mean of the others, averaged over raters: a person as the judge.

    `ratings` (items, raters), one column a person, NaN or None where one gave none. Raters that have no correlation
    (one rating, always the same) are left out of the average and counted in the note; `n` counts items with two
    ratings. The interval draws items, or whole `clusters`, again.

    Raises:
        UsageError: not a table of items by raters, not one cluster per item, or a measure with a logistic curve.

    """
    if measure in ("pearson_logistic4", "pearson_logistic5"):
        raise UsageError(f"leave_one_out: expected pearson, spearman or kendall, got {measure}")
    table, numbers, total = read_rated_twice(ratings, clusters)
    given = np.isfinite(table)
    filled = np.where(given, table, 0.0)
    others = (filled.sum(1, keepdims=True) - filled) / np.maximum(given.sum(1, keepdims=True) - given, 1)
    raters = [np.flatnonzero(column) for column in given.T]
    parts = [(rows, correlating(table[rows, j], others[rows, j], measure)) for j, rows in enumerate(raters)]
    values = np.array([in_sample(part, len(rows)) for rows, part in parts])
    parts = [part for part, value in zip(parts, values, strict=True) if np.isfinite(value)]
    name, n = f"leave_one_out_{measure}", len(table)
    note = f"{len(parts)} of {len(raters)} raters have a correlation"
    if not parts:
        return Figure(measure=name, value=None, n=n, total=total, note=note)

    def statistic(weights: Array) -> Array:
        return mean_correlation(np.stack([part(weights[:, rows]) for rows, part in parts]), average)

    interval = statistic_interval(statistic, numbers, unit=unit, draws=draws)
    return Figure(measure=name, value=in_sample(statistic, n), n=n, total=total, interval=interval, note=note)


def leave_one_out_majority(
    votes: Ratings, *, clusters: Clusters = None, unit: str = "clusters", draws: int = DRAWS
) -> Figure:
    """How often a rater gives the label that most of the others give: the accuracy of a person as the judge, 0 to 1.

    `votes` (items, raters): labels as numbers (-1, 0, 1 for a pair), NaN or None where a rater gave none. `total` is
    the votes on items that somebody else voted on; those whose others are split evenly have no majority to meet, are
    left out of `n`, and `bounds` tell the value if all of them had missed or met it. The interval draws items, or whole
    `clusters`, again.

    Raises:
        UsageError: not a table of items by raters, or not one cluster per item.

    """
    table = read_table(votes, name="votes")
    labels = np.unique(table[np.isfinite(table)])
    own = (table[:, :, None] == labels).astype(np.int64)  # items, raters, labels
    others = own.sum(1, keepdims=True) - own
    most = others.max(2, initial=0)
    voted = np.isfinite(table) & (most > 0)
    clear = voted & ((others == most[:, :, None]).sum(2) == 1)
    met = clear & ((own * others).sum(2) == most)
    hits, counted = met.sum(1).astype(np.float64), clear.sum(1).astype(np.float64)
    n, total, right = int(counted.sum()), int(voted.sum()), float(hits.sum())
    name = "leave_one_out_majority"
    if not n:
        return Figure(measure=name, value=None, n=0, total=total, note="no vote has a majority of others to meet")
    used = counted > 0
    statistic = ratio(hits[used], counted[used])
    interval = statistic_interval(
        statistic, cluster_numbers(clusters, n=len(table), kept=used)[0], unit=unit, draws=draws
    )
    bounds = (right / total, (right + total - n) / total)
    note = f"{total - n:,} votes left out whose others are split evenly" if n < total else ""
    return Figure(measure=name, value=right / n, n=n, total=total, interval=interval, bounds=bounds, note=note)
