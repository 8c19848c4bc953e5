"""The plot of single images: people's mean by the judge's score."""

from collections.abc import Sequence

import numpy as np

from autorater_evals.report.curves import counts, ends
from autorater_evals.report.drawing import Panel, Plot, Series
from autorater_evals.report.reading import Seen
from autorater_evals.report.scored import Scored

_FEWEST = 10
_BINS = 8
_DRAWS = 400


def rating_curve(runs: Sequence[Scored], seen: Sequence[Sequence[Seen]]) -> Plot:
    """People's mean opinion by the judge's score, in bins of about equally many images; `seen` are each run's items."""
    title = "People's mean by the judge's score"
    found: dict[tuple[str, str, str], list[Series]] = {}
    for place, (run, items) in enumerate(zip(runs, seen, strict=True)):
        for part, dimension in _first_dimensions(items):
            some = [one for one in items if one.item.part == part]
            series = _curve(some, dimension, name=run.name, colour=place)
            if series is not None:
                found.setdefault((run.run.header.title, part, dimension), []).append(series)
    panels = tuple(
        Panel(
            f"{title}: {part}, {dimension.replace('_', ' ')}"
            if len({key[0] for key in found}) > 1
            else f"{part}, {dimension.replace('_', ' ')}",
            "the judge's score (mean of the bin)",
            "people's mean",
            tuple(some),
        )
        for (title, part, dimension), some in found.items()
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


def _first_dimensions(items: Sequence[Seen]) -> list[tuple[str, str]]:
    """Each part of single images with the first dimension that people rated."""
    found: dict[str, str] = {}
    for one in items:
        first = next((name for name in one.answers if name in one.item.opinions), None)
        if first is not None:
            found.setdefault(one.item.part, first)
    return list(found.items())


def _curve(some: Sequence[Seen], dimension: str, *, name: str, colour: int) -> Series | None:
    from autorater_evals.statistics.resampling import mean_interval

    known = [
        (score, one.item.opinions[dimension].mean, one.item.cluster)
        for one in some
        if dimension in one.answers
        and (score := one.answers[dimension].score) is not None
        and dimension in one.item.opinions
    ]
    if len(known) < _FEWEST:
        return None
    scores, means = np.array([one[0] for one in known]), np.array([one[1] for one in known])
    clusters = np.array([one[2] for one in known])
    edges = np.unique(np.quantile(scores, np.linspace(0, 1, _BINS + 1)))
    place = np.clip(np.searchsorted(edges, scores, "right") - 1, 0, max(0, len(edges) - 2))
    bins = [place == number for number in np.unique(place)]
    spans = [
        ends(mean_interval(means[here], clusters=clusters[here].tolist(), unit="prompts", draws=_DRAWS)[0])
        for here in bins
    ]
    x, y = [float(scores[here].mean()) for here in bins], [float(means[here].mean()) for here in bins]
    return Series(name, x, y, [low for low, _ in spans], [high for _, high in spans], (), colour, len(known))
