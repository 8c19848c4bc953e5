"""How well a reward head does on held-out examples."""

from collections.abc import Sequence
from typing import Literal

import numpy as np

from autorater_evals.figure import Figure
from autorater_evals.heads.examples import Example
from autorater_evals.heads.looking import Reader
from autorater_evals.statistics.agreement import accuracy, choices_of_margins
from autorater_evals.statistics.correlation import correlation
from autorater_evals.statistics.missing import mean_figure
from autorater_tools._preference import lead

UNIT = "components"
MEASURES: tuple[Literal["spearman", "pearson"], ...] = ("spearman", "pearson")


def evaluate(reader: Reader, examples: Sequence[Example], *, clusters: Sequence[str]) -> tuple[Figure, ...]:
    """The accuracy of pairs (a tie is half right) and of truths, or the correlations of opinions, with intervals.

    `clusters`: the component of each example, which the intervals draw whole.
    """
    found = reader.all_rewards(examples)
    figures: list[Figure] = []
    for kind in ("pair", "truth", "opinion"):
        places = [place for place, example in enumerate(examples) if example.kind == kind]
        if not places:
            continue
        names = [clusters[place] for place in places]
        if kind == "pair":
            margins = [float(lead(found[place][0], found[place][1])) for place in places]
            right = choices_of_margins(margins)
            figures.append(accuracy(["a"] * len(right), right, rule="half", clusters=names, unit=UNIT))
            continue
        given = np.array([float(found[place][0, 0]) for place in places])
        people = np.array([examples[place].target for place in places])
        if kind == "truth":
            points = np.where(given == 0, 0.5, (given > 0) == (people > 0))
            figures.append(mean_figure(points, measure="accuracy", clusters=names, unit=UNIT))
        else:
            for measure in MEASURES:
                figures.append(correlation(given, people, measure=measure, clusters=names, unit=UNIT))
    return tuple(figures)
