"""What a person reaches as the judge: the height of the bar that a judge can be held to."""

from collections.abc import Iterator

import numpy as np

from autorater_evals.evaluation import Row
from autorater_evals.scoring.told import Array, Told
from autorater_evals.statistics.ceiling import leave_one_out, leave_one_out_majority, split_half
from autorater_evals.statistics.reliability import krippendorff_alpha

_SIDES = {"a": 1.0, "tie": 0.0, "b": -1.0}


def ceiling_rows(part: str, told: Told) -> Iterator[Row]:
    """Split-half reliability, each rater against the others, and Krippendorff's alpha; nothing without raters."""
    table = ratings_of(told)
    if table.shape[1] < 2:
        return
    pairs = len(told.items[0].images) == 2
    figures = (
        (
            leave_one_out_majority(table, clusters=told.clusters),
            krippendorff_alpha(table, level="nominal", clusters=told.clusters),
        )
        if pairs
        else (
            split_half(table, clusters=told.clusters),
            leave_one_out(table, clusters=told.clusters),
            krippendorff_alpha(table, level="interval", clusters=told.clusters),
        )
    )
    for figure in figures:
        yield Row(part=part, dimension=told.dimension, slice="people", figure=figure)


def ratings_of(told: Told) -> Array:
    """What each rater said, (items, raters): ratings, or 1, 0, -1 for a, tie, b; not a number where none was given."""
    given: list[dict[str, float | None]] = [
        item.opinions[told.dimension].ratings
        if told.dimension in item.opinions
        else {rater: _SIDES[side] for rater, side in item.preferences[told.dimension].votes.items()}
        for item in told.items
    ]
    raters = {name: place for place, name in enumerate(sorted({name for one in given for name in one}))}
    table = np.full((len(given), len(raters)), np.nan)
    for row, one in enumerate(given):
        for name, value in one.items():
            table[row, raters[name]] = np.nan if value is None else value
    return table
