"""Drawing whole clusters again: the bootstrap behind the intervals. The same input always gives the same draws.

Items of one prompt share its difficulty, so they are drawn together (arXiv 2411.00640: clustered errors are up to three
times the naive ones). A draw takes as many clusters as there are, with replacement: its weights are multinomial.
"""

from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from importlib import import_module
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from autorater.errors import UsageError
from autorater_evals.counting import many
from autorater_evals.figure import Interval

Array = NDArray[np.float64]
Index = NDArray[np.intp]
Mask = NDArray[np.bool_]
Clusters: TypeAlias = Sequence[str] | Index | None
"""The cluster of each item (n,): its name, or its number from 0; None: every item is its own."""

DRAWS = 2000
"""Bootstrap draws behind an interval."""
REPEATS = 4000
"""Draws of `cluster_interval`, whose figures are printed in tables that stand."""
FEW = 20
"""With fewer clusters a percentile interval is known to be too narrow, and a note says so."""
UNDEFINED = 0.05
"""No interval is given where more than this share of the draws leaves the statistic undefined."""
TOO_OFTEN = "no interval: too many draws leave it undefined"
_CELLS = 1 << 20
"""Numbers held at once: draws are made in portions, so that memory stays small with 100,000 items."""
_KEPT = 1 << 24
"""Draws of so many numbers (a byte each) are kept for the next statistic of as many clusters, the last twelve."""


def cluster_numbers(clusters: Clusters, *, n: int, kept: Mask | None = None) -> tuple[Index, int]:
    """Each item's cluster as a number from 0, in the order of the names, and how many clusters there are.

    `kept` (n,): only the items where it is true; the numbers have no gap all the same.

    Raises:
        UsageError: There is not one cluster for each of the `n` items.

    """
    if clusters is not None and len(clusters) != n:
        raise UsageError(f"expected the cluster of each of {n} items, got {len(clusters)} clusters")
    if clusters is None:
        left = n if kept is None else int(kept.sum())
        return np.arange(left), left
    if isinstance(clusters, np.ndarray):
        numbers = clusters
    else:
        number = {name: place for place, name in enumerate(sorted(set(clusters)))}
        numbers = np.fromiter(map(number.__getitem__, clusters), np.intp, n)
        if kept is None:
            return numbers, len(number)
    numbers = numbers if kept is None else numbers[kept]
    there = np.bincount(numbers) > 0
    return (np.cumsum(there) - 1)[numbers], int(there.sum())


def cluster_sums(values: Array, numbers: Index, count: int) -> Array:
    """Sums (count, columns) over the items of each cluster; `values` is (n,) or (n, columns)."""
    table = values.reshape(len(values), -1)
    sums = np.empty((count, table.shape[1]))
    for place, column in enumerate(table.T):
        sums[:, place] = np.bincount(numbers, weights=column, minlength=count)
    return sums


