"""Replay: a recorded run judged again from its log alone, compared byte by byte.

No network, no key, no specialist is needed: every call is answered by the ledger, and a call that is not recorded is an
error that names the nearest one.
"""

from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from autorater.card import Card
from autorater.checklist import Checklist
from autorater.errors import RecordError, ReplayMiss
from autorater.events import Judged, Requested, Started
from autorater.image import Fit
from autorater.judge import Loop, make_loop
from autorater.judgment import Judgment
from autorater.ledger import Ledger
from autorater.model import Capability, Model, Question, Reply, Sampling
from autorater.request import Request
from autorater.runlog import RunLog
from autorater.selection import Selection
from autorater.settings import Settings, describe_difference
from autorater.sync import run_sync


@dataclass(frozen=True, slots=True)
class Replayed:
    """One item: what was recorded, what the replay gives, and whether they are the same to the byte."""

    recorded: Judgment
    judgment: Judgment

    @property
    def identical(self) -> bool:
        """Whether both are the same JSON, byte for byte."""
        return self.recorded.model_dump_json() == self.judgment.model_dump_json()


@dataclass(frozen=True, slots=True)
class RecordedModel:
    """The name and the limits of a model that was recorded; it cannot be asked."""

    name: str
    capability: Capability

    async def ask(self, question: Question) -> Reply:
        """Raise ReplayMiss: in a replay the ledger answers."""
        raise ReplayMiss(f"a replay never calls {self.name}")


def recorded_loop(log: RunLog) -> Loop:
    """The loop that the log was made with, answered by the log."""
    started = _started(log)
    told, cards = started.settings, recorded_cards(log)
    settings = Settings(
        selection=Selection(told["tools"]["how"], tuple(told["tools"]["names"])),
        order=told["order"],
        samples=told["samples"],
        protocol=told["protocol"],
        checklist=Checklist.model_validate(told["checklist"]) if told["checklist"] else None,
        sampling=Sampling.model_validate(told["sampling"]) if told["sampling"] else None,
    )
    loop = make_loop(
        settings,
        model=_recorded_model(told["model"]),
        scorer=_recorded_model(told["scorer"]),
        criterion=told["criterion"],
        ledger=Ledger(log=log, replaying=True),
        cards=cards,
        toolbox=None,
        tool_settings=told["toolbox"],
        version=started.autorater,
    )
    recorded = {name: value for name, value in told.items() if name != "card_blobs"}
    if difference := describe_difference(recorded, loop.settings):
        raise ReplayMiss(
            f"this version of AutoRater judges otherwise than the one that made the log ({difference}): "
            f"replay it with autorater-vision {started.autorater}, or record the run again"
        )
    return loop


def recorded_cards(log: RunLog) -> dict[str, Card]:
    """The cards that were on offer when the log was made."""
    blobs = _started(log).settings.get("card_blobs", {})
    return {name: Card.model_validate_json(log.blob(sha256)) for name, sha256 in blobs.items()}


def _started(log: RunLog) -> Started:
    started = next(log.events(), None)
    if not isinstance(started, Started):
        raise RecordError(f"{str(log.folder)!r} holds no run: its first line is not 'started'")
    return started


def _recorded_model(told: Any) -> Model | None:
    if told is None:
        return None
    fit = TypeAdapter(Fit).validate_python(told["fit"])
    capability = Capability(fit=fit, schema=told["schema"], temperature=told["temperature"])
    return RecordedModel(told["name"], capability)


async def areplay(folder: str | Path) -> AsyncIterator[Replayed]:
    """Judge every judged item of a log again, in the order in which the items were taken up.

    Raises:
        RecordError: there is no log, or it is damaged.
        ReplayMiss: a call is not recorded, or this version judges otherwise.

    """
    with RunLog(folder) as log:
        loop = recorded_loop(log)
        seen: set[bytes] = set()
        for line in log.lines("requested"):
            item = Requested.model_validate_json(line)
            judged = log.find(Judged, item.key)
            place = bytes.fromhex(item.key[:16])
            if judged is None or place in seen:
                continue
            seen.add(place)
            yield Replayed(judged.judgment, await loop(_request(log, item)))


def _request(log: RunLog, item: Requested) -> Request:
    return Request(
        prompt=item.prompt,
        candidates=tuple(log.picture(record) for record in item.candidates),
        sources=tuple(log.picture(record) for record in item.sources),
        task=item.task,
        id=item.id,
    )


def replay(folder: str | Path) -> Iterator[Replayed]:
    """As `areplay`, from code that is not async."""
    stream = areplay(folder)
    end = object()

    async def step() -> Any:
        return await anext(stream, end)

    while (item := run_sync(step())) is not end:
        yield item
