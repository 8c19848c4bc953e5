"""Choose a subset on some prompts, report it on the others, and say what the search itself has added."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import numpy as np

from autorater_evals.counting import many
from autorater_evals.grid.result import Choice, Splits, Tried
from autorater_evals.grid.subsets import Names, choosing, label, short_label
from autorater_evals.grid.target import Target
from autorater_evals.statistics.comparing import Difference, permutation_p
from autorater_evals.statistics.ranks import ranks
from autorater_evals.statistics.resampling import Array, Mask, cluster_numbers, cluster_sums

COVERED = 0.95
"""A subset may be chosen when it has at least this share of the results of the subset with the most."""
SPLITS = 200
_RANKED = 10_000_000
"""Marks that repeated splits may rank in all; fewer splits are made where there are more."""


@dataclass(frozen=True)
class Marks:
    """The marks of every subset, (subsets, units), NaN without a result."""

    target: Target
    subsets: tuple[Names, ...]
    array: Array

    def of(self, names: Names) -> Array | None:
        """The marks of one subset; None when it was not tried."""
        return self.array[self.subsets.index(names)] if names in self.subsets else None


def values_of(marks: Array, target: Target) -> Array:
    """The measure of each row of `marks` (subsets, units), (subsets,); NaN where it is undefined."""
    return np.array([value_of(row, target.people, target) for row in marks])


def value_of(row: Array, people: Array, target: Target) -> float:
    """The measure of one subset's marks (units,) on the units that have one."""
    there = ~np.isnan(row)
    if not target.correlates:
        return float(row[there].mean()) if there.any() else float("nan")
    one, other = row[there], people[there]
    if len(one) < 2 or bool((one == one[0]).all()) or bool((other == other[0]).all()):
        return float("nan")
    if target.measure == "kendall_b":
        stats: Any = import_module("scipy.stats")
        return float(stats.kendalltau(one, other).statistic)
    if target.measure == "spearman":
        one, other = ranks(one), ranks(other)
    return float(np.corrcoef(one, other)[0, 1])


def eligible_of(marks: Array) -> Mask:
    """Which subsets (rows) have results for nearly as many units as the one with the most, (subsets,)."""
    counts = (~np.isnan(marks)).sum(1)
    return (counts > 0) & (counts >= COVERED * counts.max(initial=0))


def best_of(values: Array, eligible: Mask, subsets: Sequence[Names]) -> int | None:
    """The place of the best; of equal ones the smaller subset, then the first by name."""
    allowed = np.flatnonzero(eligible & np.isfinite(values)).tolist()
    if not allowed:
        return None
    return int(min(allowed, key=lambda place: (-round(float(values[place]), 12), len(subsets[place]), subsets[place])))


def choose(marks: Marks, tried: Sequence[Tried], chooses: Mask, *, pool: Names) -> Choice | None:
    """The best subset on the units that choose, and its figure on the others; None when none has a figure."""
    target, array = marks.target, marks.array
    eligible = eligible_of(array[:, chooses])
    first = best_of(_values(marks, chooses), eligible, marks.subsets)
    best = best_of(values_of(array, target), eligible_of(array), marks.subsets)
    if first is None or best is None:
        return None
    names, chosen = marks.subsets[first], tried[first]
    none, every = marks.of(()), marks.of(pool)
    over_none = _over(target, none, array[first], ~chooses) if names else None
    over_all = _over(target, every, array[first], ~chooses) if names != pool else None
    p = None
    if over_none is not None and none is not None and not target.correlates:
        clusters = [name for name, there in zip(target.clusters, ~chooses, strict=True) if there]
        p = permutation_p(none[~chooses], array[first][~chooses], clusters=clusters)
    inside = _over(target, none, array[first], chooses) if names else None
    outside = over_none.figure.value if over_none else None
    return Choice(
        specialists=names,
        chooses=chosen.chooses,
        reports=chosen.reports,
        optimism=_minus(chosen.chooses.value, chosen.reports.value),
        gain_optimism=_minus(inside.figure.value if inside else None, outside),
        over_none=over_none,
        permutation_p=p,
        over_all=over_all,
        best=marks.subsets[best],
        best_whole=tried[best].whole,
        note=_note(short_label(names, pool) if names else "", len(tried), int(eligible.sum()), over_none, p, over_all),
    )


