"""Intervals of any statistic of items that count several times, as they do when clusters are drawn again.

A statistic here takes the items' weights in each draw (draws, items), how often each is drawn, and gives its value in
each draw (draws,), NaN where it is not defined. One row of ones is the sample itself.
"""

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import numpy as np

from autorater_evals.figure import Interval
from autorater_evals.statistics.resampling import (
    DRAWS,
    Array,
    Index,
    bootstrap_sums,
    bootstrap_weights,
    percentile_interval,
)

Statistic = Callable[[Array], Array]


@dataclass(frozen=True)
class OfSums:
    """A statistic of sums over items, so that a bootstrap needs the sums of each cluster and no more."""

    columns: Any
    """What is summed, (items, columns), a numpy or a scipy sparse array."""
    value: Callable[[Array], Array]
    """From the totals (draws, columns) to the statistic (draws,)."""

    def __call__(self, weights: Array) -> Array:
        """The statistic when each item counts `weights` (draws, items) times."""
        return self.value(np.asarray(weights @ self.columns))


def in_sample(statistic: Statistic, count: int) -> float:
    """The statistic of the `count` items themselves."""
    return float(statistic(np.ones((1, count)))[0])


def each_row(value: Callable[[Array], float]) -> Callable[[Array], Array]:
    """A function of one draw's totals as a function of those of many."""
    return lambda rows: np.array([value(row) for row in rows])


def ratio(over: Array, under: Array) -> OfSums:
    """The sum of `over` (items,) to the sum of `under` (items,); NaN where that is 0."""

    def value(sums: Array) -> Array:
        return np.divide(sums[:, 0], sums[:, 1], out=np.full(len(sums), np.nan), where=sums[:, 1] != 0)

    return OfSums(np.column_stack([over, under]), value)


def statistic_interval(
    statistic: Statistic, numbers: Index, *, unit: str = "clusters", draws: int = DRAWS
) -> Interval | None:
    """95 % percentile bootstrap interval of `statistic` when whole clusters are drawn again.

    `numbers`: each item's cluster, from 0 without a gap; `unit` names the clusters. None with fewer than two, where
    more than 5 % of the draws leave it undefined, or where all give the same value: a bootstrap of perfect agreement
    has no width, which is no certainty.
    """
    count = int(numbers.max(initial=-1)) + 1
    if count < 2:
        return None
    if isinstance(statistic, OfSums):
        found = bootstrap_sums(_of_clusters(statistic.columns, numbers, count), statistic.value, draws=draws)
    else:
        found = bootstrap_weights(numbers, count, statistic, draws=draws)
    if np.isfinite(found).any() and np.nanmax(found) - np.nanmin(found) < 1e-12:
        return None
    return percentile_interval(found, count=count, unit="items" if count == len(numbers) else unit)


def _of_clusters(columns: Any, numbers: Index, count: int) -> Any:
    """The sums of each cluster, (clusters, columns)."""
    if count == len(numbers):
        return columns
    sparse: Any = import_module("scipy.sparse")
    shape = (count, len(numbers))
    member = sparse.csr_array((np.ones(len(numbers)), (numbers, np.arange(len(numbers)))), shape=shape)
    return member @ columns


def jackknife_interval(statistic: Statistic, numbers: Index, *, groups: int = 50) -> Interval | None:
    """95 % interval of a correlation by the delete-a-group jackknife on Fisher's z, for statistics too slow to draw.

    Clusters are dealt at random (always the same) into `groups`, and each is left out once (Kott, 2001, "The
    delete-a-group jackknife", Journal of Official Statistics 17(4)). None with too few clusters, or undefined.
    """
    stats: Any = import_module("scipy.stats")
    clusters = int(numbers.max(initial=-1)) + 1
    if clusters < 2 * groups:
        return None
    dealt = (np.random.default_rng(0).permutation(clusters) % groups)[numbers]
    found = np.array([float(statistic((dealt != group)[None].astype(np.float64))[0]) for group in range(groups)])
    whole = in_sample(statistic, len(numbers))
    if not np.isfinite(found).all() or abs(whole) >= 1 or bool((np.abs(found) >= 1).any()):
        return None
    centre, left = np.arctanh(whole), np.arctanh(found)
    error = np.sqrt((groups - 1) / groups * ((left - left.mean()) ** 2).sum())
    reach = float(stats.t.ppf(0.975, groups - 1)) * error
    method = f"delete-a-group jackknife on Fisher's z, {groups} groups of {clusters:,} clusters"
    return Interval(low=float(np.tanh(centre - reach)), high=float(np.tanh(centre + reach)), method=method)
