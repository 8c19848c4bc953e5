"""How well a reward head does on held-out examples."""

from collections.abc import Iterator, Sequence
from typing import Literal

import numpy as np
from torch import Tensor

from autorater_evals.figure import Figure
from autorater_evals.heads.examples import Example, Kind
from autorater_evals.heads.looking import Reader
from autorater_evals.statistics.agreement import accuracy, choices_of_margins
from autorater_evals.statistics.correlation import correlation
from autorater_evals.statistics.missing import mean_figure
from autorater_evals.statistics.resampling import Array
from autorater_tools._preference import lead

UNIT = "components"
MEASURES: tuple[Literal["spearman", "pearson"], ...] = ("spearman", "pearson")


def evaluate(reader: Reader, examples: Sequence[Example], *, clusters: Sequence[str]) -> tuple[Figure, ...]:
    """The accuracy of pairs (a tie is half right) and of truths, or the correlations of opinions, with intervals.

    Truths that are the two images of a pair are compared too: paper 002, eq. 3. `clusters`: the component of each
    example, which the intervals draw whole.
    """
    found = reader.all_rewards(examples)
    pairs = [(row[0], row[1], name) for _, row, name in _of("pair", examples, found, clusters)]
    truths = list(_of("truth", examples, found, clusters))
    good = {one.pair: (row[0], name) for one, row, name in truths if one.pair and one.target > 0}
    bad = {one.pair: row[0] for one, row, _ in truths if one.pair and one.target == 0}
    pairs += [(good[pair][0], bad[pair], good[pair][1]) for pair in good if pair in bad]
    figures: list[Figure] = []
    if truths:
        given, people, names = _columns(truths)
        points = np.where(given == 0, 0.5, (given > 0) == (people > 0))
        figures.append(mean_figure(points, measure="accuracy", clusters=names, unit=UNIT))
    if pairs:
        chosen = choices_of_margins([float(lead(one, other)) for one, other, _ in pairs])
        names = [name for _, _, name in pairs]
        figures.append(accuracy(["a"] * len(chosen), chosen, rule="half", clusters=names, unit=UNIT))
    if opinions := list(_of("opinion", examples, found, clusters)):
        given, people, names = _columns(opinions)
        for measure in MEASURES:
            figures.append(correlation(given, people, measure=measure, clusters=names, unit=UNIT))
    return tuple(figures)


Answered = tuple[Example, Tensor, str]
"""An example, the rewards of its images, and its component."""


def _of(
    kind: Kind, examples: Sequence[Example], rewards: Sequence[Tensor], clusters: Sequence[str]
) -> Iterator[Answered]:
    for one, row, name in zip(examples, rewards, clusters, strict=True):
        if one.kind == kind:
            yield one, row, name


def _columns(answered: Sequence[Answered]) -> tuple[Array, Array, list[str]]:
    """Rewards, targets and components of single images."""
    given = np.array([float(row[0, 0]) for _, row, _ in answered])
    people = np.array([one.target for one, _, _ in answered])
    return given, people, [name for _, _, name in answered]
