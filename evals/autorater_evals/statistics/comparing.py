"""Two runs on the same items: what their difference is worth. Differences are the second run minus the first."""

from importlib import import_module
from itertools import product
from typing import Any, Literal

import numpy as np

from autorater.canonical import Record
from autorater.errors import UsageError
from autorater_evals.figure import Figure
from autorater_evals.statistics._correlating import Measure, correlating
from autorater_evals.statistics.intervals import in_sample
from autorater_evals.statistics.missing import missing_bounds, undefined
from autorater_evals.statistics.resampling import (
    DRAWS,
    Array,
    Clusters,
    bootstrap_sums,
    bootstrap_weights,
    cluster_numbers,
    cluster_sums,
    few,
    percentile_interval,
)

Correlation = Literal["pearson", "spearman", "kendall"]
_MEASURES: dict[Correlation, Measure] = {"pearson": "pearson", "spearman": "spearman", "kendall": "kendall_b"}
FLIPS = 9999
"""Random sign flips of the permutation test, which has them all where there are no more."""


class Difference(Record):
    """A difference with its two-sided p; `p` is null where the figure is undefined or has no interval."""

    figure: Figure
    p: float | None


class Discordant(Record):
    """McNemar's exact test of the items on which one run is right and the other wrong."""

    first_only: int
    """Items that only the first run has right."""
    second_only: int
    p: float | None
    """Two-sided; null without items."""


class Comparison(Record):
    """All that is said of two runs on the same items."""

    difference: Difference
    """Of the means, with a bootstrap over clusters."""
    permutation_p: float | None
    """Two-sided, the runs exchanged within whole clusters."""
    mcnemar: Discordant | None
    """Null where values are not 0 or 1. It takes items as independent: with clusters its p is too small."""
    design_effect: Figure
    """Of the differences over clusters."""
    detectable: float | None
    """The least difference that such a comparison finds with 80 % power; null where the runs are equal on all items."""


def compare(one: Array, other: Array, *, clusters: Clusters = None, unit: str = "clusters") -> Comparison:
    """Two runs, their values from 0 to 1 for each item (n,), not a number where a run has no result.

    Raises:
        UsageError: Lengths differ, or a value is below 0 or above 1.

    """
    gaps = _gaps(one, other)
    apart = gaps[~np.isnan(gaps)]
    binary = bool(
        (np.isin(one, (0.0, 1.0)) | np.isnan(one)).all() and (np.isin(other, (0.0, 1.0)) | np.isnan(other)).all()
    )
    effect = design_effect(gaps, clusters=clusters, unit=unit)
    return Comparison(
        difference=difference(one, other, clusters=clusters, unit=unit),
        permutation_p=permutation_p(one, other, clusters=clusters),
        mcnemar=mcnemar(one, other) if binary else None,
        design_effect=effect,
        detectable=detectable_difference(
            len(apart), discordant=float(np.square(apart).mean()), design_effect=max(1.0, effect.value or 1.0)
        )
        if apart.any()
        else None,
    )


def difference(
    one: Array,
    other: Array,
    *,
    clusters: Clusters = None,
    unit: str = "clusters",
    measure: str = "difference",
    draws: int = DRAWS,
) -> Difference:
    """The mean of `other` minus the mean of `one` on the items that both have, -1 to 1, clusters drawn again.

    p is twice the smaller share of draws on one side of 0 (0 on both), so that it is below 0.05 about where the
    interval is off 0; at least 2 / (draws + 1). Where all items differ alike no draw differs: no interval, and p is 1
    for equal runs, else null.

    Raises:
        UsageError: Lengths differ, or a value is below 0 or above 1.

    """
    gaps = _gaps(one, other)
    there = ~np.isnan(gaps)
    numbers, count = cluster_numbers(clusters, n=len(there), kept=there)
    worst, best = (np.where(np.isnan(other), a, other) - np.where(np.isnan(one), 1 - a, one) for a in (0.0, 1.0))
    interval, p, remark = None, None, f"no interval: fewer than two {unit}"
    if count > 1 and bool((gaps[there] == gaps[there][0]).all()):
        p, remark = None if gaps[there][0] else 1.0, "no interval: the runs differ alike on all items"
    elif count > 1:
        sums = cluster_sums(np.stack([gaps[there], np.ones(int(there.sum()))], axis=1), numbers, count)
        found = bootstrap_sums(sums, lambda totals: totals[:, 0] / totals[:, 1], draws=draws)
        interval, p, remark = (
            percentile_interval(found, count=count, unit=unit),
            two_sided(found) if count >= LEAST else None,
            few(count, unit=unit),
        )
    figure = Figure(
        measure=measure,
        value=float(gaps[there].mean()) if there.any() else None,
        n=int(there.sum()),
        total=len(gaps),
        interval=interval,
        bounds=missing_bounds(gaps, worst=worst, best=best),
        note=remark,
    )
    return Difference(figure=figure, p=p)


