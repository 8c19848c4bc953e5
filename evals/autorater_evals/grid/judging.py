"""The runs of a grid: specialists look once, and each subset of them is shown to the judge from that record.

A grid's folder holds `assessments`, an evaluated run with everything that the specialists said, and
`subsets/<names>`, an evaluated run each, which resumes and replays on its own. The images of all are in
`assessments/blobs`; the others have a link to it.
"""

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import Literal

from autorater.assessing import assess, look
from autorater.assessment import Assessment
from autorater.autorater import AutoRater
from autorater.budget import Budget
from autorater.card import Card
from autorater.cli_options import JudgeOptions, read_places, read_tool_options
from autorater.errors import BudgetExceeded, UsageError
from autorater.events import Requested
from autorater.judge import Loop, begin, end, make_loop
from autorater.ledger import Ledger
from autorater.progress import Bar
from autorater.request import Request
from autorater.runlog import RunLog
from autorater.selection import Selection, applicable
from autorater.specialist_judge import SpecialistJudge
from autorater.sync import run_sync
from autorater.toolbox import Toolbox
from autorater.vlm_judge import VlmJudge
from autorater.work import in_parallel
from autorater_evals.grid.subsets import Names, folder_name
from autorater_evals.item import Item
from autorater_evals.recorded import NAME, Evaluated, Header, open_run, write_items
from autorater_evals.running import judge_items


@dataclass(frozen=True)
class Record:
    """The recorded assessments of some items, and the settings that the specialists ran with."""

    run: Evaluated
    log: RunLog
    tool_settings: str

    @property
    def ledger(self) -> Ledger:
        """A ledger that answers from the record alone."""
        return Ledger(log=self.log, replaying=True)

    def requests(self) -> Iterator[Request]:
        """The requests, each with its item's own questions; pictures are read when they are asked for."""
        return (request_of(self.log, told, self.run.items[told.id]) for told in self.log.requests())


def request_of(log: RunLog, told: Requested, item: Item | None = None) -> Request:
    """A recorded request; `item` brings its questions back."""
    return Request(
        prompt=told.prompt,
        candidates=tuple(log.picture(record) for record in told.candidates),
        sources=tuple(log.picture(record) for record in told.sources),
        task=item.task if item else told.task,
        id=told.id,
        questions=item.questions if item else told.questions,
    )


def record_assessments(
    header: Header,
    items: Sequence[Item],
    pool: Names,
    options: JudgeOptions,
    *,
    data: Path,
    log: Path,
    concurrency: int = 8,
) -> Evaluated:
    """Let every specialist of `pool` look at every image once, into `log`; what is recorded is not looked at again.

    The run's judge is the embedded one, which costs nothing and is not read.

    Raises:
        UsageError, MissingExtraError: wrong settings.
        RecordError: the log belongs to another run, is being written, or cannot be written.

    """
    looking = JudgeOptions(
        tools=",".join(pool),
        **{
            name: getattr(options, name)
            for name in ("tool_option", "device", "place", "commercial", "allow_urls", "cache")
        },
    )
    # Without a VLM questions cannot be answered; what specialists look at does not depend on them.
    plain = [item.model_copy(update={"questions": None, "answers": {}}) for item in items]
    run, _ = judge_items(
        header, plain, lambda: replace(looking, log=log).open(), data=data, log=log, concurrency=concurrency
    )
    return replace(run, items={item.id: item for item in items})


def open_record(run: Evaluated) -> Record:
    """Open the recorded assessments of a run; close its log after use."""
    return Record(run, RunLog(run.folder), str(run.settings["toolbox"]))


def subset_loop(base: AutoRater, names: Names, log: RunLog, *, record: Record, budget: Budget) -> Loop:
    """The loop of `base` with other specialists, which are answered by `log` alone (see `seed`)."""
    selection = Selection("fixed", names) if names else Selection("none")
    judge, ledger = base.loop.judge, base.loop.ledger
    return make_loop(
        base.settings.model_copy(update={"selection": selection}),
        model=base.loop.model,
        scorer=judge.scorer if isinstance(judge, VlmJudge) else None,
        criterion=str(base.loop.settings["criterion"]),
        ledger=Ledger(log=log, retries=ledger.retries, budget=budget, price=ledger.price),
        cards=record.run.cards,
        toolbox=None,
        tool_settings=record.tool_settings,
        version=version("autorater-vision"),
    )


