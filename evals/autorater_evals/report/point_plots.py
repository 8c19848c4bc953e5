"""Plots of single images: people's mean by the judge's score, and how dimensions correlate with each other."""

from collections.abc import Sequence

import numpy as np

from autorater_evals.report.drawing import Matrix, Panel, Plot, Series
from autorater_evals.report.pair_plots import Shown, counts, each, ends
from autorater_evals.report.reading import Seen

_FEWEST = 10
_BINS = 8
MOST_MATRICES = 3
"""Runs whose matrices stand beside people's."""


def rating_curve(shown: Shown) -> Plot:
    """People's mean opinion by the judge's score, in bins of about equally many images."""
    title = "People's mean by the judge's score"

    def make(some: list[Seen], dimension: str) -> Series | None:
        from autorater_evals.statistics.resampling import mean_interval

        known = [one for one in some if one.answers[dimension].score is not None and dimension in one.item.opinions]
        if len(known) < _FEWEST:
            return None
        scores = np.array([one.answers[dimension].score for one in known], np.float64)
        means = np.array([one.item.opinions[dimension].mean for one in known])
        clusters = np.array([one.item.cluster for one in known])
        edges = np.unique(np.quantile(scores, np.linspace(0, 1, _BINS + 1)))
        place = np.clip(np.searchsorted(edges, scores, "right") - 1, 0, max(0, len(edges) - 2))
        x, y, low, high = list[float](), list[float](), list[float | None](), list[float | None]()
        for number in np.unique(place):
            here = place == number
            found = ends(mean_interval(means[here], clusters=clusters[here].tolist(), unit="prompts", draws=_DRAWS)[0])
            x.append(float(scores[here].mean()))
            y.append(float(means[here].mean()))
            low.append(found[0])
            high.append(found[1])
        return Series("", x, y, low, high, n=len(known))

    panels = tuple(
        Panel(name, "the judge's score (mean of the bin)", "people's mean", series)
        for name, series in each(shown, make, pairs=False)
    )
    if not panels:
        return Plot("ratings", title, f"left out: no run has scores of {_FEWEST} single images that people rated.")
    return Plot(
        "ratings",
        title,
        "About equally many images a point; 95 % bootstrap intervals of people's mean over prompts. A judge's score "
        "has its own unit, so only the shape compares. " + counts(panels, "Images"),
        panels,
    )


_DRAWS = 400


def matrices(shown: Shown) -> Plot:
    """How people's dimensions correlate with each other, and beside it how each judge's do."""
    title, found, told = "Dimensions among each other", list[Matrix](), list[str]()
    for run, seen in shown:
        for part in dict.fromkeys(one.item.part for one in seen):
            some = [one for one in seen if one.item.part == part]
            names = list(dict.fromkeys(name for one in some for name in one.answers))
            if len(names) < 2 or len(some) < _FEWEST or not _distinct(some, names):
                continue
            people = [[_people(one, name) for name in names] for one in some]
            judge = [[_judge(one, name) for name in names] for one in some]
            heading = f"{run.run.header.title}, {part}"
            if not any(one.title == f"people ({heading})" for one in found):
                found.append(_matrix(f"people ({heading})", people, names))
            if len(told) < MOST_MATRICES:
                found.append(_matrix(f"{run.name} ({part})", judge, names))
                told.append(f"{run.name} on {heading} n = {len(some):,}")
    if not told:
        return Plot(
            "matrices", title, "left out: no run answers two or more of people's dimensions apart from each other."
        )
    caption = f"Pearson's correlation of each dimension with each other, over items. Items: {'; '.join(told)}."
    return Plot("matrices", title, caption, tuple(found))


def _distinct(some: Sequence[Seen], names: Sequence[str]) -> bool:
    """Whether the judge answers the dimensions from different sources; else its matrix is all ones."""
    sources = {one.answers[name].source for one in some for name in names if name in one.answers}
    return len(sources - {""}) > 1


def _people(one: Seen, name: str) -> float | None:
    if name in one.item.opinions:
        return one.item.opinions[name].mean
    told = one.item.preferences.get(name)
    if told is None:
        return None
    return told.gap if told.gap is not None else {"a": 1.0, "b": -1.0, "tie": 0.0}[told.preferred]


def _judge(one: Seen, name: str) -> float | None:
    answer = one.answers.get(name)
    if answer is None:
        return None
    if answer.score is not None:
        return answer.score
    if answer.margin is not None:
        return answer.margin
    return {"a": 1.0, "b": -1.0, "tie": 0.0}[answer.side] if answer.side else None


def _matrix(title: str, values: Sequence[Sequence[float | None]], names: Sequence[str]) -> Matrix:
    from autorater_evals.statistics.attributes import attribute_matrix

    return Matrix(title, tuple(names), attribute_matrix(values, names=names).values)
