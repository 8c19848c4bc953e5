"""Attributes (aesthetic, anatomy, …): how they hang together for a judge and for people, and agreement on each."""

from collections.abc import Sequence
from itertools import combinations

import numpy as np

from autorater.canonical import Record
from autorater.errors import UsageError
from autorater_evals.figure import Figure, Interval
from autorater_evals.statistics._correlating import pearson_of
from autorater_evals.statistics.correlation import correlation
from autorater_evals.statistics.reading import Ratings, read_table
from autorater_evals.statistics.reliability import Level, Weights, cohen_kappa, krippendorff_alpha
from autorater_evals.statistics.resampling import (
    DRAWS,
    UNDEFINED,
    Array,
    Clusters,
    Index,
    cluster_numbers,
    cluster_sums,
    draw_weights,
    quantiles_95,
)


class AttributeMatrix(Record):
    """Pearson's correlation of each attribute with each other over items, as in figures 5 to 7 of paper 000."""

    names: tuple[str, ...]
    values: tuple[tuple[float | None, ...], ...]
    counts: tuple[tuple[int, ...], ...]
    """Items that have both attributes."""


class MatrixDistance(Record):
    """How far the judge's attribute correlations are from people's."""

    judge: AttributeMatrix
    people: AttributeMatrix
    frobenius: Figure
    """The root of the summed squared differences over pairs of attributes (upper triangle); 0 when equal. `n` and
    `total` count pairs of attributes."""
    mean_absolute: Figure
    frobenius_p: float | None
    mean_absolute_p: float | None
    """The share of permutations with a distance at least as large: small where judge and people really differ."""
    permutations: int
    items: int
    note: str = ""


class AttributeAgreement(Record):
    """Agreement of the judge with people on one attribute."""

    name: str
    alpha: Figure
    kappa: Figure
    pearson: Figure


def attribute_matrix(ratings: Ratings, *, names: Sequence[str]) -> AttributeMatrix:
    """The correlations of `ratings` (items, attributes), NaN or None where an attribute is not relevant to an item.

    Each pair of attributes over the items that have both; null where one of them is constant there.

    Raises:
        UsageError: not one column per name.

    """
    told = _table(ratings, names, "ratings")
    pairs = list(combinations(range(len(names)), 2))
    found = pearson_of(_sums(_standard(told), pairs).sum(0))
    given = np.isfinite(told).astype(np.int64)
    size = len(names)
    values: list[list[float | None]] = [[1.0 if i == j else None for j in range(size)] for i in range(size)]
    for (i, j), value in zip(pairs, found, strict=True):
        values[i][j] = values[j][i] = None if np.isnan(value) else float(value)
    for i in range(size):
        own = told[given[:, i] > 0, i]
        values[i][i] = 1.0 if len(own) > 1 and np.ptp(own) > 0 else None
    counts = tuple(tuple(map(int, row)) for row in given.T @ given)
    return AttributeMatrix(names=tuple(names), values=tuple(map(tuple, values)), counts=counts)


def matrix_distance(
    judge: Ratings,
    people: Ratings,
    *,
    names: Sequence[str],
    clusters: Clusters = None,
    unit: str = "clusters",
    permutations: int = 2000,
    draws: int = DRAWS,
) -> MatrixDistance:
    """The distance of the judge's attribute correlations from people's, with a permutation p.

    `judge` and `people` are (items, attributes), NaN or None for "not relevant". Each attribute is standardised in
    each of the two first, so that a stricter or wider scale is no difference. If judge and people were alike, a row
    could come from either: each permutation decides by a fair coin for each item, or each of `clusters`, which of the
    two rows is called the judge's, and computes both matrices anew; p = (1 + distances at least as large) / (1 +
    permutations). Paper 000 shows the matrices and tests nothing; the test is ours. The interval is the basic
    bootstrap over items or clusters, cut at 0: a distance grows by sampling noise alone, which a percentile interval
    would double.

    Raises:
        UsageError: tables of different shape, not one column per name, fewer than two attributes, or no item.

    """
    one, other = _table(judge, names, "judge"), _table(people, names, "people")
    if one.shape != other.shape:
        raise UsageError(f"expected one row per item in both, got {len(one)} of the judge and {len(other)} of people")
    if len(names) < 2 or not len(one):
        raise UsageError(f"expected two attributes and one item at least, got {len(names)} and {len(one)}")
    codes, count = cluster_numbers(clusters, n=len(one))
    pairs = list(combinations(range(len(names)), 2))
    sums = [_cluster_sums(_sums(_standard(side), pairs), codes, count) for side in (one, other)]
    whole = [side.sum(0) for side in sums]
    measured = _distances(*(pearson_of(side[:, None]) for side in whole))[:, 0]
    known = int(np.isfinite(pearson_of(whole[0]) + pearson_of(whole[1])).sum()) if pairs else 0
    swapped = _swapped(sums, permutations)
    drawn = _drawn(sums, draws) if count > 1 else np.full((2, 0), np.nan)
    drawn_things = f"{count:,} {'items' if count == len(codes) else unit}"

    def figure(measure: str, place: int) -> Figure:
        value = float(measured[place]) if known else None
        interval = None if value is None else _basic(value, drawn[place], drawn_things)
        return Figure(measure=measure, value=value, n=known, total=len(pairs), interval=interval)

    def share(place: int) -> float | None:
        reached = int((swapped[place] >= measured[place] * (1 - 1e-12)).sum())
        return (1 + reached) / (1 + permutations) if known else None

    return MatrixDistance(
        judge=attribute_matrix(one, names=names),
        people=attribute_matrix(other, names=names),
        frobenius=figure("frobenius_distance", 0),
        mean_absolute=figure("mean_absolute_difference", 1),
        frobenius_p=share(0),
        mean_absolute_p=share(1),
        permutations=permutations,
        items=len(one),
        note=f"by chance alone the Frobenius distance would be {np.nanmean(swapped[0]):.3g}" if known else "",
    )


