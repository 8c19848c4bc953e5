"""Which specialist helped and which hurt: what adding it to a subset changes, over all subsets with and without it."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import groupby

import numpy as np

from autorater_evals.figure import Figure
from autorater_evals.grid.choosing import COVERED, Marks, values_of
from autorater_evals.grid.result import Effect
from autorater_evals.grid.subsets import Names
from autorater_evals.grid.target import Target
from autorater_evals.statistics.comparing import LEAST, Difference, difference, two_sided
from autorater_evals.statistics.missing import undefined
from autorater_evals.statistics.resampling import Array, Index, cluster_numbers, draw_weights, few, percentile_interval

TOLD = 5
"""Examples told on each side."""
DRAWS = 200
"""Bootstrap draws of a correlation's change, where each draw computes every subset anew."""
_Pair = tuple[int, int, int]
"""Places of the subset without the specialist and of the one with it, and the size of the first."""


def effects_of(marks: Marks, pool: Sequence[str]) -> tuple[Effect, ...]:
    """The effect of every specialist of `pool`, the most helpful first; undefined ones last."""
    drawn = _draw(marks) if marks.target.correlates else None
    found = [_effect(marks, name, drawn) for name in pool]
    return tuple(sorted(found, key=lambda one: (one.change.figure.value is None, -(one.change.figure.value or 0.0))))


def pairs_of(subsets: Sequence[Names], array: Array, name: str) -> list[_Pair]:
    """The pairs of tried subsets that differ by `name` alone and have results for nearly the same units."""
    place = {names: number for number, names in enumerate(subsets)}
    there = ~np.isnan(array)
    found: list[_Pair] = []
    for names, without in place.items():
        longer = tuple(sorted((*names, name)))
        if name in names or longer not in place:
            continue
        both = (there[without] & there[place[longer]]).sum()
        if both and both >= COVERED * max(there[without].sum(), there[place[longer]].sum()):
            found.append((without, place[longer], len(names)))
    return sorted(found, key=lambda pair: pair[2])


def _effect(marks: Marks, name: str, drawn: Array | None) -> Effect:
    target, array = marks.target, marks.array
    pairs = pairs_of(marks.subsets, array, name)
    total = len(target.units)
    if not pairs:
        note = "no two subsets with and without it have results for the same units"
        change = Difference(figure=undefined("change", total=total, note=note), p=None)
        return Effect(specialist=name, pairs=0, change=change, better=0, worse=0, helped=(), hurt=())
    moves = _moves(array, target, pairs)
    change = _of_mean(array, target, pairs) if drawn is None else _of_correlation(marks, drawn, pairs)
    return Effect(
        specialist=name,
        pairs=len(pairs),
        change=change,
        better=float((moves > 0).sum() / len(pairs)),
        worse=float((moves < 0).sum() / len(pairs)),
        helped=_examples((moves > 0).sum(0), target.units),
        hurt=_examples((moves < 0).sum(0), target.units),
    )


def _moves(array: Array, target: Target, pairs: Sequence[_Pair]) -> Array:
    """How much better each unit became in each pair, (pairs, units); of correlations: nearer to people, in z."""
    if not target.correlates:
        moves = np.stack([array[after] - array[before] for before, after, _ in pairs])
    else:
        people = _standard(target.people)
        away = {place: np.abs(_standard(array[place]) - people) for pair in pairs for place in pair[:2]}
        moves = np.stack([away[before] - away[after] for before, after, _ in pairs])
    return np.nan_to_num(moves)


def _standard(values: Array) -> Array:
    spread = float(np.nanstd(values))
    return (values - np.nanmean(values)) / (spread or 1.0)


def _examples(counts: Index, units: Sequence[str]) -> tuple[str, ...]:
    order = [int(place) for place in np.argsort(-counts, kind="stable")[:TOLD]]
    return tuple(units[place] for place in order if counts[place] > 0)


def _by_size(values: Array, pairs: Sequence[_Pair]) -> Array:
    """The mean over rows (pairs, …) within each size of subset, then over the sizes: as Shapley's value weighs them."""
    groups = [[row for row, _ in some] for _, some in groupby(enumerate(pairs), key=lambda pair: pair[1][2])]
    return np.stack([values[rows].mean(0) for rows in groups]).mean(0)


def _of_mean(array: Array, target: Target, pairs: Sequence[_Pair]) -> Difference:
    """The mean change over units; a unit that a pair has no result for counts as unchanged there."""
    changes = _by_size(np.stack([np.nan_to_num(array[after] - array[before]) for before, after, _ in pairs]), pairs)
    seen = np.any([~np.isnan(array[after] - array[before]) for before, after, _ in pairs], axis=0)
    # `difference` takes values from 0 to 1: a change is told as two values on both sides of a half.
    one = np.where(seen, 0.5 - changes / 2, np.nan)
    other = np.where(seen, 0.5 + changes / 2, np.nan)
    found = difference(one, other, clusters=target.clusters, unit="prompts", measure="change")
    return found.model_copy(update={"figure": found.figure.model_copy(update={"bounds": None})})


def _draw(marks: Marks) -> Array:
    """The correlation of every subset, of the items themselves and then in every draw, (1 + draws, subsets)."""
    target, array = marks.target, marks.array
    numbers, count = cluster_numbers(target.clusters, n=len(target.units))
    places = np.arange(len(target.units))
    drawn = [places.repeat(row.astype(np.intp)[numbers]) for some in draw_weights(count, draws=DRAWS) for row in some]
    return np.stack(
        [values_of(array[:, rows], replace(target, people=target.people[rows])) for rows in [places, *drawn]]
    )


def _of_correlation(marks: Marks, drawn: Array, pairs: Sequence[_Pair]) -> Difference:
    changes = _by_size(np.stack([drawn[:, after] - drawn[:, before] for before, after, _ in pairs]), pairs)
    value, count = float(changes[0]), len(set(marks.target.clusters))
    defined = count > 1 and bool(np.isfinite(changes[1:]).any())
    there = int(np.any(~np.isnan(marks.array[[place for pair in pairs for place in pair[:2]]]), axis=0).sum())
    figure = Figure(
        measure="change",
        value=value if np.isfinite(value) else None,
        n=there,
        total=len(marks.target.units),
        interval=percentile_interval(changes[1:], count=count, unit="prompts") if defined else None,
        note=few(count, unit="prompts") if defined else "no interval: fewer than two prompts, or it is undefined",
    )
    return Difference(figure=figure, p=two_sided(changes[1:]) if defined and count >= LEAST else None)
