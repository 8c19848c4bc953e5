"""What would a recorded run have said, had something been different? Answered from the record alone, or not at all."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from autorater.card import Card, find_cards
from autorater.errors import UsageError
from autorater.judgment import Judgment
from autorater.model import Usage
from autorater.quantity_judge import read_quantity
from autorater.runlog import RunLog, now
from autorater.settings import list_price
from autorater_evals.answers import Answer
from autorater_evals.counting import many
from autorater_evals.grid.answered import Answered, Changed, Counterfactual, Missing
from autorater_evals.grid.changes import Changes
from autorater_evals.grid.rejudging import Needs, Rejudging, rejudge
from autorater_evals.grid.rereading import by_checklist, by_panel, with_threshold
from autorater_evals.grid.subsets import folder_name
from autorater_evals.grid.target import Target, Told, targets_of
from autorater_evals.recorded import NAME, Evaluated, open_run


@dataclass
class _Column:
    """One target before and after, item by item, as judgments pass by."""

    before: Target
    after: Target
    told: dict[str, Told] = field(default_factory=dict[str, Any])
    changed: dict[str, Told] = field(default_factory=dict[str, Any])


def what_if(
    run: Evaluated, changes: Changes, *, part: str = "", dimension: str = "", measure: str = ""
) -> Counterfactual:
    """The figures of a run before and after `changes`.

    Raises:
        UsageError: a change does not fit the recording.
        RecordError: a recording cannot be read.

    """
    if not changes.words():
        raise UsageError("say what is to be different: --tie-rule, --order, --drop, --criterion, --panel, …")
    if changes.criterion and "." in changes.criterion:
        read_quantity(changes.criterion, {**find_cards(), **run.cards})  # refused now, and not after counting calls
    columns = _columns(run, changes, part=part, dimension=dimension, measure=measure)
    for judgment in run.judgments():
        for column in columns:
            if judgment.id in column.before.places or judgment.id in column.after.places:
                column.told[judgment.id] = column.before.read(judgment, run.cards)
    answered, needs = _rejudged(run, changes, columns)
    missing = None
    if needs.items:
        cost = _cost(run, needs.calls, changes.model)
        missing = Missing(items=needs.items, calls=needs.calls, looks=needs.looks, cost=cost)
    else:
        _reread(run, changes, columns)
    answered += [Answered(change=word, exactly=True, why=why) for word, why in _readings(changes)]
    return Counterfactual(
        run=run.folder.resolve().name,
        judge=run.judge,
        answered=tuple(answered),
        missing=missing,
        rows=() if missing else tuple(_row(column) for column in columns),
        notes=tuple(_notes(run, changes, columns)),
    )


def _columns(run: Evaluated, changes: Changes, *, part: str, dimension: str, measure: str) -> list[_Column]:
    parts, items = run.header.parts, list(run.items.values())
    before = targets_of(parts, items, part=part, dimension=dimension, measure=measure)
    if changes.tie_rule is None:
        return [_Column(one, one) for one in before]
    pairs = [one for one in before if one.part.kind == "pairs"]
    if not pairs:
        raise UsageError("--tie-rule is for pairs, and none is asked for")
    rule = f"accuracy_{changes.tie_rule}"
    found: list[_Column] = []
    for one in pairs:
        named = one.dimension.name if one.dimension else ""
        after = targets_of(parts, items, part=one.part.name, dimension=named, measure=rule)
        found.append(_Column(one, after[0]))
    return found


def _rejudged(run: Evaluated, changes: Changes, columns: Sequence[_Column]) -> tuple[list[Answered], Needs]:
    """Fill `changed` of every column by the changed judge; what of the judge's changes the recording answers."""
    alone = changes.of_the_judge()
    if not alone:
        for column in columns:
            column.changed = dict(column.told)
        if changes.checklist_weights is not None:
            _take_all(run, changes, columns)
        return [], Needs()
    if (sibling := _in_grid(run, changes, alone)) is not None:
        _take_all(sibling, changes, columns)
        return [
            Answered(change=one.words()[0], exactly=True, why="the grid holds this subset") for one in alone
        ], Needs()
    whole = Rejudging(run, changes)
    cards = run.cards
    rejudge(whole, lambda judgment: _take(changes, columns, judgment, cards))
    answered = [_alone(run, changes, one, whole.needs) for one in alone]
    return answered, whole.needs


def _alone(run: Evaluated, changes: Changes, one: Changes, whole: Needs) -> Answered:
    """Whether a single change of the judge is answered; without calls for the whole none of its parts needs any."""
    needs = whole
    if whole.items and len(changes.of_the_judge()) > 1 and (one.weights is None or one.criterion):
        single = Rejudging(run, one)
        rejudge(single, lambda judgment: None)
        needs = single.needs
    asks = [f"{needs.calls:,} calls"] * (needs.calls > 0) + [f"{needs.looks:,} looks of specialists"] * (
        needs.looks > 0
    )
    why = f"it needs {' and '.join(asks)} for {needs.items:,} items" if needs.items else "every answer is recorded"
    return Answered(change=one.words()[0], exactly=not needs.items, why=why)


