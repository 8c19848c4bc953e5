"""Questions that wait for a provider's batch, which costs half and answers within a day.

Whoever asks sees no difference: a question is asked and its answer awaited. Behind that, questions that come within
`wait` seconds of each other are sent as one batch, the batch is looked at until it is over, and every answer goes to
who waits for it. What was sent is written down, so that the same run goes on after a kill and pays for nothing twice.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from autorater.canonical import digest_of
from autorater.errors import ProviderError, RateLimited, Unavailable
from autorater.outbox_record import read_sent, write_sent

_log = logging.getLogger(__name__)
IN_FLIGHT = 1000
"""Items that are judged at the same time when their questions go by batches, unless the caller says otherwise."""
_PATIENCE = 24 * 3600.0
"""Seconds for which a provider that takes no further batch, or does not answer, is asked again."""


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

    async def send(self, lines: Sequence[bytes]) -> str:
        """Send a batch; returns its name."""
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


@dataclass
class _Waiting:
    """A question that is not sent yet; `batch` will be the name of its batch."""

    id: str
    line: bytes
    batch: "asyncio.Future[str]"


@dataclass
class _Room:
    """What belongs to one event loop."""

    waiting: list[_Waiting] = field(default_factory=list[_Waiting])
    size: int = 0
    timer: asyncio.TimerHandle | None = None
    sending: set["asyncio.Task[None]"] = field(default_factory=set["asyncio.Task[None]"])
    watched: dict[str, "asyncio.Task[dict[str, Answer] | None]"] = field(default_factory=dict[str, Any])
    alone: asyncio.Lock = field(default_factory=asyncio.Lock)
    """Held while one batch after the other is sent because the provider has no room for two."""


class Outbox:
    """The questions of one model on their way through the batch API of its provider."""

    def __init__(self, service: BatchService, mailing: Mailing) -> None:
        self._service, self._mailing = service, mailing
        self._most, self._largest = service.limits
        self._crowded = False
        self._sent: dict[str, str] | None = None
        self._cancelled: set[str] = set()
        self._own: dict[str, int] = {}
        """The batches that were sent from here, and not by an earlier process, and how many questions they hold."""
        self._rooms: dict[asyncio.AbstractEventLoop, _Room] = {}

    async def ask(self, body: Mapping[str, Any], *, sample: int) -> Answer:
        """The answer to one question; may take a day.

        Raises:
            Unavailable: the batch ended without an answer to it; a retry sends it again.
            ProviderError: the provider refuses the batch.

        """
        id = digest_of({"body": dict(body), "sample": sample})
        if self._sent is None:
            self._sent = read_sent(self._mailing.folder, self._service.name)
        while True:
            # Taken out: should this answer be an error, the retry must send the question and not read it again.
            batch = self._sent.pop(id, None) or await self._post(id, body)
            answers = await asyncio.shield(self._watch(batch))
            if answers is None:
                continue  # the provider has forgotten the batch, or had no room for it
            answer = answers.pop(id, None)
            if answer is not None:
                return answer
            if batch in self._own and batch in self._cancelled:
                raise ProviderError(
                    f"{self._service.name}: the batch {batch} was cancelled; the same command sends its questions again"
                )
            raise Unavailable(f"{self._service.name}: the batch {batch} ended without an answer to this question")

    def close(self) -> None:
        """Wait for nothing any more on the running event loop; what was sent stays at the provider."""
        room = self._rooms.pop(asyncio.get_running_loop(), None)
        if room is not None:
            if room.timer is not None:
                room.timer.cancel()
            for task in (*room.sending, *room.watched.values()):
                task.cancel()

    # Sending --------------------------------------------------------------------------------------------------------

    async def _post(self, id: str, body: Mapping[str, Any]) -> str:
        line = self._service.line(id, body)
        if len(line) > self._largest:
            raise ProviderError(
                f"{self._service.name}: one question has {len(line):,} bytes, and a batch takes {self._largest:,}: "
                "send fewer or smaller images"
            )
        room = self._room()
        if room.size + len(line) + 1 > self._largest or len(room.waiting) >= self._most:
            self._send_off(room)
        waiting = _Waiting(id, line, asyncio.get_running_loop().create_future())
        room.waiting.append(waiting)
        room.size += len(line) + 1
        if room.timer is not None:
            room.timer.cancel()
        room.timer = asyncio.get_running_loop().call_later(self._mailing.wait, self._send_off, room)
        return await waiting.batch

    def _send_off(self, room: _Room) -> None:
        """Send what waits, but for what nobody waits for any more."""
        if room.timer is not None:
            room.timer.cancel()
        parcel = [one for one in room.waiting if not one.batch.done()]
        room.waiting, room.size, room.timer = [], 0, None
        if parcel:
            task = asyncio.get_running_loop().create_task(self._send(room, parcel))
            room.sending.add(task)
            task.add_done_callback(room.sending.discard)

    async def _send(self, room: _Room, parcel: list[_Waiting]) -> None:
        try:
            if not self._crowded:
                await self._send_one(parcel)
                return
            async with room.alone:
                rest = parcel
                while rest:
                    if running := [task for task in room.watched.values() if not task.done()]:
                        await asyncio.wait(running)
                    await asyncio.sleep(self._mailing.first_look)
                    part, rest = rest[: self._most], rest[self._most :]
                    await self._send_one(part)
        except Exception as error:
            for one in parcel:
                if not one.batch.done():
                    one.batch.set_exception(error)

    async def _send_one(self, parcel: Sequence[_Waiting]) -> None:
        batch = await self._until_taken([one.line for one in parcel])
        write_sent(self._mailing.folder, self._service.name, batch, [one.id for one in parcel])
        self._mailing.say(
            f"batch {batch}: {len(parcel):,} questions sent to {self._service.name} at half price; the answers take "
            "minutes to a day, and stopping is safe: the same command goes on"
        )
        self._own[batch] = len(parcel)
        self._watch(batch)
        for one in parcel:
            if not one.batch.done():
                one.batch.set_result(batch)

    async def _until_taken(self, lines: Sequence[bytes]) -> str:
        """Send a batch; while the provider has no room for it, again after ever longer waits."""
        waited, pause = 0.0, max(self._mailing.wait, 0.01)
        while True:
            try:
                return await self._service.send(lines)
            except RateLimited as error:
                pause = max(pause, error.retry_after or 0.0)
                if waited + pause > _PATIENCE:
                    raise
                self._mailing.say(f"{error}; the batch is sent again in {pause:.0f} s")
            await asyncio.sleep(pause)
            waited, pause = waited + pause, min(2 * pause, 600.0)

    # Waiting --------------------------------------------------------------------------------------------------------

    def _watch(self, batch: str) -> "asyncio.Task[dict[str, Answer] | None]":
        """One task for each batch, whoever waits for it."""
        room = self._room()
        task = room.watched.get(batch)
        if task is None:
            task = room.watched[batch] = asyncio.get_running_loop().create_task(self._until_over(batch))
        return task

    async def _until_over(self, batch: str) -> dict[str, Answer] | None:
        """The answers of a batch when it is over; None when its questions must be sent again."""
        pause, lost, seen = self._mailing.first_look, 0.0, 0
        while True:
            try:
                progress = await self._service.look(batch)
                if progress.over and not progress.failed:
                    if progress.cancelled:
                        self._cancelled.add(batch)
                    return await self._service.collect(batch, progress)
            except (RateLimited, Unavailable) as error:
                lost += max(pause, 0.01)
                if lost > _PATIENCE:
                    raise
                _log.warning("%s; the batch %s is looked at again", error, batch)
            except ProviderError as error:
                return self._forgotten(batch, error)
            else:
                if progress.failed:
                    return self._came_to_nothing(batch, progress)
                lost = 0.0
                if progress.done > seen:
                    self._mailing.say(f"batch {batch}: {progress.done:,} of {progress.total:,} answered")
                seen = progress.done
            await asyncio.sleep(pause)
            pause = min(1.5 * pause, self._mailing.longest_look)

    def _forgotten(self, batch: str, error: ProviderError) -> None:
        if error.status not in (404, 410) or batch in self._own:
            raise error
        self._mailing.say(f"batch {batch} is not there any more ({error}): its questions are sent again")

    def _came_to_nothing(self, batch: str, progress: Progress) -> None:
        if batch not in self._own:
            return self._mailing.say(f"batch {batch} failed ({progress.failed}): its questions are sent again")
        if not progress.crowded or self._own[batch] <= 1:
            raise ProviderError(f"{self._service.name}: the batch {batch} failed: {progress.failed}")
        # From now on smaller ones, one after the other.
        self._crowded, self._most = True, max(1, min(self._most, self._own[batch]) // 2)
        return self._mailing.say(
            f"batch {batch} had no room at the provider ({progress.failed}); its questions are sent again, "
            f"{self._most:,} at a time"
        )

    def _room(self) -> _Room:
        loop = asyncio.get_running_loop()
        for old in [old for old in self._rooms if old.is_closed()]:
            del self._rooms[old]
        return self._rooms.setdefault(loop, _Room())
