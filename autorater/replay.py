"""Replay: a recorded run judged again from its log alone, compared byte by byte.

No network, no key, no specialist is needed: every call is answered by the ledger, and a call that is not recorded is an
error that names the nearest one.
"""

from collections.abc import AsyncGenerator, Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from autorater.card import Card
from autorater.checklist import Checklist
from autorater.document import describe_errors
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
from autorater.settings import AgentLimits, Settings, describe_difference
from autorater.sync import run_sync

_HEAD = len('{"kind":"judged","key":"","judgment":') + 64
_STEP = 64
"""Items that `replay` takes at a time from the loop's thread."""


@dataclass(frozen=True)
class Replayed:
    """One item: what was recorded (`line` of the log), what the replay gives, and whether they are the same."""

    line: bytes
    judgment: Judgment

    @cached_property
    def recorded(self) -> Judgment:
        """The recorded judgment."""
        return Judged.model_validate_json(self.line).judgment

    @cached_property
    def identical(self) -> bool:
        """Whether both are the same JSON, byte for byte."""
        given = self.judgment.model_dump_json()
        # The recorded one is parsed only when the log's own bytes differ, as after a field with a default was added.
        return self.line[_HEAD:] == given.encode() + b"}\n" or self.recorded.model_dump_json() == given


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
    try:
        loop = _loop_of(log, started)
    except (KeyError, TypeError, ValidationError) as error:
        what = describe_errors(error) if isinstance(error, ValidationError) else f"{error} is missing"
        raise RecordError(f"{log.path.name}, line 1: the settings are damaged: {what}") from error
    recorded = {name: value for name, value in started.settings.items() if name != "card_blobs"}
    if difference := describe_difference(recorded, loop.settings):
        raise ReplayMiss(
            f"this version of AutoRater judges otherwise than the one that made the log ({difference}): "
            f"replay it with autorater-vision {started.autorater}, or record the run again"
        )
    return loop


def _loop_of(log: RunLog, started: Started) -> Loop:
    told, cards = started.settings, recorded_cards(log)
    settings = Settings(
        selection=TypeAdapter(Selection).validate_python(told["tools"]),
        order=told["order"],
        samples=told["samples"],
        protocol=told["protocol"],
        checklist=Checklist.model_validate(told["checklist"]) if told["checklist"] else None,
        sampling=Sampling.model_validate(told["sampling"]) if told["sampling"] else None,
        agent=AgentLimits.model_validate(told.get("agent", {})),
    )
    return make_loop(
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
    agents = {name: told[name] for name in ("tools", "max_images") if name in told}
    capability = Capability(fit=fit, schema=told["schema"], temperature=told["temperature"], **agents)
    return RecordedModel(told["name"], capability)


async def areplay(folder: str | Path) -> AsyncGenerator[Replayed, None]:
    """Judge every judged item of a log again, in the order in which the items were taken up.

    Raises:
        RecordError: there is no log, or it is damaged.
        ReplayMiss: a call is not recorded, or this version judges otherwise.

    """
    with RunLog(folder) as log:
        loop = recorded_loop(log)
        for item in log.requests():
            line = log.line("judged", item.key)
            if line is None:
                continue
            done = Replayed(line, await loop(_request(log, item)))
            if not done.identical and done.recorded.judged_by.autorater != loop.version:
                # The run was resumed by another version, which is recorded and not a result.
                again = replace(loop, version=done.recorded.judged_by.autorater)
                done = Replayed(line, await again(_request(log, item)))
            yield done


def _request(log: RunLog, item: Requested) -> Request:
    return Request(
        prompt=item.prompt,
        candidates=tuple(log.picture(record) for record in item.candidates),
        sources=tuple(log.picture(record) for record in item.sources),
        task=item.task,
        id=item.id,
        questions=item.questions,
    )


def replay(folder: str | Path) -> Iterator[Replayed]:
    """As `areplay`, from code that is not async."""
    stream = areplay(folder)

    async def step() -> tuple[list[Replayed], Exception | None]:
        some: list[Replayed] = []
        try:
            while len(some) < _STEP:
                some.append(await anext(stream))
        except StopAsyncIteration:
            return some, None
        except Exception as error:  # what came before it is given first
            return some, error
        return some, None

    try:
        while True:
            some, error = run_sync(step())
            yield from some
            if error is not None:
                raise error
            if len(some) < _STEP:
                return
    finally:
        run_sync(stream.aclose())
