"""Plots of the structures of evaluations: calibration, risk, gaps of people, position bias, generators, attributes."""

from collections.abc import Callable, Iterator, Sequence

from autorater_evals.figure import Figure, Interval
from autorater_evals.report.drawing import Matrix, Panel, Plot, Series
from autorater_evals.report.scored import Scored
from autorater_evals.scoring.facets import MOST_RANKED
from autorater_evals.statistics.attributes import MatrixDistance
from autorater_evals.structures import GeneratorRanking, Structures

MOST_MATRICES = 3
"""Runs whose matrices stand beside people's."""
_UNSURE = "left out: no run gives ten pairs, which people decide, more than two different probabilities."


def ends(interval: Interval | None) -> tuple[float | None, float | None]:
    """Both ends of an interval, or None twice."""
    return (interval.low, interval.high) if interval else (None, None)


def make_series(name: str, x: Sequence[float], figures: Sequence[Figure], *, colour: int, n: int) -> Series:
    """Upright points at `x` with the values and intervals of figures that have a value."""
    told = [(at, figure) for at, figure in zip(x, figures, strict=True) if figure.value is not None]
    spans = [ends(figure.interval) for _, figure in told]
    values = [figure.value or 0.0 for _, figure in told]
    lows, highs = [low for low, _ in spans], [high for _, high in spans]
    return Series(name, [at for at, _ in told], values, lows, highs, (), colour, n)


def make_rows(name: str, places: Sequence[int], figures: Sequence[Figure], *, colour: int, n: int) -> Series:
    """The same lying: values of figures in rows."""
    upright = make_series(name, places, figures, colour=colour, n=n)
    return Series(name, upright.y, upright.x, upright.low, upright.high, (), colour, n)


def counts(panels: Sequence[Panel], unit: str) -> str:
    """How many items each series of each panel stands on, in one sentence."""
    told = [f"{panel.title}: " + ", ".join(f"{one.name} n = {one.n:,}" for one in panel.series) for panel in panels]
    return f"{unit}: {'; '.join(told)}."


def _each(
    runs: Sequence[Scored], make: Callable[[Structures, str, int], Series | None]
) -> Iterator[tuple[str, tuple[Series, ...]]]:
    """For each part, of the first dimension that has any: its title, and the series that `make` gives for its runs."""
    several = len({run.benchmark for run in runs}) > 1
    found: dict[tuple[str, str], dict[str, list[Series]]] = {}
    for place, run in enumerate(runs):
        for one in run.evaluation.structures:
            series = make(one, run.name, place)
            if series is not None:
                found.setdefault((run.run.header.title, one.part), {}).setdefault(one.dimension, []).append(series)
    for (title, part), told in found.items():
        dimension = next(iter(told))
        named = ", ".join(filter(None, (part, dimension.replace("_", " "))))
        yield (f"{title}: {named}" if several else named), tuple(told[dimension])


def reliability(runs: Sequence[Scored]) -> Plot:
    """Of the pairs on which both decide: the judge's confidence against how often it is right."""
    title = "Calibration of preferences"

    def make(one: Structures, name: str, place: int) -> Series | None:
        if one.calibration is None or len(one.calibration.rows) < 2:
            return None
        rows = one.calibration.rows
        figures, n = [row.accuracy for row in rows], one.calibration.error.n
        return make_series(name, [row.confidence for row in rows], figures, colour=place, n=n)

    panels = tuple(
        Panel(name, "the judge's confidence", "share that people agree", series, limits=(-0.03, 1.03), diagonal=0.48)
        for name, series in _each(runs, make)
    )
    if not panels:
        return Plot("calibration", title, _UNSURE)
    return Plot(
        "calibration",
        title,
        "On the dashed line the judge is right as often as it is sure; bins of equal width, 95 % intervals. "
        + counts(panels, "Pairs that people decide"),
        panels,
    )


def risk(runs: Sequence[Scored]) -> Plot:
    """How wrong the judge is when it may abstain where it is least sure."""
    title = "Risk and coverage"

    def make(one: Structures, name: str, place: int) -> Series | None:
        if one.risk is None or len(one.risk.points) < 2:
            return None
        points = one.risk.points
        return Series(
            name, [at.coverage for at in points], [at.risk for at in points], (), (), (), place, one.risk.area.n
        )

    panels = tuple(
        Panel(name, "share of pairs kept, surest first", "share that is wrong", series, "steps")
        for name, series in _each(runs, make)
    )
    if not panels:
        return Plot("risk", title, _UNSURE)
    caption = "How wrong a judge is that abstains where it is less sure. "
    return Plot("risk", title, caption + counts(panels, "Pairs that people decide"), panels)


def human_gaps(runs: Sequence[Scored]) -> Plot:
    """Accuracy (a tie of the judge counts half) by how far people prefer one image to the other."""
    title = "Agreement by the size of people's gap"

    def make(one: Structures, name: str, place: int) -> Series | None:
        if not one.gaps:
            return None
        middle = [(each.low + each.high) / 2 for each in one.gaps]
        figures = [each.accuracy for each in one.gaps]
        return make_series(name, middle, figures, colour=place, n=sum(figure.n for figure in figures))

    panels = tuple(
        Panel(name, "people's gap (middle of the bin)", "accuracy", series, limits=(-0.03, 1.03), level=0.5)
        for name, series in _each(runs, make)
    )
    if not panels:
        return Plot("gaps", title, "left out: no comparison comes with the size of people's gap.")
    return Plot(
        "gaps",
        title,
        "Accuracy on pairs that people decide (a tie of the judge counts half), about equally many pairs a bin, 95 % "
        "intervals; the dashed line is chance. " + counts(panels, "Pairs"),
        panels,
    )