LEAST = 6
"""Clusters from which on a bootstrap is trusted with a p: with fewer not even all of them on one side reach 0.05."""


def two_sided(draws: Array) -> float | None:
    """Twice the smaller share of draws on one side of 0, at most 1; None when none is defined."""
    defined = draws[np.isfinite(draws)]
    if not len(defined):
        return None
    side = min(int((defined <= 0).sum()), int((defined >= 0).sum()))
    return min(1.0, 2 * (side + 1) / (len(defined) + 1))


def mcnemar(one: Array, other: Array) -> Discordant:
    """McNemar's exact test (statsmodels) on right (1) and wrong (0) of two runs; items that one lacks are left out.

    Raises:
        UsageError: Lengths differ, or a value is neither 0 nor 1.

    """
    there = ~np.isnan(_gaps(one, other))
    first, second = one[there], other[there]
    if not (np.isin(first, (0.0, 1.0)).all() and np.isin(second, (0.0, 1.0)).all()):
        raise UsageError("expected 0 (wrong) or 1 (right) for McNemar's test; for other values use `difference`")
    only_one, only_other = int((first > second).sum()), int((second > first).sum())
    if not len(first):
        return Discordant(first_only=0, second_only=0, p=None)
    tables: Any = import_module("statsmodels.stats.contingency_tables")
    both = int((first * second).sum())
    table = [[both, only_one], [only_other, len(first) - both - only_one - only_other]]
    # Without discordant items statsmodels divides nothing by nothing; the exact p is 1.
    p = float(tables.mcnemar(table, exact=True).pvalue) if only_one + only_other else 1.0
    return Discordant(first_only=only_one, second_only=only_other, p=p)