def _values(marks: Marks, among: Mask) -> Array:
    people = marks.target.people[among]
    return np.array([value_of(row[among], people, marks.target) for row in marks.array])


def _measurer(marks: Marks) -> Callable[[Mask], Array]:
    """As `_values` for many splits by whole prompts: means are summed by prompt once."""
    if marks.target.correlates:
        return lambda among: _values(marks, among)
    numbers, count = cluster_numbers(marks.target.clusters, n=marks.array.shape[1])
    there = ~np.isnan(marks.array)
    sums = cluster_sums(np.nan_to_num(marks.array).T, numbers, count)
    counts = cluster_sums(there.T.astype(np.float64), numbers, count)

    def values(among: Mask) -> Array:
        kept = np.zeros(count)
        kept[numbers[among]] = 1.0
        total = kept @ counts
        return np.where(total > 0, kept @ sums / np.maximum(total, 1.0), np.nan)

    return values


def _over(target: Target, one: Array | None, other: Array, among: Mask) -> Difference | None:
    if one is None or not (~np.isnan(one[among]) & ~np.isnan(other[among])).any():
        return None
    return target.difference(one, other, among)


def _minus(one: float | None, other: float | None) -> float | None:
    return None if one is None or other is None else one - other


def _note(
    name: str,
    tried: int,
    eligible: int,
    over_none: Difference | None,
    permutation: float | None,
    over_all: Difference | None,
) -> str:
    """What may be concluded of the subset called `name` ("": none): how many were tried, what the other prompts say."""
    searched = (
        f"{many(tried, 'subset')} tried ({eligible:,} could be chosen), so the best figure is high partly by chance"
    )
    if not name:
        return f"{searched}; no subset of specialists beat none of them on the prompts that choose."
    if over_none is None or over_none.figure.value is None:
        told = f"{searched}; without specialists the judge has no result, so that no gain over none can be told"
        if over_all is None or over_all.figure.value is None or over_all.p is None:
            return f"{told}."
        sure = "" if over_all.p < 0.05 else ", which could be chance"
        return f"{told}; over all of them it gains {over_all.figure.value:+.4f} on the other prompts{sure}."
    gain, interval = over_none.figure.value, over_none.figure.interval
    p = max(value for value in (over_none.p, permutation, 0.0) if value is not None)
    known = interval is not None and over_none.p is not None
    if known and p < 0.05 and gain > 0:
        return f"{searched}; on prompts that did not choose, {name} still gains {gain:+.4f} over none."
    if known and p < 0.05:
        return f"{searched}; on prompts that did not choose, {name} is worse than none ({gain:+.4f})."
    return (
        f"{searched}; on prompts that did not choose, {name} shows no gain over none that could not be chance "
        f"({gain:+.4f}): do not report the figure on the prompts that chose it."
    )


def repeat_splits(marks: Marks, *, share: float, number: int = SPLITS) -> Splits | None:
    """The choice on many random splits; None when no subset has a figure, or there is but one."""
    target, array = marks.target, marks.array
    eligible = eligible_of(array)
    if eligible.sum() < 2:
        return None
    if target.measure in ("spearman", "kendall_b"):
        number = max(10, min(number, _RANKED // array.size))
    values = _measurer(marks)
    none = marks.subsets.index(()) if () in marks.subsets else None
    by_none = none is not None and bool(eligible[none])
    inside, outside, chosen = list[float](), list[float](), Counter[str]()
    for seed in range(1, number + 1):
        chooses = choosing(target.clusters, share=share, seed=seed)
        first, second = values(chooses), values(~chooses)
        best = best_of(first, eligible, marks.subsets)
        if best is None:
            continue
        chosen[label(marks.subsets[best])] += 1
        base = [float(v[none]) if by_none else float(np.nanmean(v[eligible])) for v in (first, second)]
        inside.append(float(first[best]) - base[0])
        outside.append(float(second[best]) - base[1])
    gains = np.array(outside)[np.isfinite(outside)]
    if not len(gains):
        return None
    low, high = np.quantile(gains, [0.025, 0.975])
    return Splits(
        number=number,
        beyond="no specialists" if by_none else "the mean of the subsets that could be chosen",
        gain_chooses=float(np.nanmean(inside)),
        gain_reports=float(gains.mean()),
        low=float(low),
        high=float(high),
        chosen=dict(chosen.most_common(10)),
    )
