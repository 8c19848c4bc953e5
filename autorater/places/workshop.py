"""One specialist in a worker process of its own, which is started again when it ends."""

import logging
import threading
from collections.abc import Mapping, Sequence

from autorater.assessment import Failed, Outcome
from autorater.card import Card, Value
from autorater.errors import SpecialistError
from autorater.places.lane import Closed
from autorater.places.link import Link, TooLong, Unreachable
from autorater.places.place import Place
from autorater.places.process import Worker
from autorater.places.wire import Looked, served
from autorater.specialist import View, checked

_log = logging.getLogger(__name__)

DEATHS = 3
"""After so many ends in a row, each over one image alone or at its start, the worker is not started again."""
FLOOR = 120.0
"""Seconds that one view of a batch that hung is given at least: a fresh worker also loads its weights in them."""


class Ended(SpecialistError):
    """The worker ended, or had to be ended, while it looked. `hung`: it did not answer in time."""

    def __init__(self, how: str, *, hung: bool) -> None:
        super().__init__(how)
        self.hung = hung


class Workshop:
    """The worker of one specialist.

    When it ends in the middle of a batch it is started again and the batch is tried once more, then each view alone:
    the one that ends it is a Failed, and the others are measured. A batch that took too long is not tried once more,
    and each of its views gets its share of the time.
    """

    def __init__(self, card: Card, options: Mapping[str, Value], *, device: str, place: Place) -> None:
        self.device = device
        self.idle_seconds = place.idle_seconds
        self.card = card
        self.options = dict(options)
        self.place = place
        self.deaths = 0
        self.broken = ""
        self._worker: Worker | None = None
        self._link: Link | None = None
        self._lock = threading.Lock()
        self._closing = False

    def outcomes(self, card: Card, views: Sequence[View], /) -> list[Outcome]:
        """One outcome per view, in order."""
        return self._tried(views, times=2)

    def _tried(self, views: Sequence[View], *, times: int, seconds: float | None = None) -> list[Outcome]:
        end: Ended | None = None
        while times and not self.broken and not (end and end.hung):
            times -= 1
            try:
                looked = self._ask(views, seconds or self.place.timeout)
            except Closed:
                raise
            except Ended as error:
                end = error
            except SpecialistError as error:
                return [Failed(error=str(error)) for _ in views]
            else:
                self.deaths = 0
                return [checked(self.card, outcome) for outcome in looked.outcomes]
        if end is None:
            return [Failed(error=self.broken) for _ in views]
        if len(views) > 1:
            share = share_of(self.place.timeout, len(views)) if end.hung else None
            return [outcome for view in views for outcome in self._tried([view], times=1, seconds=share)]
        self._count(str(end))
        return [Failed(error=f"the worker {end} while looking at this image")]

    def _ask(self, views: Sequence[View], seconds: float) -> Looked:
        worker, link = self._running()
        try:
            terms = served(self.card, self.options, self.device)
            return link.look(self.card.name, views, terms=terms, seconds=seconds)
        except TooLong as error:
            self.rest()
            raise Ended(f"gave no answer within {seconds:g} s and was ended", hung=True) from error
        except Unreachable as error:
            if self._closing:
                raise Closed("closed while it looked") from error
            how = worker.how_ended()
            _log.warning("the worker of %s %s: %s", self.card.name, how, worker.tail())
            self.rest()
            raise Ended(how, hung=False) from error

    def _running(self) -> tuple[Worker, Link]:
        if self._worker is not None and self._link is not None:
            return self._worker, self._link
        try:
            with self._lock:
                if self._closing:
                    raise Closed("closed before it looked")
                self._worker = worker = Worker(self.card, self.options, device=self.device, python=self.place.python)
            link = Link(worker.greet(), token=worker.token, timeout=self.place.timeout)
        except SpecialistError as error:
            self.rest()
            if self._closing:
                raise Closed("closed before it looked") from error
            self._count(str(error))
            raise
        self._link = link
        return worker, link

    def _count(self, why: str) -> None:
        self.deaths += 1
        if self.deaths >= DEATHS:
            self.broken = f"the worker of {self.card.name} is not started again, it failed {DEATHS} times: {why}"

    def rest(self) -> None:
        """End the worker, which gives all its memory back; the next batch starts another."""
        with self._lock:
            worker, link = self._worker, self._link
            self._worker = self._link = None
        if link is not None:
            link.close()
        if worker is not None:
            worker.end()

    def abort(self) -> None:
        """End the worker in the middle of what it does."""
        with self._lock:
            self._closing = True
            if self._worker is not None:
                self._worker.kill()


def share_of(timeout: float, count: int) -> float:
    """Seconds for each view of a batch that hung: what it had of the batch's, and not too few."""
    return min(timeout, max(FLOOR, timeout / count))
