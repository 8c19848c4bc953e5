"""Drawing whole clusters again: how often each item is in a draw, and the interval of what the draws gave.

A statistic here is a function of the items' weights (how often each is drawn; all ones is the sample itself) that
returns NaN where it is not defined.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import numpy as np

from autorater.errors import UsageError
from autorater_evals.figure import Interval
from autorater_evals.statistics.resampling import Array, Index, cluster_numbers, draw_weights, percentile_interval

Statistic = Callable[[Array], float]


@dataclass(frozen=True)
class OfSums:
    """A statistic of sums over items, so that a bootstrap needs the sums of each cluster and no more."""

    columns: Any
    """What is summed, (items, columns), a numpy or a scipy sparse array."""
    value: Callable[[Array], float]
    """From the totals (columns,) to the statistic."""

    def __call__(self, weights: Array) -> float:
        """The statistic when each item counts `weights` (items,) times."""
        return self.value(np.asarray(weights @ self.columns))


DRAWS = 1000
"""Bootstrap samples of a figure."""

UNDEFINED = 0.05
"""An interval is not given where more than this share of the draws left the statistic undefined."""


def ratio(over: Array, under: Array) -> OfSums:
    """The sum of `over` (items,) to the sum of `under` (items,); NaN where that is 0."""
    return OfSums(np.column_stack([over, under]), lambda sums: float(sums[0] / sums[1]) if sums[1] else float("nan"))


def numbers(values: Sequence[float | None] | Array, *, name: str, like: int | None = None) -> Array:
    """`values` as float64 of shape (items,), None as NaN.

    Raises:
        UsageError: more than one dimension, an infinite value, or not `like` many.

    """
    array = np.asarray(values, dtype=np.float64)
    if array.ndim != 1:
        raise UsageError(f"{name}: expected one number per item, got an array of shape {array.shape}")
    if np.isinf(array).any():
        raise UsageError(f"{name}: item {int(np.isinf(array).argmax())} is infinite; pass NaN where there is no value")
    if like is not None and len(array) != like:
        raise UsageError(f"{name}: expected {like} values, one per item, got {len(array)}")
    return array


def matrix(values: Sequence[Sequence[float | None]] | Array, *, name: str) -> Array:
    """`values` as float64 of shape (items, columns), None as NaN.

    Raises:
        UsageError: not two dimensions, or an infinite value.

    """
    array = np.asarray(values, dtype=np.float64)
    if array.ndim != 2:
        raise UsageError(f"{name}: expected a row per item, got an array of shape {array.shape}")
    if np.isinf(array).any():
        raise UsageError(f"{name}: row {int(np.isinf(array).any(1).argmax())} is infinite; pass NaN for no value")
    return array


def renumbered(codes: Index) -> Index:
    """The same clusters numbered 0 upwards without a gap, after some items were left out."""
    return np.unique(codes, return_inverse=True)[1]


def codes_of(clusters: Sequence[str] | None, *, count: int) -> Index:
    """The number of each item's cluster; without `clusters` each item is its own.

    Raises:
        UsageError: not one cluster per item.

    """
    return cluster_numbers(clusters, n=count)[0]


def cluster_interval(
    statistic: Statistic, codes: Index, *, unit: str = "clusters", draws: int = DRAWS
) -> Interval | None:
    """95 % percentile bootstrap interval of `statistic` when whole clusters are drawn again.

    `unit` names the clusters. None with fewer than two, where more than 5 % of the draws leave it undefined, or where
    all give the same value: a bootstrap of perfect agreement has no width, which is no certainty.
    """
    codes = renumbered(codes)
    clusters = int(codes.max(initial=-1)) + 1
    if clusters < 2:
        return None
    own = clusters == len(codes)
    if isinstance(statistic, OfSums):
        sums = _of_clusters(statistic.columns, codes, clusters)
        portions = draw_weights(clusters, draws=draws, width=sums.shape[1])
        found = np.array([statistic.value(row) for rows in portions for row in np.asarray(rows @ sums)])
    else:
        portions = draw_weights(clusters, draws=draws, width=len(codes))
        found = np.array([statistic(row) for rows in portions for row in rows[:, codes]])
    if np.isfinite(found).any() and np.nanmax(found) - np.nanmin(found) < 1e-12:
        return None
    return interval_of(found, count=clusters, unit="items" if own else unit)


def _of_clusters(columns: Any, codes: Index, clusters: int) -> Any:
    """The sums of each cluster, (clusters, columns)."""
    if clusters == len(codes):
        return columns
    sparse: Any = import_module("scipy.sparse")
    member = sparse.csr_array((np.ones(len(codes)), (codes, np.arange(len(codes)))), shape=(clusters, len(codes)))
    return member @ columns


def interval_of(found: Array, *, count: int, unit: str) -> Interval | None:
    """The percentile interval of the draws; None where more than 5 % of them are undefined."""
    if np.isfinite(found).mean() < 1 - UNDEFINED:
        return None
    return percentile_interval(found, count=count, unit=unit)


def jackknife_interval(statistic: Statistic, codes: Index, *, groups: int = 50) -> Interval | None:
    """95 % interval of a correlation by the delete-a-group jackknife on Fisher's z, for statistics too slow to draw.

    Clusters are dealt at random (always the same) into `groups`, and each is left out once (Kott, 2001, "The
    delete-a-group jackknife", Journal of Official Statistics 17(4)). None with too few clusters, or undefined.
    """
    stats: Any = import_module("scipy.stats")
    codes = renumbered(codes)
    clusters = int(codes.max(initial=-1)) + 1
    if clusters < 2 * groups:
        return None
    dealt = (np.random.default_rng(0).permutation(clusters) % groups)[codes]
    found = np.array([statistic((dealt != group).astype(np.float64)) for group in range(groups)])
    whole = statistic(np.ones(len(codes)))
    if not np.isfinite(found).all() or abs(whole) >= 1 or bool((np.abs(found) >= 1).any()):
        return None
    centre, left = np.arctanh(whole), np.arctanh(found)
    error = np.sqrt((groups - 1) / groups * ((left - left.mean()) ** 2).sum())
    reach = float(stats.t.ppf(0.975, groups - 1)) * error
    method = f"delete-a-group jackknife on Fisher's z, {groups} groups of {clusters:,} clusters"
    return Interval(low=float(np.tanh(centre - reach)), high=float(np.tanh(centre + reach)), method=method)
