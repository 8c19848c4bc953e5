"""What the tests of the agent share: specialists on offer, scripts of what the model calls, a judge over both."""

import json
import time
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

import pytest
from fakes import WIDTH, Width, card, measured
from pictures import picture
from scripted import Script, ScriptedModel, answer

from autorater.assessment import Declined, Mask, Measured, Outcome, Reading, Region
from autorater.budget import Budget
from autorater.image import Fit, Picture
from autorater.judge import Loop, begin, make_loop
from autorater.judgment import Judgment
from autorater.ledger import Ledger
from autorater.messages import Image, Text, ToolCall, ToolResult
from autorater.model import Called, Capability, Model, Question, Reply, Usage
from autorater.request import Request, Task
from autorater.retrying import Retries
from autorater.runlog import RunLog
from autorater.selection import Selection
from autorater.settings import AgentLimits, Settings
from autorater.sync import run_sync
from autorater.toolbox import Toolbox, View

PROMPT = "a red fox in snow"
Dialect = Literal["native", "words"]
DIALECTS: tuple[Dialect, ...] = ("native", "words")
both = pytest.mark.parametrize("dialect", DIALECTS)
Call = tuple[str, dict[str, Any]]
"""A specialist's name and what it is called with."""
ONE = {"image": "image_1"}


class Plain(Width):
    """The width, and nothing waits."""

    def __call__(self, views: Sequence[View], /) -> list[Outcome]:
        """The widths."""
        return [measured(view.image.width) for view in views]


class Shy(Width):
    """Declines narrow pictures."""

    def __call__(self, views: Sequence[View], /) -> list[Outcome]:
        """The widths of the others."""
        return [measured(v.image.width) if v.image.width > 10 else Declined(reason="too narrow") for v in views]


class Finding(Width):
    """Finds what it is asked to look for, at a place that depends on the image, and marks it."""

    def __call__(self, views: Sequence[View], /) -> list[Outcome]:
        """One region and a mask."""
        return [self.find(view) for view in views]

    def find(self, view: View) -> Measured:
        """A region in the middle, and a mask."""
        import numpy as np

        strength = np.zeros((8, 8))
        strength[2:5, 2:5] = 1
        region = Region(label=view.prompt or "", box=(0.25, 0.25, 0.75, 0.75), score=0.9)
        reading = Reading(quantity="width", value=view.image.width)
        return Measured(readings=(reading,), regions=(region,), mask=Mask.of("found", strength), text=view.prompt or "")


class Torn(Width):
    """Its mask is no image."""

    def __call__(self, views: Sequence[View], /) -> list[Outcome]:
        """A width and the mask."""
        return [measured(view.image.width, mask=Mask(label="torn", png="bm8gaW1hZ2U=")) for view in views]


class Slow(Width):
    """Takes a fifth of a second."""

    def __call__(self, views: Sequence[View], /) -> list[Outcome]:
        """The widths."""
        time.sleep(0.2)
        return [measured(view.image.width) for view in views]


CARDS = {
    each.name: each
    for each in (
        card("width", entry="agents:Plain"),
        card("finding", entry="agents:Finding", needs=("prompt",), gives_text=True),
        card("slow", entry="agents:Slow"),
        card("crashing"),
        card("torn", entry="agents:Torn"),
        card("picky", entry="agents:Shy"),
        card("edits", entry="agents:Finding", needs=("source", "prompt"), quantities=(WIDTH,)),
    )
}
TAKES = {
    "native": Capability(fit=Fit(), tools=True),
    "words": Capability(fit=Fit(), tools=False),
}


def turns_of(question: Question) -> int:
    """How often the agent was asked before."""
    return sum(turn.role == "assistant" for turn in question.conversation.turns)


def said_natively(calls: Sequence[Call], number: int, last: str) -> Reply:
    """A turn with tool calls, or the last one with words alone."""
    made = tuple(
        Called(id=f"call-{number}-{place}", name=name, arguments=given) for place, (name, given) in enumerate(calls)
    )
    return Reply(text="" if calls else last, finish="stop", calls=made, usage=Usage(input=10, output=5))


def said_in_words(calls: Sequence[Call], number: int, last: str) -> Reply:
    """The first of the calls as a structured answer, or the end."""
    told: dict[str, Any] = {"thought": last, "action": "finish", "image": "image_1", "look_for": ""}
    if calls:
        name, given = calls[0]
        told = {**told, "thought": f"thought {number}", "action": name, **given}
    return Reply(text=json.dumps(told), finish="stop", usage=Usage(input=10, output=5))


