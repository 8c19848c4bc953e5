"""A lane: one thread that lets one place look at what waits, in batches that form by themselves.

It takes whatever waits as one batch and never waits for a batch to fill. Each place has a lane of its own, so that a
slow or a dead one keeps no other from working.
"""

import logging
import queue
import threading
import time
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Protocol

from autorater.assessment import Declined, Failed, Outcome, Provenance
from autorater.card import Card
from autorater.errors import SpecialistError, without_folders
from autorater.specialist import View

_log = logging.getLogger(__name__)

BATCH = 16
"""At most this many views go to a specialist in one call."""


class Closed(SpecialistError):
    """The place was closed while it looked."""


class Looking(Protocol):
    """The specialists of one place."""

    device: str
    """The device that looked last."""
    idle_seconds: float | None
    """After so long without work it is told to rest; None: never."""

    def outcomes(self, card: Card, views: Sequence[View], /) -> list[Outcome]:
        """One outcome per view, in order, whatever the specialist does. Raises Closed after `abort`."""
        ...

    def rest(self) -> None:
        """Give memory back; the next batch brings it all up again. Called on the lane's thread."""
        ...

    def abort(self) -> None:
        """Stop looking for good. Called from any thread."""
        ...


@dataclass(frozen=True, slots=True)
class Job:
    """One view for one specialist, with the future that will hold its outcome and provenance."""

    card: Card
    view: View
    done: "Future[tuple[Outcome, Provenance]]"


class Lane:
    """The thread of one place."""

    def __init__(self, looking: Looking, *, settings: str, name: str) -> None:
        self.looking = looking
        self.settings = settings
        self.inbox: queue.SimpleQueue[list[Job] | None] = queue.SimpleQueue()
        self.thread = threading.Thread(target=self.work, name=f"autorater-{name}", daemon=True)
        self.thread.start()

    def put(self, jobs: list[Job]) -> None:
        """Queue these jobs; when none waits before them, they are one batch. No jobs: let the place rest."""
        self.inbox.put(jobs)

    def stop(self) -> None:
        """Begin to end: what waits is given up."""
        self.inbox.put(None)
        self.looking.abort()

    def join(self, seconds: float) -> None:
        """Wait for the end."""
        self.thread.join(timeout=seconds)

    def work(self) -> None:
        """The life of the thread."""
        waiting: dict[str, deque[Job]] = {}
        try:
            while self.collect(waiting):
                name = next(iter(waiting))
                jobs = waiting.pop(name)
                batch = [jobs.popleft() for _ in range(min(BATCH, len(jobs)))]
                if jobs:
                    waiting[name] = jobs  # behind the others: specialists take turns
                self.run([job for job in batch if job.done.set_running_or_notify_cancel()])
        finally:
            give_up(waiting)
            self.rest()

    def collect(self, waiting: dict[str, deque[Job]]) -> bool:
        """Take all that came, waiting for something when there is nothing to do. False: the lane is to end."""
        idle = self.looking.idle_seconds
        resting = False
        while True:
            try:
                came = self.inbox.get_nowait() if waiting else self.inbox.get(timeout=None if resting else idle)
            except queue.Empty:
                if waiting:
                    return True
                self.rest()
                resting = True
                continue
            if came is None:
                return False
            if not came:
                self.rest()
            for job in came:
                waiting.setdefault(job.card.name, deque()).append(job)

    def rest(self) -> None:
        """Let the place rest. What goes wrong there must not end the thread: whoever asks next would wait for ever."""
        try:
            self.looking.rest()
        except Exception:  # as when CUDA fails and its memory is asked back
            _log.warning("the lane %s could not rest", self.thread.name, exc_info=True)

    def run(self, jobs: list[Job]) -> None:
        """Let the place look at one batch of one specialist."""
        if not jobs:
            return
        start = time.perf_counter()
        try:
            outcomes = self.looking.outcomes(jobs[0].card, [job.view for job in jobs])
        except Closed:
            for job in jobs:
                job.done.set_exception(closed(job))
            return
        except Exception as error:  # a place catches what its specialists do, so this is a mistake of ours
            _log.error("the lane %s failed", self.thread.name, exc_info=True)
            outcomes = [Failed(error=f"{type(error).__name__}: {error}"[:300]) for _ in jobs]
        seconds = (time.perf_counter() - start) / len(jobs)
        for job, outcome in zip(jobs, outcomes, strict=True):
            provenance = Provenance(
                card=job.card.digest, settings=self.settings, device=self.looking.device, seconds=round(seconds, 4)
            )
            job.done.set_result((_presentable(outcome), provenance))


def _presentable(outcome: Outcome) -> Outcome:
    """The outcome as it may stand in a log and before a VLM: messages of libraries name folders of this machine."""
    if isinstance(outcome, Failed):
        return Failed(error=without_folders(outcome.error))
    return Declined(reason=without_folders(outcome.reason)) if isinstance(outcome, Declined) else outcome


def give_up(waiting: Mapping[str, Iterable[Job]]) -> None:
    """End what waits in a lane that is closed: nobody may wait for ever, and nothing was measured."""
    for jobs in waiting.values():
        for job in jobs:
            if job.done.set_running_or_notify_cancel():
                job.done.set_exception(closed(job))


def closed(job: Job) -> SpecialistError:
    """What whoever waits for this job is told."""
    return SpecialistError(f"the toolbox was closed before {job.card.name} looked")