async def seed(request: Request, loop: Loop, record: Record) -> None:
    """Copy what the specialists of `loop` said of this request from the record into the loop's own log."""
    log = loop.ledger.log
    assert log is not None
    for card in applicable([loop.cards[name] for name in loop.selection.names], request):
        for letter in request.named():
            found = await look(request, card, letter, ledger=record.ledger, settings=record.tool_settings, toolbox=None)
            if not log.has("assessed", found.key):
                log.append(found)


async def recorded_assessments(request: Request, names: Names, record: Record) -> tuple[Assessment, ...]:
    """What the specialists of these names said of a request; those that do not apply to it are left out."""
    cards = record.run.cards
    there = [card.name for card in applicable([cards[name] for name in names], request)]
    return await assess(request, there, cards, ledger=record.ledger, settings=record.tool_settings, toolbox=None)


def judge_subset(
    base: AutoRater,
    names: Names,
    folder: Path,
    *,
    record: Record,
    header: Header,
    budget: Budget,
    bar: Bar,
    concurrency: int = 8,
) -> Evaluated:
    """Judge every recorded request with these specialists, into a log of its own; what is judged already is kept.

    Raises:
        BudgetExceeded: the limit on money is reached; run again to resume.
        RecordError: the log belongs to another run, is being written, or cannot be written.

    """
    path = folder / folder_name(names)
    _share_images(path, record.log.folder)
    with RunLog(path, write=True) as log:
        loop = subset_loop(base, names, log, record=record, budget=budget)
        begin(log, loop.settings, loop.cards, loop.version)
        _share_items(folder, path, header, record.run.items.values())

        async def one(request: Request) -> None:
            await seed(request, loop, record)
            await loop(request)

        async def work() -> None:
            async for _ in in_parallel(one, record.requests(), concurrency=concurrency):
                bar.advance(cost=budget.spent)

        why: Literal["failed", "finished", "budget"] = "failed"
        try:
            run_sync(work())
            why = "finished"
        except BudgetExceeded:
            why = "budget"
            raise
        finally:
            end(log, why)
    return open_run(path)


def _share_images(path: Path, record: Path) -> None:
    """Let the blobs of a log be those of the record: named by content, the same image is kept once for all subsets."""
    blobs = path / "blobs"
    if blobs.exists() or blobs.is_symlink():
        return
    path.mkdir(parents=True, exist_ok=True)
    try:
        blobs.symlink_to(os.path.relpath(record / "blobs", path), target_is_directory=True)
    except OSError:  # where links are not allowed the images are copied
        return


def _share_items(folder: Path, path: Path, header: Header, items: Iterable[Item]) -> None:
    """Put the items beside the log: one file for all subsets, linked where the file system can."""
    first = folder / NAME
    if not first.exists():
        write_items(folder, header, items)
    if (path / NAME).exists():
        return
    try:
        os.link(first, path / NAME)
    except OSError:
        write_items(path, header, items)


def check_same_items(folder: Path, header: Header, items: Iterable[Item]) -> None:
    """Raise RecordError when the subsets in `folder` are of other items."""
    write_items(folder, header, items)


def ready_cards(options: JudgeOptions) -> dict[str, Card]:
    """The cards of the specialists that can run as the options say.

    Raises:
        UsageError: an option or a place names no specialist, or is wrong.

    """
    toolbox = Toolbox(
        device=options.device,
        commercial=options.commercial,
        options=read_tool_options(options.tool_option),
        places=read_places(options.place),
    )
    try:
        return toolbox.ready()
    finally:
        toolbox.close()


def read_by(options: JudgeOptions, items: Iterable[Item]) -> Names | None:
    """The specialists whose readings the embedded judge of these options can use; None for a VLM, which reads all.

    Raises:
        UsageError: the criterion is neither a dimension nor a reading.

    """
    if options.model != "embedded":
        return None
    if "." in options.criterion:
        return (options.criterion.partition(".")[0],)
    judge = SpecialistJudge(criterion=options.criterion)
    return tuple(sorted({name for edit in {bool(item.sources) for item in items} for name in judge.reads(edit=edit)}))


def open_base(options: JudgeOptions, pool: Names) -> AutoRater:
    """The judge that every subset shares, without a log of its own; close it after use.

    Raises:
        UsageError, MissingExtraError: wrong settings.

    """
    if options.scorer and options.model == "embedded":
        raise UsageError("the embedded judge takes no scorer: name a VLM with --model")
    if options.batch_api:
        raise UsageError("--batch-api does not go with grid: every subset would wait for batches; leave it out")
    return replace(options, tools=",".join(pool), log=None).open()
