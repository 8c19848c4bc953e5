"""The assessments as the report's table: what each specialist said of each candidate, where it lies, what was cited."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from autorater.assessment import Assessment, Declined, Failed, Measured, Quantity, Reading
from autorater.card import Card
from autorater.errors import without_folders
from autorater.judgment import Judgment
from autorater.report_words import letters, words
from autorater.verdict import Citation

_OPEN_END = 0.8
"""Where the largest value stands on a gauge whose range has one end only."""
Told: TypeAlias = Literal["value", "declined", "failed", "absent"]


@dataclass(frozen=True, slots=True)
class Cell:
    """What one specialist said of one quantity of one candidate. `place` is 0 to 1 on the gauge, or None."""

    kind: Told
    text: str
    value: float | None = None
    sigma: float | None = None
    place: float | None = None
    outside: bool = False
    best: bool = False
    citations: tuple[Citation, ...] = ()


@dataclass(frozen=True, slots=True)
class Measure:
    """One quantity (None where it is not declared) and its cells by candidate; several when it was asked repeatedly."""

    name: str
    quantity: Quantity | None
    cells: dict[str, tuple[Cell, ...]]


@dataclass(frozen=True, slots=True)
class Evidence:
    """All that one specialist said when it was asked for one thing.

    `texts` maps a candidate to pairs of its words and the citations of them.
    """

    specialist: str
    title: str
    errors: str
    measures: tuple[Measure, ...]
    texts: dict[str, list[tuple[str, tuple[Citation, ...]]]]


def evidence(judgment: Judgment, cards: Mapping[str, Card]) -> tuple[Evidence, ...]:
    """The assessments by specialist and by what it was asked to look for, in the order in which they came."""
    named = dict.fromkeys((item.specialist, item.look_for) for item in judgment.assessments)
    return tuple(_evidence_of(name, look_for, judgment, cards.get(name)) for name, look_for in named)


def loose_citations(judgment: Judgment, shown: Sequence[Evidence]) -> tuple[Citation, ...]:
    """The citations that point at nothing in the table."""
    cells = [cell for part in shown for row in part.measures for some in row.cells.values() for cell in some]
    found = {one.assessment for cell in cells for one in cell.citations}
    found |= {one.assessment for part in shown for some in part.texts.values() for _, cited in some for one in cited}
    return tuple(item for item in judgment.citations if item.assessment not in found)


def _evidence_of(name: str, look_for: str, judgment: Judgment, card: Card | None) -> Evidence:
    items = [item for item in judgment.assessments if (item.specialist, item.look_for) == (name, look_for)]
    told = dict.fromkeys(
        reading.quantity for item in items if isinstance(item.outcome, Measured) for reading in item.outcome.readings
    )
    declared = {quantity.name: quantity for quantity in card.meta.quantities} if card else {}
    order = [quantity for quantity in declared if quantity in told] + [one for one in told if one not in declared]
    texts: dict[str, list[tuple[str, tuple[Citation, ...]]]] = {}
    for item in items:
        if isinstance(item.outcome, Measured) and (item.outcome.text or item.outcome.regions):
            cited = _cited(judgment, item.reference())
            texts.setdefault(item.candidate, []).append((_said(item.outcome), cited))
    measures = [_measure(quantity, declared.get(quantity), items, judgment) for quantity in order]
    if not measures and (not texts or any(not isinstance(item.outcome, Measured) for item in items)):
        measures = [Measure("", None, {letter: _cells("", letter, items, judgment) for letter in letters(judgment)})]
    title, errors = (card.meta.title, card.meta.errors) if card else (words(name), "")
    title += f", asked for “{look_for}”" if look_for else ""
    return Evidence(name, title, errors, tuple(measures), texts)


def _said(outcome: Measured) -> str:
    """Its words and the labels of its regions, which the judge sees and cites together."""
    names = [region.label for region in outcome.regions]
    found = ", ".join(dict.fromkeys(names))
    listed = f"{len(names)} region{'s' if len(names) > 1 else ''}: {found}" if names else ""
    return "\n".join(part for part in (outcome.text, listed) if part)


def _measure(name: str, quantity: Quantity | None, items: Sequence[Assessment], judgment: Judgment) -> Measure:
    cells = {letter: _cells(name, letter, items, judgment) for letter in letters(judgment)}
    values = [cell.value for row in cells.values() for cell in row if cell.value is not None]
    best = _best({letter: row[0] for letter, row in cells.items() if len(row) == 1}, quantity)
    placed = {
        letter: tuple(_placed(cell, quantity, values, best=letter == best) for cell in row)
        for letter, row in cells.items()
    }
    return Measure(name, quantity, placed)


def _cells(name: str, letter: str, items: Sequence[Assessment], judgment: Judgment) -> tuple[Cell, ...]:
    cells = tuple(_cell(name, item, judgment) for item in items if item.candidate == letter)
    return cells or (Cell("absent", "not asked"),)


def _cell(name: str, item: Assessment, judgment: Judgment) -> Cell:
    if isinstance(item.outcome, Declined):
        return Cell("declined", without_folders(item.outcome.reason))
    if isinstance(item.outcome, Failed):
        return Cell("failed", without_folders(item.outcome.error))
    reading: Reading | None = next((one for one in item.outcome.readings if one.quantity == name), None)
    if reading is None:
        return Cell("absent", "not measured")
    cited = _cited(judgment, item.reference(name))
    return Cell("value", reading.text(), reading.value, reading.sigma, citations=cited)


def _cited(judgment: Judgment, label: str) -> tuple[Citation, ...]:
    return tuple(item for item in judgment.citations if item.assessment == label)


def _placed(cell: Cell, quantity: Quantity | None, values: Sequence[float], *, best: bool) -> Cell:
    if cell.value is None or quantity is None:
        return cell
    low, high = quantity.low, quantity.high
    outside = (low is not None and cell.value < low) or (high is not None and cell.value > high)
    place: float | None = None
    if low is not None and high is not None:
        place = (cell.value - low) / (high - low)
    elif low is not None:
        place = _OPEN_END * (cell.value - low) / (max(values) - low) if max(values) > low else 0.0
    elif high is not None:
        place = 1 - _OPEN_END * (high - cell.value) / (high - min(values)) if min(values) < high else 1.0
    place = None if place is None else min(1.0, max(0.0, place))
    return Cell(cell.kind, cell.text, cell.value, cell.sigma, place, outside, best, cell.citations)


def _best(cells: Mapping[str, Cell], quantity: Quantity | None) -> str | None:
    """The candidate that this quantity speaks for; None when it has no direction or the lead is within one sigma."""
    told = {letter: cell.value for letter, cell in cells.items() if cell.value is not None}
    if quantity is None or quantity.better == "neither" or len(told) < 2:
        return None
    sign = 1 if quantity.better == "higher" else -1
    first, second = sorted(told, key=lambda letter: -sign * told[letter])[:2]
    noise = ((cells[first].sigma or 0.0) ** 2 + (cells[second].sigma or 0.0) ** 2) ** 0.5
    return first if sign * (told[first] - told[second]) > noise else None