def _in_grid(run: Evaluated, changes: Changes, alone: Sequence[Changes]) -> Evaluated | None:
    """The run of the same grid with the specialists that are asked for, when there is one and it is whole."""
    only_tools = all(one.keep is not None or one.drop for one in alone)
    if run.folder.resolve().parent.name != "subsets" or not only_tools:
        return None
    own = tuple(run.settings["tools"]["names"])
    wanted = sorted(name for name in (own if changes.keep is None else changes.keep) if name not in changes.drop)
    path = run.folder.resolve().parent / folder_name(wanted)
    if not (path / NAME).is_file():
        return None
    other = open_run(path)
    differing = {name for name in run.settings if run.settings[name] != other.settings.get(name)}
    with RunLog(path) as log:
        whole = log.count("judged") >= log.count("requested") > 0
    return other if whole and differing <= {"tools", "cards", "card_blobs"} else None


def _take_all(run: Evaluated, changes: Changes, columns: Sequence[_Column]) -> None:
    cards = run.cards
    for judgment in run.judgments():
        _take(changes, columns, judgment, cards)


def _take(changes: Changes, columns: Sequence[_Column], judgment: Judgment, cards: Mapping[str, Card]) -> None:
    for column in columns:
        if judgment.id not in column.after.places:
            continue
        if changes.checklist_weights is not None and column.after.part.kind != "questions":
            column.changed[judgment.id] = by_checklist(judgment, changes.checklist_weights)
        else:
            column.changed[judgment.id] = column.after.read(judgment, cards)


def _reread(run: Evaluated, changes: Changes, columns: Sequence[_Column]) -> None:
    panel = [_member(run, Path(folder)) for folder in changes.panel]
    for column in columns:
        others = [_answers(member, column.after) for member in panel]
        for id, told in column.changed.items():
            if others:
                told = by_panel([told, *(other.get(id, Answer("absent")) for other in others)], reduce=changes.reduce)
            column.changed[id] = with_threshold(told, changes.tie_threshold)


def _member(run: Evaluated, folder: Path) -> Evaluated:
    """A run of the panel. Raises UsageError when it is not of the same items."""
    other = open_run(folder)
    if {id: run.items[id] for id in run.items} != dict(other.items):
        raise UsageError(
            f"{folder.name} is not of the same items as {run.folder.name}: a panel needs one benchmark and limit"
        )
    return other


def _answers(run: Evaluated, target: Target) -> dict[str, Told]:
    cards = run.cards
    return {one.id: target.read(one, cards) for one in run.judgments() if one.id in target.places}


def _readings(changes: Changes) -> list[tuple[str, str]]:
    """The changes that only read recorded answers otherwise, each with why it is exact."""
    own = {
        "checklist_weights": "the answers to the checklist are recorded",
        "tie_threshold": "the margins are recorded",
        "tie_rule": "it only counts ties otherwise",
        "panel": "every run of the panel is recorded",
    }
    found: list[tuple[str, str]] = []
    for name, why in own.items():
        value = getattr(changes, name)
        if value is not None and value != ():
            told = {name: value, "reduce": changes.reduce}
            found.append((Changes.model_validate(told).words()[0], why))
    return found


def _row(column: _Column) -> Changed:
    before, after = column.before.marks_of(column.told), column.after.marks_of(column.changed)
    place = {unit: number for number, unit in enumerate(column.after.units)}
    # A tie rule may count other units; what is paired is in both.
    paired = np.array([after[place[unit]] if unit in place else np.nan for unit in column.before.units])
    both = ~np.isnan(before) & ~np.isnan(paired)
    return Changed(
        part=column.before.part.name,
        dimension=column.before.dimension.name if column.before.dimension else "",
        before=column.before.figure(before),
        after=column.after.figure(after),
        difference=column.before.difference(before, paired) if both.any() else None,
        moved=int((before[both] != paired[both]).sum() + (np.isnan(before) != np.isnan(paired)).sum()),
    )


def _cost(run: Evaluated, calls: int, model: str) -> float | None:
    """What new calls cost about: as much as the recorded ones did in the mean, at the new model's price."""
    if not calls:
        return 0.0
    usage, costs, asked = Usage(), list[float | None](), 0
    for judgment in run.judgments():
        usage += judgment.usage
        costs.append(judgment.cost)
        asked += sum(len(one.calls) for one in judgment.passes)
    if not asked:
        return None
    if model:
        each = Usage(input=usage.input // asked, output=usage.output // asked)
        price = list_price(model, each, now())
        return None if price is None else round(price * calls, 4)
    known = [cost for cost in costs if cost is not None]
    return round(sum(known) / asked * calls, 4) if len(known) == len(costs) else None


def _notes(run: Evaluated, changes: Changes, columns: Sequence[_Column]) -> list[str]:
    notes: list[str] = []
    if changes.tie_threshold is not None:
        bare = sum(
            1
            for column in columns
            for told in column.changed.values()
            if isinstance(told, Answer) and told.there and told.side is not None and told.margin is None
        )
        if bare:
            notes.append(f"{many(bare, 'answer')} without a margin: left as recorded")
    if changes.samples is not None and run.settings.get("samples", 1) != changes.samples:
        notes.append("samples are those of the record, drawn as it was; a new run of one sample draws at temperature 0")
    return notes
