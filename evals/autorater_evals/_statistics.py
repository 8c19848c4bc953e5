"""Statistics that the evaluations share: intervals over clusters, rank correlation."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

REPEATS = 4000
"""Bootstrap samples of a mean."""


def cluster_interval(values: Array, clusters: Sequence[str], *, repeats: int = REPEATS) -> tuple[float, float]:
    """95 % percentile bootstrap of the mean of `values` when whole clusters are drawn again; always the same draw."""
    names = sorted(set(clusters))
    members = [np.array([cluster == name for cluster in clusters]) for name in names]
    sums = np.array([values[member].sum() for member in members])
    counts = np.array([member.sum() for member in members])
    draw = np.random.default_rng(0).integers(0, len(names), (repeats, len(names)))
    return bounds(sums[draw].sum(1) / counts[draw].sum(1))


def bounds(values: Array) -> tuple[float, float]:
    """The 2.5 % and 97.5 % quantiles, without the values that are no number."""
    return float(np.nanquantile(values, 0.025)), float(np.nanquantile(values, 0.975))


def ranks(values: Array) -> Array:
    """Ranks from 1, ties share their mean rank."""
    order = np.sort(values)
    first, last = np.searchsorted(order, values, "left"), np.searchsorted(order, values, "right")
    return (first + last + 1) / 2


def rank_correlation(one: Array, other: Array) -> float:
    """Spearman's rho, -1 to 1; not a number when one side is constant."""
    first, second = ranks(one), ranks(other)
    first, second = first - first.mean(), second - second.mean()
    size = float(np.sqrt((first @ first) * (second @ second)))
    return float(first @ second) / size if size else float("nan")