def script(
    dialect: Dialect, *steps: Sequence[Call], last: str = "Image 1 has the fox.", verdict: Script = answer
) -> Script:
    """Calls `steps` turn by turn, then finishes; everything else is answered by `verdict`."""
    say = said_natively if dialect == "native" else said_in_words

    def scripted(question: Question) -> Any:
        if question.schema_name != "agent":
            return verdict(question)
        number = turns_of(question)
        return say(steps[number] if number < len(steps) else (), number, last)

    return scripted


def model(dialect: Dialect, *steps: Sequence[Call], **more: Any) -> ScriptedModel:
    """A model that calls `steps`."""
    capability = more.pop("capability", TAKES[dialect])
    seconds = more.pop("seconds", 0.0)
    return ScriptedModel(script(dialect, *steps, **more), capability=capability, seconds=seconds)


def request(count: int = 2, *, edit: bool = False, task: Task | None = None, **more: Any) -> Request:
    """A request of our pictures, with a task by their number."""
    usual: dict[int, Task] = {1: "rate", 2: "compare"}
    candidates = tuple(picture(number) for number in range(count))
    return Request(PROMPT, candidates, (picture(9),) if edit else (), task or usual.get(count, "rank"), **more)


def quarter(*call: object) -> float:
    """What every call costs."""
    return 0.25


def free(*call: object) -> float:
    """What every call costs."""
    return 0.0


@contextmanager
def judging(
    asked: Model,
    folder: Path | None = None,
    *,
    limits: AgentLimits | None = None,
    price: Callable[..., float | None] = free,
    budget: Budget | None = None,
    **settings: Any,
) -> Generator[Loop]:
    """The loop of a judge whose agent may call `CARDS`."""
    log = RunLog(folder, write=True) if folder else None
    toolbox = Toolbox(CARDS)
    told = Settings(selection=Selection("agent"), agent=limits or AgentLimits(), **settings)
    ledger = Ledger(log=log, retries=Retries(attempts=1), price=price, budget=budget or Budget())
    loop = make_loop(
        told,
        model=asked,
        scorer=None,
        criterion="overall",
        ledger=ledger,
        cards=toolbox.ready(),
        toolbox=toolbox,
        tool_settings=toolbox.settings,
        version="test",
    )
    try:
        if log:
            begin(log, loop.settings, loop.cards, loop.version)
        yield loop
    finally:
        toolbox.close()
        if log:
            log.close()


def judge(asked: ScriptedModel, item: Request | None = None, folder: Path | None = None, **more: Any) -> Judgment:
    """One judgment."""
    with judging(asked, folder, **more) as loop:
        return run_sync(loop(item or request()))


def of_agent(asked: ScriptedModel) -> list[Question]:
    """What the agent was asked, turn by turn."""
    return [question for question in asked.asked if question.schema_name == "agent"]


def of_judge(asked: ScriptedModel) -> list[Question]:
    """What the judge was asked."""
    return [question for question in asked.asked if question.schema_name != "agent"]


def results(question: Question) -> list[str]:
    """The text of everything that came back from specialists so far, a call each."""
    told: list[str] = []
    for turn in question.conversation.turns[1:]:
        if turn.role == "user":
            found = [part for part in turn.parts if isinstance(part, ToolResult)]
            groups = [part.parts for part in found] or [turn.parts]
            told += ["\n".join(part.text for part in group if isinstance(part, Text)) for group in groups]
    return told


def failures(question: Question) -> list[bool]:
    """Whether each native result is marked as failed."""
    parts = [part for turn in question.conversation.turns for part in turn.parts]
    return [part.failed for part in parts if isinstance(part, ToolResult)]


def calls_in(question: Question) -> list[str]:
    """The specialists that the model called so far, as they stand in the conversation."""
    return [part.name for turn in question.conversation.turns for part in turn.parts if isinstance(part, ToolCall)]


def text_of(question: Question) -> str:
    """All plain text."""
    parts = [part for turn in question.conversation.turns for part in turn.parts]
    return "\n".join([question.conversation.system, *(part.text for part in parts if isinstance(part, Text))])


def captions(question: Question) -> list[tuple[str, Picture]]:
    """Each picture with the last line of the text before it."""
    parts = [part for turn in question.conversation.turns for part in turn.parts]
    flat = [inner for part in parts for inner in (part.parts if isinstance(part, ToolResult) else (part,))]
    found: list[tuple[str, Picture]] = []
    line = ""
    for part in flat:
        if isinstance(part, Text):
            line = part.text.splitlines()[-1]
        elif isinstance(part, Image):
            found.append((line, part.picture))
    return found
