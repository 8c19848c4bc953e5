"""Figures of pairs: accuracy under each tie rule, by gap, within and across generators, both orders, whole groups."""

from collections.abc import Callable, Iterator, Mapping

import numpy as np

from autorater_evals.benchmark import Part
from autorater_evals.evaluation import Row
from autorater_evals.figure import Figure
from autorater_evals.item import Item
from autorater_evals.scoring.facets import MOST_WITHOUT, facets_of
from autorater_evals.scoring.passes import Orders, first_choices, repeats
from autorater_evals.scoring.points import LEAST
from autorater_evals.scoring.told import Told
from autorater_evals.statistics.agreement import RULES, accuracy, group_accuracy
from autorater_evals.statistics.four_labels import four_label_accuracy
from autorater_evals.statistics.orders import (
    answered_orders_accuracy,
    both_orders_accuracy,
    first_rate,
    flip_rate,
    position_consistency,
)
from autorater_evals.statistics.tie_calibration import tie_calibrated, tie_calibrated_held_out

CLEAR = 0.125
"""A gap of this share of the scale is clear: 0.5 on a scale of 1 to 5."""


def pair_rows(part: Part, told: Told, orders: Mapping[str, Orders]) -> Iterator[Row]:
    """The rows of one dimension of one part of pairs or groups."""

    def row(figure: Figure, slice: str = "all") -> Row:
        return Row(part=part.name, dimension=told.dimension, slice=slice, read=told.read, figure=figure)

    ties = "tie" in told.people
    for rule in RULES[:-1]:
        yield row(accuracy(told.people, told.sides, rule=rule, clusters=told.clusters))
    if ties:
        yield row(accuracy(told.people, told.sides, rule="three_way", human_ties="count", clusters=told.clusters))
        half = accuracy(told.people, told.sides, rule="half", human_ties="count", clusters=told.clusters)
        yield row(half.model_copy(update={"measure": "accuracy_half_with_ties"}))
        yield from map(row, _calibrated(told))
    if any(one.both for one in told.preferences):
        yield row(_four_labels(told))
    if any(item.group for item in told.items):
        yield from _group_rows(told, row)
    for name, keep in slices(part, told):
        some = told.where(keep)
        if some.items:
            yield row(accuracy(some.people, some.sides, rule="half", clusters=some.clusters), name)
    yield from _order_rows(told, orders, row)


def clear_gap(part: Part, dimension: str) -> float:
    """The gap of opinions from which on a pair is clear, in the unit of the scale; 0 where the scale is not known."""
    scale = next((one for one in part.dimensions if one.name == dimension), None)
    if scale is None or scale.low is None or scale.high is None:
        return 0.0
    return CLEAR * (scale.high - scale.low)


def slices(part: Part, told: Told) -> Iterator[tuple[str, Callable[[Item], bool]]]:
    """Names of what accuracy is also given for apart, and which items belong there."""
    gaps = told.gaps
    if np.isfinite(gaps).any():
        least = clear_gap(part, told.dimension) or float(np.nanmedian(gaps))

        def clear(item: Item) -> bool:
            gap = item.preferences[told.dimension].gap
            return gap is not None and abs(gap) >= least - 1e-9

        yield f"gap >= {least:g}", clear
    if any(len(item.generators) == 2 for item in told.items):
        known = {generator for item in told.items for generator in item.generators}
        if any(len(set(item.generators)) == 1 and len(item.generators) == 2 for item in told.items):
            yield "within generators", lambda item: len(item.generators) == 2 and len(set(item.generators)) == 1
            yield "across generators", lambda item: len(set(item.generators)) == 2
        if 2 < len(known) <= MOST_WITHOUT:
            for name in sorted(known):
                yield f"without {name}", lambda item, name=name: name not in item.generators
    for kind, value in facets_of(told.items):
        yield f"{kind}: {value}", lambda item, kind=kind, value=value: item.facets.get(kind) == value


def _calibrated(told: Told) -> Iterator[Figure]:
    """Accuracy at the best tie threshold, in sample and held out, where the judge tells margins."""
    if not np.isfinite(told.margins).any():
        return
    yield tie_calibrated(told.people, told.margins, clusters=told.clusters).accuracy
    if len(set(told.clusters)) >= LEAST:
        held = tie_calibrated_held_out(told.people, told.margins, clusters=told.clusters).reported
        yield held.model_copy(update={"measure": "accuracy_tie_calibrated_held_out"})


def _four_labels(told: Told) -> Figure:
    """GenAI-Bench's labels; the judge does not say whether a tie is good or bad, and `[[A=B]]` is right for both."""
    votes = [
        {"a": "leftvote", "b": "rightvote"}.get(one.preferred, "bothbad_vote" if one.both == "bad" else "tievote")
        for one in told.preferences
    ]
    verdicts = [None if side is None else {"a": "[[A>B]]", "b": "[[B>A]]"}.get(side, "[[A=B]]") for side in told.sides]
    return four_label_accuracy(votes, verdicts, clusters=told.clusters)


def _group_rows(told: Told, row: Callable[[Figure, str], Row]) -> Iterator[Row]:
    grouped = told.where(lambda item: bool(item.group))
    sizes: dict[str, set[str]] = {}
    for item in grouped.items:
        sizes.setdefault(item.group, set()).update(item.images)
    for size in sorted({len(images) for images in sizes.values()}):
        some = grouped.where(lambda item, size=size: len(sizes[item.group]) == size)
        figure = group_accuracy(
            some.people, some.sides, groups=[item.group for item in some.items], clusters=some.clusters
        )
        yield row(figure, f"groups of {size}")


def _order_rows(told: Told, orders: Mapping[str, Orders], row: Callable[[Figure], Row]) -> Iterator[Row]:
    """Only where the overall verdict was read: orders are of the verdict and not of a dimension."""
    forward, reverse = first_choices(told.items, orders)
    if told.read == "overall" and any(forward) and any(reverse):
        yield row(both_orders_accuracy(told.people, forward=forward, reverse=reverse, clusters=told.clusters))
        if "tie" not in told.people:
            yield row(answered_orders_accuracy(told.people, forward=forward, reverse=reverse, clusters=told.clusters))


def position_rows(part: Part, items: list[Item], orders: Mapping[str, Orders]) -> Iterator[Row]:
    """How the order of a pair and the repeat of a question move the verdict; people's labels do not enter."""
    forward, reverse = first_choices(items, orders)
    clusters = [item.cluster for item in items]
    if any(forward) and any(reverse):
        yield Row(part=part.name, figure=position_consistency(forward, reverse, clusters=clusters))
    if any(forward) or any(reverse):
        yield Row(part=part.name, figure=first_rate(forward, reverse, clusters=clusters))
    if again := repeats(items, orders):
        yield Row(part=part.name, figure=flip_rate(again, clusters=clusters))