def draw_weights(count: int, *, draws: int = DRAWS, width: int = 0) -> Iterator[Array]:
    """How often each of `count` clusters was drawn: portions (some draws, count), `draws` rows in all.

    `width`: numbers that the caller will hold for each draw, where that is more than `count`.
    """
    most = max(1, _CELLS // max(count, width, 1))
    if count * draws <= _KEPT:
        kept = _kept_draws(count, draws)
        yield from (kept[start : start + most].astype(np.float64) for start in range(0, draws, most))
    else:
        yield from (drawn.astype(np.float64) for drawn in _new_draws(count, draws, most))


@lru_cache(maxsize=12)
def _kept_draws(count: int, draws: int) -> NDArray[np.uint8]:
    """All draws (draws, count). Nothing is drawn 256 times: the chance is below 1e-500."""
    most = max(1, _CELLS // max(count, 1))
    return np.concatenate([drawn.astype(np.uint8) for drawn in _new_draws(count, draws, most)])


def _new_draws(count: int, draws: int, most: int) -> Iterator[Index]:
    """Draws in portions (up to `most`, count); how they are portioned does not change them."""
    random = np.random.default_rng(0)
    for start in range(0, draws, most):
        rows = min(most, draws - start)
        drawn = random.integers(0, count, (rows, count), dtype=np.int32)  # the same numbers as 64 bits, in less time
        drawn += (np.arange(rows, dtype=np.int32) * count)[:, None]
        yield np.bincount(drawn.ravel(), minlength=rows * count).reshape(rows, count)


def bootstrap_sums(sums: Any, statistic: Callable[[Array], Array], *, draws: int = DRAWS) -> Array:
    """A statistic of sums over items in every draw, (draws,).

    `sums` (clusters, columns), a numpy or a scipy sparse array, are those of each cluster; `statistic` takes totals
    (rows, columns) to values (rows,).
    """
    count, width = sums.shape
    portions = draw_weights(count, draws=draws, width=width)
    return np.concatenate([statistic(np.asarray(weights @ sums)) for weights in portions])


def bootstrap_weights(numbers: Index, count: int, statistic: Callable[[Array], Array], *, draws: int = DRAWS) -> Array:
    """A statistic of items in every draw, (draws,): it takes the items' weights (rows, n) to values (rows,)."""
    portions = draw_weights(count, draws=draws, width=len(numbers))
    return np.concatenate([statistic(weights[:, numbers]) for weights in portions])


def bootstrap_items(numbers: Index, count: int, statistic: Callable[[Index], float], *, draws: int = DRAWS) -> Array:
    """Any statistic in every draw, (draws,), one draw after the other: it takes the indices of the drawn items."""
    places = np.arange(len(numbers))
    portions = draw_weights(count, draws=draws)
    return np.array([statistic(places.repeat(row.astype(np.intp)[numbers])) for rows in portions for row in rows])


def quantiles_95(values: Array) -> tuple[float, float]:
    """The 2.5 % and 97.5 % quantiles, without the values that are no number."""
    return float(np.nanquantile(values, 0.025)), float(np.nanquantile(values, 0.975))


def percentile_interval(values: Array, *, count: int, unit: str = "clusters", held: str = "") -> Interval | None:
    """The interval of bootstrap `values` (draws,) over `count` clusters; None when over 5 % are undefined.

    `held`: what was not fitted again in each draw, in words.
    """
    defined = int(np.isfinite(values).sum())
    if not defined or defined < (1 - UNDEFINED) * len(values):
        return None
    low, high = quantiles_95(values)
    method = f"cluster bootstrap, {len(values):,} draws of {count:,} {unit}"
    method += f", {len(values) - defined:,} of them undefined" if defined < len(values) else ""
    return Interval(low=low, high=high, method=method + (f", {held} held" if held else ""))


def drawn_interval(values: Array, *, count: int, unit: str = "clusters", held: str = "") -> tuple[Interval | None, str]:
    """`percentile_interval`, and the note that says why there is none or that it stands on few clusters.

    None also where no draw differs from the others: an interval without width is no certainty.
    """
    if count < 2:
        return None, f"no interval: fewer than two {unit}"
    known = values[np.isfinite(values)]
    if len(known) and np.ptp(known) < 1e-12:
        return None, "no interval: no draw differs"
    interval = percentile_interval(values, count=count, unit=unit, held=held)
    return interval, few(count, unit=unit) if interval else TOO_OFTEN


def wilson(hits: float, n: int, *, method: str = "Wilson") -> Interval:
    """Wilson's interval of a share of `hits` among `n` independent items (scipy)."""
    statistics: Any = import_module("scipy.stats")
    found = statistics.binomtest(round(hits), n).proportion_ci(0.95, "wilson")
    return Interval(low=float(found.low), high=float(found.high), method=method)


def mean_interval(
    values: Array, *, clusters: Clusters = None, unit: str = "clusters", held: str = "", draws: int = DRAWS
) -> tuple[Interval | None, str]:
    """The interval of the mean of `values` (n,), and a note where a reader must know more.

    Wilson where values are 0 or 1 and each item is its own cluster, else a percentile bootstrap over clusters. When all
    values are 0 or all are 1 a bootstrap has no width: then Wilson over the clusters, as if each were one item.
    """
    numbers, count = cluster_numbers(clusters, n=len(values))
    if count < 2:
        return None, f"no interval: fewer than two {unit}" if len(values) else ""
    binary = bool(np.isin(values, (0.0, 1.0)).all())
    if binary and count == len(values):
        return wilson(float(values.sum()), count, method=f"Wilson, {held} held" if held else "Wilson"), ""
    if bool((values == values[0]).all()):
        if not binary:
            return None, "no interval: all values are equal"
        return wilson(count * float(values[0]), count, method=f"Wilson over {count:,} {unit}, all items alike"), ""
    sums = cluster_sums(np.stack([values, np.ones(len(values))], axis=1), numbers, count)
    means = bootstrap_sums(sums, lambda totals: totals[:, 0] / totals[:, 1], draws=draws)
    interval = percentile_interval(means, count=count, unit=unit, held=held)
    return interval, few(count, unit=unit) if interval else TOO_OFTEN


def few(count: int, *, unit: str = "clusters") -> str:
    """The note on an interval over few clusters, or nothing."""
    return f"only {many(count, unit.removesuffix('s'))}: the interval is too narrow" if count < FEW else ""


def cluster_interval(values: Array, clusters: Sequence[str], *, repeats: int = REPEATS) -> tuple[float, float]:
    """95 % percentile bootstrap of the mean of `values` when whole clusters are drawn again; always the same draw."""
    numbers, count = cluster_numbers(clusters, n=len(values))
    sums = cluster_sums(np.stack([values, np.ones(len(values))], axis=1), numbers, count)
    return quantiles_95(bootstrap_sums(sums, lambda totals: totals[:, 0] / totals[:, 1], draws=repeats))


def half_of_clusters(clusters: Clusters, *, n: int) -> Mask:
    """True for the items (n,) of a random half of the clusters (the larger one when they are odd), always the same."""
    numbers, count = cluster_numbers(clusters, n=n)
    chosen = np.random.default_rng(0).permutation(count) < (count + 1) // 2
    return chosen[numbers]
