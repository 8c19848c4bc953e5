"""What passes between questions that wait for a provider's batch and the provider that works it off."""

import logging
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

_log = logging.getLogger(__name__)
IN_FLIGHT = 300
"""Items that are judged at the same time when their questions go by batches, unless the caller says otherwise.

Until a batch is sent its images are in memory: 300 pairs of JPEGs of 0.4 MB took 2.3 GB.
"""


@dataclass(frozen=True, slots=True)
class Parcel:
    """Questions that go together: `name` is ours and given before they are sent, `at` is when (UTC)."""

    name: str
    at: datetime
    lines: tuple[str, ...]
    """The ids of the questions."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a batch says of one question: the HTTP status and JSON that a single call would have given."""

    status: int
    body: dict[str, Any]
    request_id: str = ""
    batch: str = ""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a batch is. `failed` says why the whole of it came to nothing, `crowded` that it did not fit in."""

    over: bool
    done: int = 0
    total: int = 0
    failed: str = ""
    crowded: bool = False
    cancelled: bool = False
    """Somebody stopped it: what has no answer is not sent again unasked."""
    files: tuple[str, ...] = ()
    """Where the answers lie, by the provider's own names."""


class BatchService(Protocol):
    """The batch API of one provider. Every method raises what `Model.ask` raises."""

    @property
    def name(self) -> str:
        """`provider:model`."""
        ...

    @property
    def limits(self) -> tuple[int, int]:
        """Questions and bytes of one batch at most."""
        ...

    def line(self, id: str, body: Mapping[str, Any]) -> bytes:
        """One question as the provider wants it in a batch; `id` is 64 hexadecimal digits."""
        ...

    async def send(self, lines: Sequence[bytes], parcel: Parcel) -> str:
        """Send a batch; returns the provider's name for it."""
        ...

    async def find(self, parcel: Parcel, known: Collection[str]) -> str:
        """The batch that the provider took, although nobody read its answer; "" when there is none.

        `known` are the names of other batches. A batch that only looks like it may be returned: whoever collects it
        sees whose questions it holds.
        """
        ...

    async def look(self, batch: str) -> Progress:
        """How far it is."""
        ...

    async def collect(self, batch: str, progress: Progress) -> dict[str, Answer]:
        """The answers of a batch that is over, by the questions' ids; what has none is left out."""
        ...


def _say_nothing(words: str) -> None:
    _log.info("%s", words)


@dataclass(frozen=True, slots=True)
class Mailing:
    """How questions are sent. Times are in seconds.

    `folder` keeps the names of what was sent. A batch is sent when no question came for `wait`, and is looked at after
    `first_look`, then after ever longer times up to `longest_look`. `say` tells a person what happens.
    """

    folder: Path = Path()
    wait: float = 30.0
    first_look: float = 10.0
    longest_look: float = 60.0
    say: Callable[[str], None] = _say_nothing
