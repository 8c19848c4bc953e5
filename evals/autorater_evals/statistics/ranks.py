"""Ranks and Spearman's rho in plain numpy, also when whole clusters are drawn again."""

from collections.abc import Callable

import numpy as np

from autorater_evals.statistics.resampling import Array, Index

_CELLS = 1 << 15
"""Numbers worked on at once: few enough that they stay near the processor."""


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


def weighted_spearman(one: Array, other: Array) -> Callable[[Array], Array]:
    """The function from weights (draws, n) to Spearman's rho of `one` and `other` (n,) in each draw.

    A weight is how often the item was drawn, 0 and more, in whole numbers; its copies are ties. Equal to
    `rank_correlation` of the drawn items, but sorts once for all draws. Not a number where one side is constant.
    """
    order = np.argsort(one, kind="stable")
    first = _starts(one[order])
    across = np.argsort(other[order], kind="stable")
    second = _starts(other[order][across])

    def rho(weights: Array) -> Array:
        mine = weights[:, order]
        total = mine.sum(1, keepdims=True)
        middle, spread = _middles(mine, first, total)
        theirs, other_spread = _middles(mine[:, across], second, total)
        # Each item's weight times its first rank, summed over the ties of the second.
        lifted = np.add.reduceat((mine * _spread_out(middle, first, mine.shape[1]))[:, across], second, axis=1)
        product = (lifted * theirs).sum(1)
        size = spread * other_spread
        defined = (spread > 0) & (other_spread > 0)
        return np.where(defined, np.clip(product / np.sqrt(np.where(defined, size, 1.0)), -1, 1), np.nan)

    def in_portions(weights: Array) -> Array:
        most = max(1, _CELLS // max(weights.shape[1], 1))
        return np.concatenate([rho(weights[start : start + most]) for start in range(0, len(weights), most)])

    return in_portions


def _starts(ordered: Array) -> Index:
    """Where each group of equal values begins."""
    return np.flatnonzero(np.diff(ordered, prepend=-np.inf))


def _middles(weights: Array, starts: Index, total: Array) -> tuple[Array, Array]:
    """The groups' middle ranks about their mean (draws, groups), and the sum of their squares over items (draws,)."""
    often = weights if len(starts) == weights.shape[1] else np.add.reduceat(weights, starts, axis=1)
    # The sum of t m^2 over groups of t items is (n^3 - sum of t^3) / 12.
    spread = (total[:, 0] ** 3 - (often * often * often).sum(1)) / 12
    middle = np.cumsum(often, axis=1)
    middle -= often / 2
    middle -= total / 2
    return middle, spread


def _spread_out(groups: Array, starts: Index, count: int) -> Array:
    """What each group has, for each of its items in their order."""
    return groups if len(starts) == count else np.repeat(groups, np.diff(starts, append=count), axis=1)
