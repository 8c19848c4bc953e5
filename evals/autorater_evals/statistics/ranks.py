"""Ranks and Spearman's rho in plain numpy, also when whole clusters are drawn again."""

from collections.abc import Callable

import numpy as np

from autorater_evals.statistics.resampling import Array


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


def weighted_ranker(values: Array) -> Callable[[Array], Array]:
    """The function from weights (draws, n) to the ranks (draws, n) that `values` (n,) have in each draw.

    A weight is how often the item was drawn, 0 and more; its copies are ties. Equal to `ranks` of the drawn items, but
    sorts once for all draws.
    """
    order = np.argsort(values, kind="stable")
    starts = np.flatnonzero(np.diff(values[order], prepend=-np.inf))
    group = np.empty(len(values), np.intp)
    group[order] = np.repeat(np.arange(len(starts)), np.diff(starts, append=len(values)))

    def ranked(weights: Array) -> Array:
        tied = np.add.reduceat(weights[:, order], starts, axis=1)
        below = np.cumsum(tied, axis=1) - tied
        return (below + (tied + 1) / 2)[:, group]

    return ranked


def weighted_correlation(one: Array, other: Array, weights: Array) -> Array:
    """Pearson's r of each draw, (draws,); `one` and `other` are (n,) or (draws, n), `weights` is (draws, n).

    Not a number where one side is constant.
    """
    size = weights.sum(1, keepdims=True)
    first = one - (weights * one).sum(1, keepdims=True) / size
    second = other - (weights * other).sum(1, keepdims=True) / size
    left, right = (weights * first * first).sum(1), (weights * second * second).sum(1)
    # What rounding leaves of a constant side is no variance.
    scale = 1e-12 * size[:, 0]
    defined = (left > scale * np.square(one).max()) & (right > scale * np.square(other).max())
    product = np.sqrt(np.where(defined, left * right, 1.0))
    return np.where(defined, (weights * first * second).sum(1) / product, np.nan)
