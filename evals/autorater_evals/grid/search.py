"""The whole of a grid: record the specialists, judge every subset, choose on some prompts and report on the others."""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from autorater.autorater import AutoRater
from autorater.budget import Budget
from autorater.errors import BudgetExceeded, UsageError
from autorater.judgment import Judgment, total_cost
from autorater.progress import progress_bar
from autorater.runlog import RunLog
from autorater_evals.benchmark import Loaded
from autorater_evals.counting import many
from autorater_evals.grid.choosing import COVERED, Marks, choose, eligible_of, repeat_splits
from autorater_evals.grid.effects import effects_of
from autorater_evals.grid.judging import Record, check_same_items, judge_subset, open_record
from autorater_evals.grid.planning import Plan, plan_grid, spent
from autorater_evals.grid.result import GridResult, Tried
from autorater_evals.grid.subsets import Names, choosing, folder_name, subsets_of
from autorater_evals.grid.target import Target
from autorater_evals.recorded import Evaluated, Header
from autorater_evals.seen import Fits, fits_of, note_training
from autorater_evals.statistics.resampling import Array, Mask

FEWER_DRAWS = 200
"""Bootstrap draws of each figure where there are many subsets."""
MANY = 100


@dataclass(frozen=True)
class Search:
    """A grid that is about to run. `subsets` is in the order in which they are judged: none and all first."""

    folder: Path
    header: Header
    target: Target
    pool: Names
    max_size: int
    share: float
    run: Evaluated
    """The recorded assessments of every specialist of the pool."""

    @property
    def subsets(self) -> tuple[Names, ...]:
        """What is tried."""
        found = subsets_of(self.pool, most=self.max_size)
        return tuple(sorted(found, key=lambda names: (names not in ((), self.pool), len(names))))


@dataclass(frozen=True)
class _Judged:
    """What one subset's run gave."""

    marks: Array
    outcomes: dict[str, int]
    calls: int
    cost: float | None
    seen: int
    """Items that who decided was fitted or trained on."""


def one_part(loaded: Loaded) -> Loaded:
    """Its first part that has items, alone."""
    name = next(name for name, items in loaded.items.items() if items)
    return replace(loaded, items={name: loaded.items[name]}, counts={name: loaded.counts[name]})


def make_plan(search: Search, base: AutoRater) -> Plan:
    """What is left to ask, and what it costs at most."""
    record = open_record(search.run)
    with record.log:
        return plan_grid(base, search.subsets, search.folder / "subsets", record=record)


def run_grid(
    search: Search,
    base: AutoRater,
    plan: Plan,
    *,
    concurrency: int = 8,
    tell: Callable[[str], None] = lambda text: None,
) -> GridResult:
    """Judge every subset (`tell` is given what a person may want to know meanwhile) and say what came of it.

    Raises:
        UsageError: specialists of `base` run with other options than the recorded ones.
        RecordError: a log belongs to another run, is being written, or cannot be written.

    """
    folder = search.folder / "subsets"
    folder.mkdir(parents=True, exist_ok=True)
    check_same_items(folder, search.header, search.run.items.values())
    budget = Budget(base.loop.ledger.budget.limit, spent=spent(folder, search.subsets))
    judged: dict[Names, _Judged] = {}
    note_training(base, search.run.folder)
    fits = fits_of(search.run.folder)
    stopped = ""
    with ExitStack() as stack:
        record = open_record(search.run)
        stack.enter_context(record.log)
        if record.tool_settings != base.loop.tool_settings:
            raise UsageError("the specialists were recorded with other options or devices: choose another --log")
        items = record.log.count("requested")
        bar = stack.enter_context(progress_bar("judging subsets", items * len(search.subsets)))
        for names in search.subsets:
            before = budget.spent
            try:
                run = judge_subset(
                    base,
                    names,
                    folder,
                    record=record,
                    header=search.header,
                    budget=budget,
                    bar=bar,
                    concurrency=concurrency,
                )
            except BudgetExceeded as error:
                stopped = f"{len(judged):,} of {many(len(search.subsets), 'subset')} judged: {error}"
                break
            judged[names] = _read(run, search.target, fits)
            if not names and budget.spent > before:
                rest = (len(search.subsets) - 1) * (budget.spent - before)
                tell(f"without specialists: ${budget.spent - before:.2f}; expect ${rest:.2f} and more for the rest")
        unusable = len(search.run.items) - items
    return _result(search, base, plan, judged, record=record, unusable=unusable, stopped=stopped)


