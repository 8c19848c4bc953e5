"""Plots of comparisons: calibration, agreement by the size of people's gap, position bias, strengths of generators."""

from collections.abc import Callable, Iterator, Sequence
from typing import TypeAlias

import numpy as np

from autorater_evals.figure import Figure, Interval
from autorater_evals.report.drawing import Panel, Plot, Series
from autorater_evals.report.reading import Seen, human_gap
from autorater_evals.report.scored import Scored

Shown: TypeAlias = Sequence[tuple[Scored, Sequence[Seen]]]
"""Runs with their items."""
Part: TypeAlias = tuple[str, str, str]
"""Benchmark, part, dimension."""
_DRAWS = 400
_FEWEST = 10
"""Pairs without which a curve says nothing."""


def parts(shown: Shown, *, pairs: bool) -> dict[Part, str]:
    """The parts of comparisons (or of single images) with their first dimension → their title, in order."""
    found: dict[Part, str] = {}
    several = len({run.benchmark for run, _ in shown}) > 1
    for run, seen in shown:
        for one in seen:
            labels = one.item.preferences if pairs else one.item.opinions
            first = next((name for name in one.answers if name in labels), None)
            if first is not None and not any(key[:2] == (run.benchmark, one.item.part) for key in found):
                where = f"{run.run.header.title}: " if several else ""
                found[run.benchmark, one.item.part, first] = f"{where}{one.item.part}, {first.replace('_', ' ')}"
    return found


def runs_of(shown: Shown, part: Part) -> Iterator[tuple[int, str, list[Seen]]]:
    """Place, name and items of this part and dimension of each run that holds it."""
    for place, (run, seen) in enumerate(shown):
        some = [one for one in seen if one.item.part == part[1] and part[2] in one.answers]
        if run.benchmark == part[0] and some:
            yield place, run.name, some


def each(
    shown: Shown, make: Callable[[list[Seen], str], Series | None], *, pairs: bool = True
) -> Iterator[tuple[str, tuple[Series, ...]]]:
    """For each part its title and the series that `make` gives for its runs."""
    for part, title in parts(shown, pairs=pairs).items():
        made: list[Series] = []
        for place, name, some in runs_of(shown, part):
            series = make(some, part[2])
            if series is not None:
                made.append(Series(name, series.x, series.y, series.low, series.high, series.names, place, series.n))
        if made:
            yield title, tuple(made)


def ends(interval: Interval | None) -> tuple[float | None, float | None]:
    """Both ends of an interval, or None twice."""
    return (interval.low, interval.high) if interval else (None, None)


def counts(panels: Sequence[Panel], unit: str) -> str:
    """How many items each series of each panel stands on, in one sentence."""
    told = [f"{panel.title}: " + ", ".join(f"{one.name} n = {one.n:,}" for one in panel.series) for panel in panels]
    return f"{unit}: {'; '.join(told)}."


def reliability(shown: Shown) -> Plot:
    """Of the pairs on which both decide: the judge's confidence against how often it is right."""
    title = "Calibration of preferences"

    def make(some: list[Seen], dimension: str) -> Series | None:
        from autorater_evals.statistics.calibration import calibration_error

        rows = [
            (max(probability, 1 - probability), float(answer.side == people), one.item.cluster)
            for one in some
            for answer in (one.answers[dimension],)
            for people in (one.item.preferences[dimension].preferred,)
            if (probability := answer.probability) is not None and "tie" not in (answer.side, people)
        ]
        if len(rows) < _FEWEST or len({round(confidence, 3) for confidence, _, _ in rows}) < 3:
            return None
        confidence, right, clusters = zip(*rows, strict=True)
        found = calibration_error(np.array(confidence), np.array(right), clusters=clusters, binning="count", draws=2)
        low, high = zip(*(ends(row.accuracy.interval) for row in found.rows), strict=True)
        told = [(row.confidence, row.accuracy.value or 0.0) for row in found.rows]
        return Series("", [x for x, _ in told], [y for _, y in told], low, high, n=len(rows))

    panels = tuple(
        Panel(name, "the judge's confidence", "share that people agree", series, limits=(-0.03, 1.03), diagonal=0.48)
        for name, series in each(shown, make)
    )
    if not panels:
        return Plot("calibration", title, "left out: no run gives pairs more than two different probabilities.")
    return Plot(
        "calibration",
        title,
        "On the dashed line the judge is right as often as it is sure; about equally many pairs a bin, 95 % intervals. "
        + counts(panels, "Pairs that both judge and people decide"),
        panels,
    )


