"""What callers give, as arrays: columns and tables of numbers, in which None and not a number say "no value"."""

from collections.abc import Sequence
from typing import TypeAlias

import numpy as np

from autorater.errors import UsageError
from autorater_evals.statistics.resampling import Array, Clusters, Index, cluster_numbers

Scores: TypeAlias = Sequence[float | None] | Array
"""One number per item, (items,)."""
Ratings: TypeAlias = Sequence[Sequence[float | None]] | Array
"""A row per item, a column per rater or attribute, (items, columns)."""


def read_column(values: Scores, *, name: str, like: int | None = None) -> Array:
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


def read_table(values: Ratings, *, name: str) -> Array:
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


def read_rated_twice(ratings: Ratings, clusters: Clusters) -> tuple[Array, Index, int]:
    """Ratings (items, raters) of the items that have two or more, each's cluster by number, and all items' count.

    Raises:
        UsageError: not a table of items by raters, or not one cluster per item.

    """
    table = read_table(ratings, name="ratings")
    kept = np.isfinite(table).sum(1) >= 2
    return table[kept], cluster_numbers(clusters, n=len(table), kept=kept)[0], len(table)