def _read(run: Evaluated, target: Target, fits: Fits) -> _Judged:
    outcomes = Counter[str]()
    costs: list[float | None] = []
    seen: list[str] = []

    def watch(judgment: Judgment) -> Judgment:
        outcomes[judgment.outcome] += 1
        if any(fits.met(judgment)):
            seen.append(judgment.id)
        costs.append(judgment.cost)
        return judgment

    marks = target.marks(map(watch, run.judgments()), run.cards)
    with RunLog(run.folder) as log:
        calls = log.count("asked")
    return _Judged(marks, dict(outcomes), calls, total_cost(costs), len(seen))


def _result(
    search: Search,
    base: AutoRater,
    plan: Plan,
    judged: dict[Names, _Judged],
    *,
    record: Record,
    unusable: int,
    stopped: str,
) -> GridResult:
    target = search.target
    chooses = choosing(target.clusters, share=search.share)
    order = [names for names in subsets_of(search.pool, most=search.max_size) if names in judged]
    units = len(target.units)
    array = np.stack([judged[names].marks for names in order]) if order else np.empty((0, units))
    marks = Marks(target, tuple(order), array)
    tried = _tried(search, marks, judged, chooses, record)
    choice = choose(marks, tried, chooses, pool=search.pool) if order else None
    notes = [] if choice is None else [choice.note]
    if order and not np.isfinite(array[0]).any() and order[0] == ():
        notes.append("without specialists this judge has no result: its coverage there is 0, which is no figure")
    if seen := max((one.seen for one in judged.values()), default=0):
        who = "the embedded judge" if base.loop.model is None else "the judge or a specialist that it read"
        notes.append(f"{who} was fitted on pictures or prompts of {seen:,} of these items: they are not held out")
    notes += _measured(search.run)
    if refused := sum(not one.eligible for one in tried):
        notes.append(f"{many(refused, 'subset')} without results of more than 5 % of the units: could not be chosen")
    model = base.loop.model
    clusters = set(target.clusters)
    return GridResult(
        benchmark=search.header.benchmark,
        title=search.header.title,
        part=target.part.name,
        dimension=target.dimension.name if target.dimension else "",
        measure=target.measure,
        judge=model.name if model else f"embedded ({base.loop.settings['criterion']})",
        pool=search.pool,
        max_size=search.max_size,
        units=units,
        prompts=len(clusters),
        choosing_prompts=len({name for name, there in zip(target.clusters, chooses, strict=True) if there}),
        choosing_units=int(chooses.sum()),
        plan=plan,
        tried=tried,
        choice=choice,
        splits=repeat_splits(marks, share=search.share) if order else None,
        effects=effects_of(marks, search.pool) if order else (),
        unusable=unusable,
        stopped=stopped,
        notes=tuple(notes),
    )


def _measured(run: Evaluated) -> Iterator[str]:
    """Which specialists often had nothing to say: they can neither help nor hurt there."""
    looked, measured = Counter[str](), Counter[str]()
    for judgment in run.judgments():
        for one in judgment.assessments:
            looked[one.specialist] += 1
            measured[one.specialist] += one.outcome.kind == "measured"
    for name, number in sorted(looked.items()):
        if measured[name] < COVERED * number:
            yield f"{name} measured {measured[name]:,} of {number:,} images; of the others the judge was told why not"


def _tried(
    search: Search, marks: Marks, judged: dict[Names, _Judged], chooses: Mask, record: Record
) -> tuple[Tried, ...]:
    target = search.target
    draws = None if len(marks.subsets) <= MANY else FEWER_DRAWS
    eligible = eligible_of(marks.array[:, chooses])
    return tuple(
        Tried(
            specialists=names,
            folder=f"subsets/{folder_name(names)}",
            chooses=target.figure(row, chooses, draws=draws),
            reports=target.figure(row, ~chooses, draws=draws),
            whole=target.figure(row, draws=draws),
            outcomes=judged[names].outcomes,
            calls=judged[names].calls,
            cost=judged[names].cost,
            seconds=round(sum(record.run.cards[name].meta.seconds for name in names), 3),
            eligible=bool(allowed),
        )
        for names, row, allowed in zip(marks.subsets, marks.array, eligible, strict=True)
    )