def permutation_p(one: Array, other: Array, *, clusters: Clusters = None, flips: int = FLIPS) -> float | None:
    """Two-sided p of a difference of means when the runs are exchanged within whole clusters; None without items.

    Exact where all exchanges are no more than `flips`, else (1 + extreme) / (1 + flips) of random ones.

    Raises:
        UsageError: Lengths differ.

    """
    gaps = _gaps(one, other, limited=False)
    there = ~np.isnan(gaps)
    if not there.any():
        return None
    numbers, count = cluster_numbers(clusters, n=len(there), kept=there)
    sums = cluster_sums(gaps[there], numbers, count)[:, 0]
    sums = sums[sums != 0]  # exchanging equal runs changes nothing
    # Sums that differ by rounding only are equal.
    limit = abs(float(sums.sum())) - 1e-9 * float(np.abs(sums).sum())
    if 2 ** min(len(sums), 60) <= flips:
        every = np.array(list(product((-1.0, 1.0), repeat=len(sums))), np.float64)
        return float((np.abs(every @ sums) >= limit).mean())
    random, extreme = np.random.default_rng(0), 0
    most = max(1, (1 << 20) // len(sums))
    for start in range(0, flips, most):
        rows = min(most, flips - start)
        some = random.integers(0, 2, (rows, len(sums)), dtype=np.int8)
        extreme += int((np.abs((2.0 * some - 1.0) @ sums) >= limit).sum())
    return (1 + extreme) / (1 + flips)


def correlation_difference(
    human: Array,
    one: Array,
    other: Array,
    *,
    kind: Correlation,
    clusters: Clusters = None,
    unit: str = "clusters",
    draws: int = DRAWS,
) -> Difference:
    """How much better `other` correlates with people than `one`, -2 to 2, on the items that all three have.

    Whole clusters are drawn again, the same for both runs; "kendall" is tau-b. p as in `difference`,
    and no interval where no draw differs.

    Raises:
        UsageError: Lengths differ, or `kind` is unknown.

    """
    if kind not in _MEASURES:
        raise UsageError(f'expected "pearson", "spearman" or "kendall", got {kind!r}')
    if not len(human) == len(one) == len(other):
        raise UsageError(f"expected values for the same items, got {len(human)}, {len(one)} and {len(other)}")
    there = ~(np.isnan(human) | np.isnan(one) | np.isnan(other))
    measure = f"difference_{kind}"
    numbers, count = cluster_numbers(clusters, n=len(there), kept=there)
    columns = human[there], one[there], other[there]
    if len(columns[0]) < 2 or any(bool((column == column[0]).all()) for column in columns):
        return Difference(figure=undefined(measure, total=len(human), note="a side is constant"), p=None)
    first, second = (correlating(run, columns[0], _MEASURES[kind]) for run in columns[1:])

    def statistic(weights: Array) -> Array:
        return second(weights) - first(weights)

    n = len(columns[0])
    found = bootstrap_weights(numbers, count, statistic, draws=draws) if count > 1 else np.empty(0)
    value, defined = in_sample(statistic, n), found[np.isfinite(found)]
    if len(defined) and np.ptp(defined) < 1e-12:
        why = "no interval: the runs differ alike in all draws"
        alike = Figure(measure=measure, value=value, n=n, total=len(human), note=why)
        return Difference(figure=alike, p=1.0 if abs(value) < 1e-12 else None)
    interval = percentile_interval(found, count=count, unit=unit)
    note = few(count, unit=unit) if interval else f"no interval: fewer than two {unit}, or too many undefined draws"
    figure = Figure(measure=measure, value=value, n=n, total=len(human), interval=interval, note=note)
    return Difference(figure=figure, p=two_sided(found) if interval and count >= LEAST else None)


def design_effect(values: Array, *, clusters: Clusters = None, unit: str = "clusters") -> Figure:
    """How many times greater the variance of the mean is, for items of one cluster are alike; 1 for independent items.

    The cluster-robust (linearised) variance of the mean over that of independent items, as in Kish, "Survey Sampling"
    (1965). The error of a mean grows with its square root. Undefined with fewer than two clusters or equal values.
    """
    there = ~np.isnan(values)
    found = values[there]
    numbers, count = cluster_numbers(clusters, n=len(there), kept=there)
    if count < 2 or bool((found == found[0]).all()):
        reason = f"fewer than two {unit}" if count < 2 else "all values are equal"
        return undefined("design_effect", total=len(values), note=reason)
    rest = cluster_sums(found - found.mean(), numbers, count)[:, 0]
    clustered = count / (count - 1) * float(rest @ rest) / len(found) ** 2
    return Figure(
        measure="design_effect",
        value=clustered / (float(found.var(ddof=1)) / len(found)),
        n=len(found),
        total=len(values),
        note=f"{count:,} {unit}, {len(found) / count:.1f} items each",
    )


def detectable_difference(
    n: int, *, discordant: float, design_effect: float = 1.0, power: float = 0.8, alpha: float = 0.05
) -> float:
    """The least difference of two runs on the same `n` items that a two-sided test at `alpha` finds with `power`.

    (z(1 - alpha/2) + z(power)) * sqrt(discordant * design effect / n), the normal approximation of McNemar's test
    (Connor 1987, without its term in the squared difference). `discordant`: the share of items on which one run is
    right and the other wrong, 0 to 1; for other values the mean squared difference.

    Raises:
        UsageError: No items, a share outside of 0 to 1, a design effect of 0 or less.

    """
    if n < 1 or not 0 <= discordant <= 1 or not design_effect > 0:
        raise UsageError(
            "expected items, a discordant share from 0 to 1 and a design effect above 0, "
            f"got {n}, {discordant} and {design_effect}"
        )
    normal: Any = import_module("scipy.stats").norm
    return float((normal.ppf(1 - alpha / 2) + normal.ppf(power)) * np.sqrt(discordant * design_effect / n))


def _gaps(one: Array, other: Array, *, limited: bool = True) -> Array:
    if one.shape != other.shape:
        raise UsageError(f"expected two runs on the same items, got {len(one)} and {len(other)} items")
    if limited and any(bool(((run < 0) | (run > 1)).any()) for run in (one, other)):
        raise UsageError("expected values from 0 to 1 for each item; for others use `permutation_p`")
    return other - one
