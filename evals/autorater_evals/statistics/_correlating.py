"""Correlations of items that count several times: what a bootstrap asks for two thousand times."""

from functools import partial
from importlib import import_module
from typing import Any, Literal

import numpy as np

from autorater_evals.statistics.intervals import OfSums, Statistic, each_row
from autorater_evals.statistics.ranks import weighted_spearman
from autorater_evals.statistics.resampling import Array, Index

Measure = Literal["pearson", "pearson_logistic4", "pearson_logistic5", "spearman", "kendall_b", "kendall_c"]

CELLS = 4096
"""Kendall is counted from a table of levels where the table has at most so many cells."""


def correlating(one: Array, other: Array, measure: Measure) -> Statistic:
    """A function from how often each item counts, (draws, items), to the correlation; NaN where it is not defined."""
    if measure in ("spearman", "kendall_b", "kendall_c"):
        return _by_rank(one, other, measure)
    return pearson(one, other)


def slow(one: Array, other: Array, measure: Measure, *, most: int = 3000) -> bool:
    """Whether two thousand draws of it take minutes: Kendall of more than `most` items with many levels."""
    return measure.startswith("kendall") and len(one) > most and len(np.unique(one)) * len(np.unique(other)) > CELLS


def pearson(one: Array, other: Array) -> OfSums:
    """Pearson's r from weighted sums of centred values."""
    x, y = (side - side.mean() if len(side) else side for side in (one, other))
    columns = np.stack([np.ones_like(x), x, y, x * x, y * y, x * y], axis=1)
    return OfSums(columns, lambda sums: pearson_of(sums.T))


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
        if measure == "spearman":
            return OfSums(cells, lambda counts: _spearman_of(counts.reshape(len(counts), rows, columns)))
        return OfSums(cells, each_row(lambda counts: _kendall_of(counts.reshape(rows, columns), measure=measure)))
    return weighted_spearman(one, other) if measure == "spearman" else each_row(partial(_kendall, x, y, measure))


def _spearman_of(tables: Array) -> Array:
    """Spearman's rho from how often each pair of levels is there, (draws, levels, levels)."""
    centred: list[Array] = []
    spread = np.ones(len(tables))
    for often in (tables.sum(2), tables.sum(1)):
        middle = np.cumsum(often, axis=1) - often / 2 - often.sum(1, keepdims=True) / 2
        spread *= (often * middle * middle).sum(1)
        centred.append(middle)
    product = (centred[0][:, None] @ tables @ centred[1][:, :, None])[:, 0, 0]
    defined = spread > 0
    return np.where(defined, np.clip(product / np.sqrt(np.where(defined, spread, 1.0)), -1, 1), np.nan)


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