def positions(runs: Sequence[Scored]) -> Plot:
    """How often the image shown first is preferred, and how often both orders agree."""
    title, panels = "Position bias", list[Panel]()
    several = len({run.benchmark for run in runs}) > 1
    for measure, words, level in (
        ("first_rate", "share: the first is preferred", 0.5),
        ("position_consistency", "share: both orders agree", None),
    ):
        told = [
            (f"{run.name} ({run.run.header.title})" if several else run.name, place, row.figure)
            for place, run in enumerate(runs)
            for row in run.evaluation.rows
            if row.figure.measure == measure and row.slice == "all" and row.figure.value is not None
        ]
        rows = tuple(dict.fromkeys(name for name, _, _ in told))
        series = tuple(
            make_rows(name, [rows.index(name)], [figure], colour=place, n=figure.n) for name, place, figure in told
        )
        if series:
            name = measure.replace("_", " ")
            panels.append(Panel(name, words, "", series, "rows", rows, (-0.03, 1.03), level))
    if not panels:
        return Plot("positions", title, "left out: no pair was asked in both orders.")
    caption = "95 % intervals; the dashed line is no bias. A tie is no preference for what is shown first. "
    return Plot("positions", title, caption + counts(panels, "Answers and pairs"), tuple(panels))


def generators(runs: Sequence[Scored]) -> Plot:
    """Bradley-Terry strengths of the generators on Elo's scale, by people and by each judge."""
    title, panels, why = "Generators by people and by the judges", list[Panel](), dict[str, None]()
    found: dict[tuple[str, str], list[tuple[str, int, dict[str, Figure], int]]] = {}
    for place, run in enumerate(runs):
        for key, one in _first_rankings(run).items():
            told = found.setdefault(key, [])
            for name, ranking, colour in (("people", one.people, len(runs)), (run.name, one.judge, place)):
                strengths = {each.item: each.strength for each in ranking.ranked}
                if any(figure.value is not None for figure in strengths.values()):
                    if not any(known == name for known, _, _, _ in told):
                        told.append((name, colour, strengths, ranking.comparisons))
                else:
                    why[f"{' '.join(key)}, {name}: {ranking.note}"] = None
    for (heading, part), told in found.items():
        if told:
            panels.append(_ranks(f"{heading}: {part}", told))
    if not panels:
        few = f"it takes comparisons of three to {MOST_RANKED} generators with names"
        return Plot("generators", title, f"left out: {'; '.join(why) or few}.")
    left = f" Left out: {'; '.join(why)}." if why else ""
    return Plot(
        "generators",
        title,
        "Bradley-Terry strengths on Elo's scale (400 points are odds of ten to one), ties as half a win, 95 % "
        "bootstrap intervals over prompts. " + counts(panels, "Comparisons") + left,
        tuple(panels),
    )


def _first_rankings(run: Scored) -> dict[tuple[str, str], GeneratorRanking]:
    """Title and part → the ranking of the part's first dimension that has one."""
    found: dict[tuple[str, str], GeneratorRanking] = {}
    for one in run.evaluation.structures:
        if one.generators is not None:
            found.setdefault((run.run.header.title, one.part), one.generators)
    return found


def _ranks(name: str, found: Sequence[tuple[str, int, dict[str, Figure], int]]) -> Panel:
    """A row for each generator, strongest by the first of `found` at the top."""
    strengths = found[0][2]
    known = {one for _, _, told, _ in found for one in told}
    names = sorted(known, key=lambda one: (-(strengths[one].value or 0.0) if one in strengths else 0.0, one))
    series = [
        make_rows(
            who,
            [row for row, one in enumerate(names) if one in told],
            [told[one] for one in names if one in told],
            colour=colour,
            n=n,
        )
        for who, colour, told, n in found
    ]
    return Panel(name, "strength (Elo's scale)", "", tuple(series), "rows", tuple(names), level=1000)


def matrices(runs: Sequence[Scored]) -> Plot:
    """How people's attributes correlate with each other, and beside it how each judge's do (paper 000)."""
    title, found, told, more = "Attributes among each other", list[Matrix](), list[str](), 0
    for run in runs:
        for one in run.evaluation.structures:
            if one.attributes is None:
                continue
            if len(told) == MOST_MATRICES:
                more += 1
                continue
            both, heading = one.attributes, f"{run.run.header.title}, {one.part}"
            if not any(known.title == f"people ({heading})" for known in found):
                found.append(Matrix(f"people ({heading})", both.people.names, both.people.values))
            found.append(Matrix(f"{run.name} ({one.part})", both.judge.names, both.judge.values))
            told.append(f"{run.name} on {heading}: {_distance(both)}")
    if not told:
        why = "left out: no run answers three or more of people's attributes apart from each other."
        return Plot("matrices", title, why)
    caption = f"Pearson's correlation of each attribute with each other, over items. {'; '.join(told)}."
    caption += f" {more:,} more are left out." if more else ""
    return Plot("matrices", title, caption, tuple(found))


def _distance(told: MatrixDistance) -> str:
    value, (low, high) = told.frobenius.value, ends(told.frobenius.interval)
    span = "" if low is None or high is None else f" ({low:.2f} to {high:.2f})"
    chance = "" if told.frobenius_p is None else f", permutation p = {told.frobenius_p:.3f}"
    words = "no distance" if value is None else f"Frobenius distance from people's {value:.2f}{span}{chance}"
    return f"{words}, n = {told.items:,}"
