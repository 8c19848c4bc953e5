"""Specialists alone as judges: every reading that can be better or worse, on the same items, from one recording.

The rows of paper 001's Table 2 that need no VLM (HPSv3, ImageReward, Q-SiT, …), each with n, coverage and interval.
"""

from collections import Counter
from collections.abc import Mapping, Sequence

from autorater.canonical import Record
from autorater.card import Card
from autorater.judgment import Judgment
from autorater_evals.answers import Answer, read_reading
from autorater_evals.counting import many
from autorater_evals.figure import Figure
from autorater_evals.grid.target import MEASURES, Target, Told, measure_of, targets_of
from autorater_evals.recorded import Evaluated
from autorater_evals.seen import EMBEDDED, fits_of


class Cell(Record):
    """One figure of one reading."""

    part: str
    dimension: str
    headline: bool
    """Whether it is the measure that stands in the table."""
    figure: Figure


class Baseline(Record):
    """One reading as a judge."""

    reading: str
    """`specialist.quantity`."""
    title: str
    better: str
    licence: str
    commercial: bool
    seconds: float
    """CPU seconds for one image, by its card."""
    measured: int
    """Items on which it has a reading of every image."""
    total: int
    cells: tuple[Cell, ...]


class Baselines(Record):
    """All readings of a recording, the best in the first column first."""

    benchmark: str
    title: str
    items: int
    rows: tuple[Baseline, ...]
    published: dict[str, dict[str, float]]
    """Judge → "part measure" → the figure that somebody published."""
    notes: tuple[str, ...] = ()


def directed(cards: Mapping[str, Card]) -> list[tuple[str, str]]:
    """`specialist.quantity` and "higher" or "lower", of every reading that has a direction."""
    return [
        (f"{name}.{quantity.name}", quantity.better)
        for name, card in sorted(cards.items())
        for quantity in card.meta.quantities
        if quantity.better != "neither"
    ]


def score_baselines(run: Evaluated, *, part: str = "", dimension: str = "", measure: str = "") -> Baselines:
    """Every directed reading of a run's recorded assessments as a judge of its items.

    Raises:
        UsageError: there is no such part, dimension or measure.

    """
    parts = [one for one in run.header.parts if one.kind != "questions"]
    items = [item for item in run.items.values() if item.questions is None]
    readings = directed(run.cards)
    shown = targets_of(parts, items, part=part, dimension=dimension, measure=measure)
    answers: dict[str, dict[str, Told]] = {reading: {} for reading, _ in readings}
    fits, seen = fits_of(run.folder), Counter[str]()
    for judgment in run.judgments():
        _read(judgment, readings, answers)
        if run.items[judgment.id].questions is None:
            seen.update(name for name in run.cards if fits.met_by(name, judgment))
    rows = [_row(reading, better, run, shown, answers[reading], items=len(items)) for reading, better in readings]
    notes = [] if len(items) == len(run.items) else ["questions are answered by a VLM alone and are left out"]
    if not run.header.complete:
        notes.append("the data are a part of the benchmark: these figures are not those of the whole")
    for name, count in sorted(seen.items()):
        how = "fitted" if name in EMBEDDED else "trained"
        met = f"{count:,} of {many(len(items), 'item')}"
        notes.append(f"{name} was {how} on pictures or prompts of {met}: its figures are not held out")
    return Baselines(
        benchmark=run.header.benchmark,
        title=run.header.title,
        items=len(items),
        rows=tuple(sorted(rows, key=_order)),
        published=_published(run),
        notes=tuple(notes),
    )


def _read(judgment: Judgment, readings: Sequence[tuple[str, str]], answers: dict[str, dict[str, Told]]) -> None:
    for reading, better in readings:
        answers[reading][judgment.id] = read_reading(judgment, reading, better)


def _row(
    reading: str, better: str, run: Evaluated, shown: Sequence[Target], told: Mapping[str, Told], *, items: int
) -> Baseline:
    card = run.cards[reading.partition(".")[0]]
    measured = sum(isinstance(one, Answer) and one.there for one in told.values())
    return Baseline(
        reading=reading,
        title=card.meta.title,
        better=better,
        licence=card.meta.licence,
        commercial=card.meta.commercial,
        seconds=card.meta.seconds,
        measured=measured,
        total=items,
        cells=tuple(cell for target in shown for cell in _cells(target, run, told)),
    )


def _cells(target: Target, run: Evaluated, told: Mapping[str, Told]) -> list[Cell]:
    """The target's own measure and every other one of its kind."""
    dimension = target.dimension.name if target.dimension else ""
    items = list(run.items.values())
    cells: list[Cell] = []
    for name in dict.fromkeys([target.measure, *MEASURES[target.part.kind]]):
        other = targets_of([target.part], items, part=target.part.name, dimension=dimension, measure=name)[0]
        figure = other.figure(other.marks_of(told))
        cells.append(Cell(part=target.part.name, dimension=dimension, headline=name == target.measure, figure=figure))
    return cells


def _order(row: Baseline) -> tuple[bool, float, str]:
    first = next((cell.figure.value for cell in row.cells if cell.headline), None)
    return (first is None, -(first or 0.0), row.reading)


def _published(run: Evaluated) -> dict[str, dict[str, float]]:
    found: dict[str, dict[str, float]] = {}
    measures = {one.name: measure_of(one) for one in run.header.parts}
    for one in run.header.published:
        if measures.get(one.part) == one.measure:
            found.setdefault(one.judge, {})[f"{one.part} {one.measure}"] = one.value
    return found
