"""Questions that wait for a provider's batch, which costs half and answers within a day.

Whoever asks sees no difference: a question is asked and its answer awaited. Behind that, questions that come within
`wait` seconds of each other are sent as one batch, the batch is looked at until it is over, and every answer goes to
who waits for it. What is sent is written down before and after, so that the same run goes on after a kill and pays for
nothing twice.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from autorater.canonical import digest_of
from autorater.errors import ProviderError, RateLimited, Unavailable
from autorater.mailing import Answer, BatchService, Mailing, Parcel
from autorater.outbox_record import read_sent, write_name, write_parcel
from autorater.outbox_waiting import Ended, Patience, until_over
from autorater.work import Flights

_REFUSALS = 4
"""So often a batch is refused for want of room, with none of ours running, before it is sent in parts."""


@dataclass
class _Waiting:
    """A question that is not sent yet; `batch` will be the name of its batch, "" when it must be posted anew."""

    id: str
    line: bytes
    batch: "asyncio.Future[str]"


@dataclass
class _Room:
    """What belongs to one event loop."""

    waiting: list[_Waiting] = field(default_factory=list[_Waiting])
    size: int = 0
    timer: asyncio.TimerHandle | None = None
    leaving: dict[str, "asyncio.Task[None]"] = field(default_factory=dict[str, Any])
    """Question → the task that sends it."""
    watched: dict[str, "asyncio.Task[Ended]"] = field(default_factory=dict[str, Any])
    recalling: asyncio.Lock = field(default_factory=asyncio.Lock)
    sending: asyncio.Lock = field(default_factory=asyncio.Lock)
    """One batch goes up after the other."""

    def running(self) -> list["asyncio.Task[Any]"]:
        """Those that wait for a batch."""
        return [task for task in self.watched.values() if not task.done()]


class Outbox:
    """The questions of one model on their way through the batch API of its provider."""

    def __init__(self, service: BatchService, mailing: Mailing) -> None:
        self._service, self._mailing = service, mailing
        self._most, self._largest = service.limits
        self._crowded = False
        self._sent: dict[str, str] | None = None
        """Question → its batch, for as long as its answer was not handed over."""
        self._known: set[str] = set()
        """Every batch that was heard of."""
        self._own: dict[str, int] = {}
        """The batches that were sent from here, and not by an earlier process, and how many questions they hold."""
        self._rooms: dict[asyncio.AbstractEventLoop, _Room] = {}
        self._flights = Flights()

    async def ask(self, make: Callable[[], Mapping[str, Any]], *, sample: int, gone: Callable[[], None]) -> Answer:
        """The answer to one question; may take a day.

        `make` makes its body, whose images are not held for so long; `gone` is called when it was sent.

        Raises:
            Unavailable: the batch ended without an answer to it; a retry sends it again.
            ProviderError: the provider refuses the batch.

        """
        id = digest_of({"body": dict(make()), "sample": sample})
        return await self._flights.once(id, lambda: self._ask(id, make, gone))

    async def _ask(self, id: str, make: Callable[[], Mapping[str, Any]], gone: Callable[[], None]) -> Answer:
        room = self._room()
        sent = await self._recall(room)
        while True:
            if id not in sent and id in room.leaving:  # who asked for it before has gone, and it is on its way
                await asyncio.wait([room.leaving[id]])
                continue
            batch = sent.get(id) or await self._post(room, id, make())
            gone()
            ended = await self._ended(room, batch)
            answer = ended.answers.pop(id, None) if ended.answers is not None else None
            if sent.get(id) == batch:  # should the answer be an error, a retry must send the question
                del sent[id]
            if answer is not None:
                return answer
            if ended.stopped:
                raise ProviderError(f"{self._service.name}: the batch {batch} {ended.stopped}")
            if ended.answers is None:
                continue  # the provider has forgotten the batch, or had no room for it
            raise Unavailable(f"{self._service.name}: the batch {batch} ended without an answer to this question")

    def close(self) -> None:
        """Wait for nothing any more on the running event loop; what was sent stays at the provider."""
        room = self._rooms.pop(asyncio.get_running_loop(), None)
        if room is not None:
            if room.timer is not None:
                room.timer.cancel()
            self._give_up(room.waiting)
            for task in (*room.leaving.values(), *room.watched.values()):
                task.cancel()

    async def _recall(self, room: _Room) -> dict[str, str]:
        """What earlier processes sent; a batch whose name they did not learn is looked for."""
        async with room.recalling:
            if self._sent is None:
                folder, name = self._mailing.folder, self._service.name
                sent, unnamed = await asyncio.to_thread(read_sent, folder, name)
                for parcel in unnamed:
                    batch = await self._find(parcel, {*sent.values()})
                    write_name(folder, name, parcel, batch)
                    if batch:
                        sent |= dict.fromkeys(parcel.lines, batch)
                        self._mailing.say(f"batch {batch}: an earlier run sent it and did not learn its name")
                self._sent = sent
                self._known |= {*sent.values()}
        return self._sent

    # Sending --------------------------------------------------------------------------------------------------------

    async def _post(self, room: _Room, id: str, body: Mapping[str, Any]) -> str:
        line = self._service.line(id, body)
        del body
        if len(line) > self._largest:
            raise ProviderError(
                f"{self._service.name}: one question has {len(line):,} bytes, and a batch takes {self._largest:,}: "
                "send fewer or smaller images"
            )
        if room.size + len(line) + 1 > self._largest or len(room.waiting) >= self._most:
            self._send_off(room)
        loop = asyncio.get_running_loop()
        batch: asyncio.Future[str] = loop.create_future()
        room.waiting.append(_Waiting(id, line, batch))
        room.size += len(line) + 1
        del line
        if room.timer is not None:
            room.timer.cancel()
        room.timer = loop.call_later(self._mailing.wait, self._send_off, room)
        return await batch

    def _send_off(self, room: _Room) -> None:
        """Send what waits, but for what nobody waits for any more."""
        if room.timer is not None:
            room.timer.cancel()
        parcel = [one for one in room.waiting if not one.batch.done()]
        room.waiting, room.size, room.timer = [], 0, None
        if parcel:
            task = asyncio.get_running_loop().create_task(self._send(room, parcel))
            room.leaving |= dict.fromkeys((one.id for one in parcel), task)

    async def _send(self, room: _Room, parcel: list[_Waiting]) -> None:
        """Send questions in one batch, or in smaller ones, one after the other, once the provider had no room."""
        ids = [one.id for one in parcel]
        try:
            async with room.sending:
                while parcel:
                    if self._crowded:
                        if running := room.running():
                            await asyncio.wait(running)
                        await asyncio.sleep(self._mailing.first_look)
                    part = parcel[: self._most] if self._crowded else parcel
                    if await self._send_one(room, part):
                        del parcel[: len(part)]
        except Exception as error:
            for one in parcel:
                if not one.batch.done():
                    one.batch.set_exception(error)
        finally:
            self._give_up(parcel)
            for id in ids:
                room.leaving.pop(id, None)

    def _give_up(self, parcel: Sequence[_Waiting]) -> None:
        for one in parcel:
            if not one.batch.done():
                one.batch.set_exception(self._closed())

    async def _send_one(self, room: _Room, part: Sequence[_Waiting]) -> bool:
        """Send one batch; False when it must be sent in smaller ones."""
        sent, folder, name = await self._recall(room), self._mailing.folder, self._service.name
        parcel = Parcel(uuid4().hex, datetime.now(UTC), tuple(one.id for one in part))
        write_parcel(folder, name, parcel)
        batch = await self._until_taken(room, parcel, [one.line for one in part])
        write_name(folder, name, parcel, batch)
        if not batch:
            self._halve(len(part), "the provider has no room for it")
            return False
        self._mailing.say(
            f"batch {batch}: {len(part):,} questions sent to {name} at half price; the answers take "
            "minutes to a day, and stopping is safe: the same command goes on"
        )
        self._known.add(batch)
        self._own[batch] = len(part)
        sent |= dict.fromkeys(parcel.lines, batch)
        self._watch(room, batch)
        for one in part:
            if not one.batch.done():
                one.batch.set_result(batch)
        return True

    async def _until_taken(self, room: _Room, parcel: Parcel, lines: Sequence[bytes]) -> str:
        """Send a batch, again and again while the provider is away or full; "" when it must be smaller."""
        patience, refusals, lost = Patience(self._mailing.first_look), 0, False
        while True:
            try:
                if lost and (batch := await self._service.find(parcel, self._known)):
                    return batch
                lost = False
                return await self._service.send(lines, parcel)
            except (RateLimited, Unavailable) as error:
                lost = lost or isinstance(error, Unavailable)
                refusals += not lost and not room.running()
                if refusals >= _REFUSALS and len(lines) > 1:
                    return ""
                words = f"{error}; the batch is sent again in"
                await patience.wait(error, lambda pause, words=words: self._mailing.say(f"{words} {pause}"))
            except ProviderError as error:
                if error.status == 413 and len(lines) > 1:
                    return ""
                if not lost:
                    write_name(self._mailing.folder, self._service.name, parcel, "")
                raise

    async def _find(self, parcel: Parcel, known: set[str]) -> str:
        """The batch of a parcel whose name was not learned, or ""."""
        patience = Patience(self._mailing.first_look)
        while True:
            try:
                return await self._service.find(parcel, known)
            except (RateLimited, Unavailable) as error:
                words = f"{error}; what an earlier run sent is looked for again in"
                await patience.wait(error, lambda pause, words=words: self._mailing.say(f"{words} {pause}"))

    def _halve(self, size: int, why: str) -> None:
        """From now on smaller batches, one after the other."""
        self._crowded, self._most = True, max(1, min(self._most, size // 2))
        self._mailing.say(
            f"a batch of {size:,} questions came to nothing ({why}): they are sent again, {self._most:,} at a time"
        )

    # Waiting --------------------------------------------------------------------------------------------------------

    async def _ended(self, room: _Room, batch: str) -> Ended:
        watch = self._watch(room, batch)
        try:
            return await asyncio.shield(watch)
        except asyncio.CancelledError:
            asking = asyncio.current_task()
            if watch.cancelled() and not (asking and asking.cancelling()):
                raise self._closed() from None
            raise

    def _watch(self, room: _Room, batch: str) -> "asyncio.Task[Ended]":
        """One task for each batch, whoever waits for it; a new one after an error."""
        task = room.watched.get(batch)
        if task is None or (task.done() and (task.cancelled() or task.exception())):
            task = room.watched[batch] = asyncio.get_running_loop().create_task(self._until_over(batch))
        return task

    async def _until_over(self, batch: str) -> Ended:
        size = self._own.get(batch, 0)
        if size:
            await asyncio.sleep(self._mailing.first_look)
        else:
            self._mailing.say(f"batch {batch}: its answers are waited for; an earlier run sent it")
        ended = await until_over(self._service, self._mailing, batch, own=size > 0)
        if ended.crowded and size == 1:
            return Ended(stopped=f"failed: {ended.crowded}")
        if ended.crowded:
            self._halve(size, ended.crowded)
        return ended

    def _closed(self) -> ProviderError:
        return ProviderError(f"{self._service.name}: closed while a question waited for a batch; ask it again to go on")

    def _room(self) -> _Room:
        loop = asyncio.get_running_loop()
        for old in [old for old in self._rooms if old.is_closed()]:
            del self._rooms[old]
        return self._rooms.setdefault(loop, _Room())