def attribute_agreement(
    judge: Ratings,
    people: Ratings,
    *,
    names: Sequence[str],
    level: Level = "ordinal",
    weights: Weights | None = None,
    categories: Sequence[float] | None = None,
    clusters: Clusters = None,
    unit: str = "clusters",
) -> tuple[AttributeAgreement, ...]:
    """Krippendorff's alpha of judge and people as two raters, Cohen's kappa, and Pearson, for each attribute.

    `judge` and `people` are (items, attributes), NaN or None for "not relevant"; items where either has none are left
    out and counted. Kappa and Pearson are those of tables 1 and 2 of paper 000 (kappa without weights, on the five
    `categories` of its scale).

    Raises:
        UsageError: tables of different shape, not one column per name, or a label outside `categories`.

    """
    one, other = _table(judge, names, "judge"), _table(people, names, "people")
    if one.shape != other.shape:
        raise UsageError(f"expected one row per item in both, got {len(one)} of the judge and {len(other)} of people")
    return tuple(
        AttributeAgreement(
            name=name,
            alpha=krippendorff_alpha(
                np.stack([one[:, k], other[:, k]], axis=1), level=level, clusters=clusters, unit=unit
            ),
            kappa=cohen_kappa(
                one[:, k], other[:, k], weights=weights, categories=categories, clusters=clusters, unit=unit
            ),
            pearson=correlation(one[:, k], other[:, k], measure="pearson", clusters=clusters, unit=unit),
        )
        for k, name in enumerate(names)
    )


def _table(ratings: Ratings, names: Sequence[str], what: str) -> Array:
    found = read_table(ratings, name=what)
    if found.shape[1] != len(names):
        raise UsageError(f"{what}: expected {len(names)} columns ({', '.join(names)}), got {found.shape[1]}")
    return found


def _standard(values: Array) -> Array:
    """Each attribute with mean 0 and deviation 1 over the items that have it."""
    given = np.isfinite(values)
    often = np.maximum(given.sum(0), 1)
    centred = values - np.where(given, values, 0.0).sum(0) / often
    spread = np.sqrt(np.where(given, centred**2, 0.0).sum(0) / often)
    return centred / np.where(spread > 0, spread, 1.0)


def _sums(values: Array, pairs: list[tuple[int, int]]) -> Array:
    """Each item's part in the sums that Pearson's r of each pair needs, (items, 6, pairs); 0 where one is missing."""
    first, second = ([pair[side] for pair in pairs] for side in (0, 1))
    x, y = values[:, first], values[:, second]
    both = np.isfinite(x) & np.isfinite(y)
    x, y = np.where(both, x, 0.0), np.where(both, y, 0.0)
    return np.stack([both.astype(np.float64), x, y, x * x, y * y, x * y], axis=1)


def _cluster_sums(sums: Array, codes: Index, count: int) -> Array:
    flat = sums.reshape(len(sums), -1)
    return cluster_sums(flat, codes, count).reshape(count, *sums.shape[1:]) if flat.shape[1] else sums[:count]


def _distances(one: Array, other: Array) -> Array:
    """Frobenius distance and mean absolute difference, (2, draws), of correlations (draws, pairs) without NaN pairs."""
    apart = one - other
    known = np.isfinite(apart)
    apart = np.where(known, apart, 0.0)
    mean = np.abs(apart).sum(1) / np.maximum(known.sum(1), 1)
    return np.stack([np.sqrt((apart**2).sum(1)), np.where(known.any(1), mean, np.nan)])


def _swapped(sums: list[Array], permutations: int) -> Array:
    """Both distances (2, permutations) with the two rows of each cluster exchanged by a fair coin."""
    one, other = sums
    rng = np.random.default_rng(0)
    flat, total = (other - one).reshape(len(one), -1), one.sum(0) + other.sum(0)
    found: list[Array] = []
    for start in range(0, permutations, 100):
        coins = rng.integers(0, 2, (min(100, permutations - start), len(one))).astype(np.float64)
        mixed = one.sum(0) + (coins @ flat).reshape(-1, *one.shape[1:])
        found.append(_distances(*(pearson_of(np.moveaxis(side, 1, 0)) for side in (mixed, total - mixed))))
    return np.concatenate(found, axis=1)


def _drawn(sums: list[Array], draws: int) -> Array:
    """Both distances (2, draws) when clusters are drawn again."""
    found: list[Array] = []
    for weights in draw_weights(len(sums[0]), draws=draws):
        sides = [(weights @ side.reshape(len(side), -1)).reshape(-1, *side.shape[1:]) for side in sums]
        found.append(_distances(*(pearson_of(np.moveaxis(side, 1, 0)) for side in sides)))
    return np.concatenate(found, axis=1)


def _basic(value: float, found: Array, what: str) -> Interval | None:
    kept = found[np.isfinite(found)]
    if len(kept) < (1 - UNDEFINED) * len(found) or not len(kept):
        return None
    low, high = quantiles_95(kept)
    method = f"basic bootstrap, {len(found):,} draws of {what}, cut at 0"
    return Interval(low=max(0.0, 2 * value - high), high=max(0.0, 2 * value - low), method=method)
