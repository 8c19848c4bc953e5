"""The events of a run log, one JSON object a line.

`kind` and `key` stand first in the line, so that a reader can index a log without parsing it.
"""

from functools import cache
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import Field, TypeAdapter

from autorater.assessment import Outcome, Provenance
from autorater.canonical import Record
from autorater.checklist import Checklist
from autorater.judgment import Judgment
from autorater.model import Reply
from autorater.request import Task

SCHEMA = 2
"""Number of the event schema; written on the first line of every log."""


class PictureRecord(Record):
    """A picture without its bytes, which are the blob `sha256`."""

    sha256: str
    media_type: str
    width: int
    height: int
    plain: bool
    size: int
    notes: tuple[str, ...] = ()


class Started(Record):
    """The first line of a log."""

    kind: Literal["started"] = "started"
    key: str
    """sha256 of `settings`: a log is resumed with the same settings or not at all."""
    schema_number: int = SCHEMA
    autorater: str
    at: str
    """UTC time, ISO 8601."""
    settings: dict[str, Any]


class Requested(Record):
    """A request was taken up."""

    kind: Literal["requested"] = "requested"
    key: str
    """The item's key: the request by content, with its id."""
    id: str
    task: Task
    prompt: str
    sources: tuple[PictureRecord, ...]
    candidates: tuple[PictureRecord, ...]
    questions: Checklist | None = None


class Asked(Record):
    """One call of a model: what was asked, what came back. `error` is set when nothing came back."""

    kind: Literal["asked"] = "asked"
    key: str
    cost: float | None
    """US dollars; null means unknown."""
    request: dict[str, Any]
    """The canonical request; long texts and images by the sha256 of their blobs."""
    sent: dict[str, str] = {}
    """sha256 of each picture → sha256 of the bytes that were sent, where they differ."""
    reply: Reply | None = None
    error: str = ""
    error_kind: str = ""
    attempts: int = 1
    at: str
    seconds: float


class Assessed(Record):
    """One call of a specialist."""

    kind: Literal["assessed"] = "assessed"
    key: str
    request: dict[str, Any]
    outcome: Outcome
    provenance: Provenance


class Drawn(Record):
    """What a specialist found, drawn into the picture it looked at; recorded, since drawing it again may differ."""

    kind: Literal["drawn"] = "drawn"
    key: str
    """The key of the specialist's call."""
    picture: PictureRecord | None
    """Null when there was nothing to draw."""


class Halted(Record):
    """The agent's loop on an item was ended by the clock, which a replay cannot ask."""

    kind: Literal["halted"] = "halted"
    key: str
    """The item's key."""
    steps: int
    """How often the agent had been asked."""
    seconds: float


class Judged(Record):
    """A request was judged. The last one of an item counts."""

    kind: Literal["judged"] = "judged"
    key: str
    judgment: Judgment


class Stopped(Record):
    """The run ended in an orderly way."""

    kind: Literal["stopped"] = "stopped"
    key: str = "0" * 64
    why: Literal["finished", "budget", "interrupted", "failed"]
    detail: str = ""
    at: str


Event: TypeAlias = Started | Requested | Asked | Assessed | Drawn | Halted | Judged | Stopped


@cache
def event_adapter() -> TypeAdapter[Event]:
    """The reader of any event; built at first use."""
    return TypeAdapter(Annotated[Event, Field(discriminator="kind")])
