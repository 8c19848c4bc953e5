"""Correlations of items that count several times: what a bootstrap asks for a thousand times."""

from functools import partial
from importlib import import_module
from typing import Any, Literal

import numpy as np

from autorater_evals.statistics._drawing import OfSums, Statistic
from autorater_evals.statistics.resampling import Array, Index

Measure = Literal["pearson", "pearson_logistic4", "pearson_logistic5", "spearman", "kendall_b", "kendall_c"]

CELLS = 4096
"""Kendall is counted from a table of levels where the table has at most so many cells."""


def correlating(one: Array, other: Array, measure: Measure) -> Statistic:
    """A function from how often each item counts (items,) to the correlation; NaN where it is not defined."""
    if measure in ("spearman", "kendall_b", "kendall_c"):
        return _by_rank(one, other, measure)
    return pearson(one, other)


def slow(one: Array, other: Array, measure: Measure, *, most: int = 3000) -> bool:
    """Whether a thousand draws of it take minutes: Kendall of more than `most` items with many levels."""
    return measure.startswith("kendall") and len(one) > most and len(np.unique(one)) * len(np.unique(other)) > CELLS


def pearson(one: Array, other: Array) -> OfSums:
    """Pearson's r from weighted sums of centred values."""
    x, y = (side - side.mean() if len(side) else side for side in (one, other))
    columns = np.stack([np.ones_like(x), x, y, x * x, y * y, x * y], axis=1)
    return OfSums(columns, lambda sums: float(pearson_of(sums)))


def pearson_of(sums: Array) -> Array:
    """Pearson's r from the sums of w, wx, wy, wxx, wyy, wxy, shape (6, ...); NaN where a side is constant.

    The values must be centred near zero, else the difference of the squares loses its digits.
    """
    w, x, y, xx, yy, xy = sums
    spread_x, spread_y = w * xx - x * x, w * yy - y * y
    defined = (spread_x > 1e-12 * w * xx) & (spread_y > 1e-12 * w * yy)
    size = np.sqrt(np.where(defined, spread_x, 1.0)) * np.sqrt(np.where(defined, spread_y, 1.0))
    return np.where(defined, np.clip((w * xy - x * y) / size, -1, 1), np.nan)


def _by_rank(one: Array, other: Array, measure: Measure) -> Statistic:
    """Spearman or Kendall: from the table of levels where that is small, else from the items."""
    (rows, x), (columns, y) = ((len(levels), codes) for levels, codes in map(_levels, (one, other)))
    if rows * columns <= CELLS:
        sparse: Any = import_module("scipy.sparse")
        places = (np.arange(len(x)), x * columns + y)
        cells = sparse.csr_array((np.ones(len(x)), places), shape=(len(x), rows * columns))
        of_table = _spearman_of if measure == "spearman" else partial(_kendall_of, measure=measure)
        return OfSums(cells, lambda counts: of_table(counts.reshape(rows, columns)))
    return partial(_spearman, x, y) if measure == "spearman" else partial(_kendall, x, y, measure)


def _spearman(x: Index, y: Index, weights: Array) -> float:
    """Pearson's r of mid-ranks, which are counted anew from the weights of each level."""
    total = weights.sum()
    centred: list[Array] = []
    spread = 1.0
    for codes in (x, y):
        often = np.bincount(codes, weights)
        middle = np.cumsum(often) - often / 2 - total / 2
        spread *= float(often @ (middle * middle))
        centred.append(middle[codes])
    if spread <= 0:
        return float("nan")
    return float(np.clip((weights * centred[0]) @ centred[1] / np.sqrt(spread), -1, 1))


def _spearman_of(table: Array) -> float:
    """The same from how often each pair of levels is there."""
    sides = table.sum(1), table.sum(0)
    x, y = (np.cumsum(often) - often / 2 - often.sum() / 2 for often in sides)
    spread = float(sides[0] @ (x * x)) * float(sides[1] @ (y * y))
    return float(np.clip(x @ table @ y / np.sqrt(spread), -1, 1)) if spread > 0 else float("nan")


def _kendall(x: Index, y: Index, measure: Measure, weights: Array) -> float:
    stats: Any = import_module("scipy.stats")
    often = weights.astype(np.int64)
    first, second = np.repeat(x, often), np.repeat(y, often)
    if len(first) < 2 or np.ptp(first) == 0 or np.ptp(second) == 0:
        return float("nan")
    return float(stats.kendalltau(first, second, variant=measure[-1], method="asymptotic").statistic)  # p is not used


def _levels(side: Array) -> tuple[Array, Index]:
    levels, codes = np.unique(side, return_inverse=True)
    return levels, codes


def _kendall_of(table: Array, *, measure: Measure) -> float:
    """Kendall's tau-b, or Stuart's tau-c, from how often each pair of levels is there."""
    table = table[table.sum(1) > 0][:, table.sum(0) > 0]
    if min(table.shape) < 2:
        return float("nan")
    total = table.sum()
    below = np.cumsum(np.cumsum(table, 0), 1)  # items at or below both levels
    left = np.cumsum(np.cumsum(table[:, ::-1], 0), 1)[:, ::-1]  # at or below the first, at or above the second
    excess = (table[1:, 1:] * below[:-1, :-1]).sum() - (table[1:, :-1] * left[:-1, 1:]).sum()
    if measure == "kendall_c":
        least = min(table.shape)
        return float(2 * excess / total**2 * least / (least - 1))
    pairs = [(total**2 - (side**2).sum()) / 2 for side in (table.sum(1), table.sum(0))]
    return float(excess / np.sqrt(pairs[0] * pairs[1]))