def human_gaps(shown: Shown) -> Plot:
    """Accuracy (a tie of the judge counts half) by how far people prefer one image to the other."""
    title = "Agreement by the size of people's gap"

    def make(some: list[Seen], dimension: str) -> Series | None:
        from autorater_evals.statistics.agreement import accuracy_by_gap

        known = [(one, gap) for one in some if (gap := human_gap(one.item, dimension)) is not None]
        if len(known) < _FEWEST or len({gap for _, gap in known}) < 3:
            return None
        bins = accuracy_by_gap(
            [one.item.preferences[dimension].preferred for one, _ in known],
            [one.answers[dimension].side for one, _ in known],
            gaps=[gap for _, gap in known],
            rule="half",
            clusters=[one.item.cluster for one, _ in known],
        )
        used = [one for one in bins if one.accuracy.value is not None]
        low, high = zip(*(ends(one.accuracy.interval) for one in used), strict=True) if used else ((), ())
        middle = [(one.low + one.high) / 2 for one in used]
        n = sum(one.accuracy.n for one in used)
        return Series("", middle, [one.accuracy.value or 0.0 for one in used], low, high, n=n) if used else None

    panels = tuple(
        Panel(name, "people's gap (middle of the bin)", "accuracy", series, limits=(-0.03, 1.03), level=0.5)
        for name, series in each(shown, make)
    )
    if not panels:
        return Plot("gaps", title, "left out: no comparison comes with people's gap or votes of several sizes.")
    return Plot(
        "gaps",
        title,
        "Accuracy on pairs that people decide (a tie of the judge counts half), about equally many pairs a bin, 95 % "
        "intervals; the dashed line is chance. " + counts(panels, "Pairs"),
        panels,
    )


def positions(shown: Shown) -> Plot:
    """How often the image shown first is preferred, and how often both orders agree."""
    from autorater_evals.statistics.orders import first_rate, position_consistency

    title, rows, panels = "Position bias", [run.name for run, _ in shown], list[Panel]()
    for measure, words, level in (
        (first_rate, "share that prefers what is shown first", 0.5),
        (position_consistency, "share with one answer in both orders", None),
    ):
        told: list[tuple[int, Figure]] = []
        for place, (_, seen) in enumerate(shown):
            some = [one for one in seen if one.forward and one.reverse]
            if some:
                clusters = [one.item.cluster for one in some]
                told.append(
                    (place, measure([one.forward for one in some], [one.reverse for one in some], clusters=clusters))
                )
        series = tuple(_dot(rows[place], place, place, figure) for place, figure in told if figure.value is not None)
        if series:
            name = measure.__name__.replace("_", " ")
            panels.append(Panel(name, words, "", series, "rows", tuple(rows), (-0.03, 1.03), level))
    if not panels:
        return Plot("positions", title, "left out: no pair was asked in both orders.")
    return Plot(
        "positions",
        title,
        "95 % intervals; the dashed line is no bias. A tie is no preference for what is shown first. "
        + counts(panels, "Answers and pairs"),
        tuple(panels),
    )


def _dot(name: str, row: int, colour: int, figure: Figure) -> Series:
    """One figure in a row."""
    low, high = ends(figure.interval)
    return Series(name, [figure.value or 0.0], [row], [low], [high], (), colour, figure.n)


def generators(shown: Shown) -> Plot:
    """Bradley-Terry strengths of the generators on Elo's scale, by people and by each judge."""
    title = "Generators by people and by the judges"
    panels: list[Panel] = []
    why = "no comparison names two different generators."
    for part, name in parts(shown, pairs=True).items():
        found: list[tuple[str, int, dict[str, Figure], int]] = []
        for place, run, some in runs_of(shown, part):
            sides = [one for one in some if len(set(one.item.generators)) == 2 and all(one.item.generators)]
            if len(sides) < _FEWEST:
                continue
            people = [one.item.preferences[part[2]].preferred for one in sides]
            if not found:
                found.append(("people", len(shown), *_strengths(sides, people)))
            found.append((run, place, *_strengths(sides, [one.answers[part[2]].side for one in sides])))
        known = [one for one in found if any(figure.value is not None for figure in one[2].values())]
        if found and not known:
            why = "no strengths fit the outcomes (a generator won or lost everything, or some never met)."
        if known:
            panels.append(_ranks(name, known))
    if not panels:
        return Plot("generators", title, f"left out: {why}")
    return Plot(
        "generators",
        title,
        "Bradley-Terry strengths on Elo's scale (400 points are odds of ten to one), ties as half a win, 95 % "
        "bootstrap intervals over prompts. " + counts(panels, "Comparisons"),
        tuple(panels),
    )


def _strengths(some: Sequence[Seen], choices: Sequence[str | None]) -> tuple[dict[str, Figure], int]:
    """Generator → strength, and how many comparisons they stand on."""
    from autorater_evals.statistics.games import make_games
    from autorater_evals.statistics.ranking import rank

    first, second = zip(*(one.item.generators for one in some), strict=True)
    games = make_games(first, second, list(choices), clusters=[one.item.cluster for one in some], unit="prompts")
    found = rank(games, draws=_DRAWS)
    return {one.item: one.strength for one in found.ranked}, found.comparisons


def _ranks(name: str, found: Sequence[tuple[str, int, dict[str, Figure], int]]) -> Panel:
    """A row for each generator, strongest by the first of `found` at the top."""
    strengths = found[0][2]
    names = sorted({one for _, _, told, _ in found for one in told}, key=lambda one: -(_value(strengths, one) or 0.0))
    series: list[Series] = []
    for who, place, told, n in found:
        rows = [(row, one) for row, one in enumerate(names) if _value(told, one) is not None]
        values = [_value(told, one) or 0.0 for _, one in rows]
        low, high = zip(*(ends(told[one].interval) for _, one in rows), strict=True)
        series.append(Series(who, values, [row for row, _ in rows], low, high, (), place, n))
    return Panel(name, "strength (Elo's scale)", "", tuple(series), "rows", tuple(names), level=1000)


def _value(told: dict[str, Figure], name: str) -> float | None:
    return told[name].value if name in told else None
