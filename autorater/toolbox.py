"""The toolbox: find specialists by their cards, load them lazily, run them in batches, remember what they said.

Each device has one lane (a thread). A lane takes whatever is waiting as one batch, so that batches form by themselves
when many requests are judged at once, and nothing ever waits for a batch to fill.
"""

import importlib
import logging
import queue
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any, Protocol

from autorater.assessment import Declined, Failed, Measured, Outcome, Provenance
from autorater.canonical import digest_of
from autorater.card import Card, Value, find_cards
from autorater.errors import AutoRaterError, MissingExtraError, SpecialistError, UsageError
from autorater.image import Picture
from autorater.store import missing_weights, weights_folder
from autorater.suggest import did_you_mean

_log = logging.getLogger(__name__)

BATCH = 16
"""At most this many views go to a specialist in one call."""


@dataclass(frozen=True, slots=True)
class View:
    """What one specialist call looks at: an image and, where its card says so, the prompt, the sources or the rival."""

    image: Picture
    prompt: str | None = None
    sources: tuple[Picture, ...] = ()
    rival: Picture | None = None

    def canonical(self) -> dict[str, Any]:
        """The view by content: sha256 of the images, the prompt as text."""
        return {
            "image": self.image.sha256,
            "prompt": self.prompt,
            "sources": [source.sha256 for source in self.sources],
            "rival": self.rival.sha256 if self.rival else None,
        }


class Specialist(Protocol):
    """A local model or measure; loads its weights when made; tensors never leave it.

    Made as `Class(device=…, **options)` with every option of its card; where the card names weights that no package
    ships, also with `weights=` the folder of the store that holds them, checked.
    """

    def __call__(self, views: Sequence[View], /) -> Sequence[Outcome]:
        """One outcome per view, in order. Raises SpecialistError when it cannot work on the input."""
        ...


@dataclass(frozen=True, slots=True)
class Job:
    """One view for one specialist, with the future that will hold its outcome and provenance."""

    card: Card
    view: View
    done: "Future[tuple[Outcome, Provenance]]"


class Toolbox:
    """The installed specialists. `cards` replaces the cards that are found; `device` is a torch device name.

    `commercial=True` refuses the specialists whose licence forbids commercial use. `options` are specialist → option →
    value, where they differ from the card's defaults.

    Raises:
        UsageError: an option names no specialist, is unknown, or has a value that is not allowed.

    """

    def __init__(
        self,
        cards: Mapping[str, Card] | None = None,
        *,
        device: str = "cpu",
        commercial: bool = False,
        options: Mapping[str, Mapping[str, object]] | None = None,
    ) -> None:
        found = dict(find_cards() if cards is None else cards)
        self.refused = {name: card for name, card in found.items() if commercial and not card.meta.commercial}
        self.cards = {name: card for name, card in found.items() if name not in self.refused}
        self.device = device
        self.chosen = {name: self.card(name).options(given) for name, given in (options or {}).items()}
        self.settings = tool_settings(device, self.chosen)
        self._lane: _Lane | None = None
        self._lock = threading.Lock()

    def card(self, name: str) -> Card:
        """The card of this specialist. Raises UsageError when there is none, or its licence is refused."""
        if name in self.refused:
            licence = self.refused[name].meta.licence
            raise UsageError(f"the licence of {name!r} ({licence}) forbids commercial use: leave it out of --tools")
        if name not in self.cards:
            raise UsageError(f"no specialist is called {name!r}; {did_you_mean(name, self.cards)}")
        return self.cards[name]

    def options(self, card: Card) -> dict[str, Value]:
        """Every option of this specialist with the value that is in force."""
        return self.chosen.get(card.name) or card.options()

    def missing(self, card: Card) -> list[str]:
        """What this specialist lacks: modules that are not installed, weights that are not in the store."""
        return [*card.missing(), *missing_weights(card, self.options(card))]

    def ready(self) -> dict[str, Card]:
        """The cards of the specialists whose packages are installed and whose weights are here."""
        return {name: card for name, card in self.cards.items() if not self.missing(card)}

    def require(self, names: Sequence[str]) -> None:
        """Raise UsageError or MissingExtraError unless every one of `names` can run."""
        for name in names:
            card = self.card(name)
            if missing := card.missing():
                what = f"the specialist {name!r} (missing: {', '.join(missing)})"
                raise MissingExtraError(what, extra=card.meta.extra)
            if missing := missing_weights(card, self.options(card)):
                raise UsageError(
                    f"the weights of the specialist {name!r} are not here ({', '.join(missing)}): "
                    f"run `autorater tools pull {name}`"
                )

    def submit(self, name: str, view: View) -> "Future[tuple[Outcome, Provenance]]":
        """Queue one view; the future holds the outcome (never an exception of the specialist) and its provenance."""
        job = Job(self.card(name), view, Future())
        with self._lock:
            if self._lane is None:
                self._lane = _Lane(self.device, self.settings, self.options)
            self._lane.put(job)
        return job.done

    def close(self) -> None:
        """End the lane and free the specialists."""
        with self._lock:
            if self._lane is not None:
                self._lane.stop()
                self._lane = None


def tool_settings(device: str, options: Mapping[str, Mapping[str, Value]]) -> str:
    """The sha256 of what changes specialists' results beside their cards; the index of a device changes nothing."""
    told: dict[str, Any] = {"device": device.split(":")[0]}
    if options:
        told["options"] = {name: dict(values) for name, values in options.items()}
    return digest_of(told)


def narrow(card: Card, view: View) -> View:
    """`view` with nothing but what the card says the specialist looks at."""
    needs = card.meta.needs
    return View(
        image=view.image,
        prompt=view.prompt if "prompt" in needs else None,
        sources=view.sources if "source" in needs else (),
        rival=view.rival if "rival" in needs else None,
    )


class _Lane:
    """One thread that owns the specialists of one device."""

    def __init__(self, device: str, settings: str, options: "Callable[[Card], dict[str, Value]]") -> None:
        self.device = device
        self.options = options
        self.settings = settings
        self.inbox: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
        self.loaded: dict[str, Specialist] = {}
        self.thread = threading.Thread(target=self.work, name=f"autorater-{device}", daemon=True)
        self.thread.start()

    def put(self, job: Job) -> None:
        self.inbox.put(job)

    def stop(self) -> None:
        self.inbox.put(None)
        self.thread.join(timeout=30)

    def work(self) -> None:
        waiting: dict[str, deque[Job]] = {}
        while True:
            job = None if waiting else self.inbox.get()
            if job is None and not waiting:
                return
            while True:
                if job is not None:
                    waiting.setdefault(job.card.name, deque()).append(job)
                try:
                    job = self.inbox.get_nowait()
                except queue.Empty:
                    break
                if job is None:
                    give_up(waiting)
                    return
            name = next(iter(waiting))
            jobs = waiting.pop(name)
            batch = [jobs.popleft() for _ in range(min(BATCH, len(jobs)))]
            if jobs:
                waiting[name] = jobs
            self.run([job for job in batch if job.done.set_running_or_notify_cancel()])

    def run(self, jobs: list[Job]) -> None:
        if not jobs:
            return
        start = time.perf_counter()
        outcomes = self.outcomes(jobs[0].card, [job.view for job in jobs])
        seconds = (time.perf_counter() - start) / len(jobs)
        for job, outcome in zip(jobs, outcomes, strict=True):
            provenance = Provenance(
                card=job.card.digest, settings=self.settings, device=self.device, seconds=round(seconds, 4)
            )
            job.done.set_result((outcome, provenance))

    def outcomes(self, card: Card, views: list[View]) -> list[Outcome]:
        """The specialist's outcomes; when a batch fails, each view is tried alone so that one cannot spoil the rest."""
        try:
            specialist = self.load(card)
            outcomes = list(specialist(views))
            if len(outcomes) != len(views):
                raise SpecialistError(f"gave {len(outcomes)} outcomes for {len(views)} views")
            return [checked(card, outcome) for outcome in outcomes]
        except AutoRaterError as error:
            if len(views) == 1 or card.name not in self.loaded:
                return [Failed(error=str(error)) for _ in views]
        except Exception as error:  # whatever it raises becomes a typed absence; the log has the trace
            _log.warning("specialist %s failed on %d views", card.name, len(views), exc_info=True)
            if len(views) == 1 or card.name not in self.loaded:
                return [Failed(error=f"{type(error).__name__}: {error}"[:300]) for _ in views]
        return [outcome for view in views for outcome in self.outcomes(card, [view])]

    def load(self, card: Card) -> Specialist:
        if card.name not in self.loaded:
            self.loaded[card.name] = load_specialist(card, device=self.device, options=self.options(card))
        return self.loaded[card.name]


def give_up(waiting: Mapping[str, Iterable[Job]]) -> None:
    """End what waits in a lane that is closed: nobody may wait for ever, and nothing was measured."""
    for jobs in waiting.values():
        for job in jobs:
            if job.done.set_running_or_notify_cancel():
                job.done.set_exception(SpecialistError(f"the toolbox was closed before {job.card.name} looked"))


def load_specialist(card: Card, *, device: str = "cpu", options: Mapping[str, Value] | None = None) -> Specialist:
    """Import and make the specialist of a card.

    Raises:
        MissingExtraError: a package of it is not installed.
        SpecialistError: weights are missing, or are not those that the card names.

    """
    module, _, name = card.meta.entry.partition(":")
    keywords: dict[str, Any] = card.options(options)
    if (folder := weights_folder(card, keywords)) is not None:
        keywords["weights"] = folder
    try:
        specialist: Specialist = getattr(importlib.import_module(module), name)(device=device, **keywords)
    except ModuleNotFoundError as error:
        what = f"the specialist {card.name!r} (missing: {error.name})"
        raise MissingExtraError(what, extra=card.meta.extra) from error
    return specialist


def checked(card: Card, outcome: Outcome) -> Outcome:
    """`outcome` when it keeps the promises of the card, else a `Failed` that says which it broke."""
    if isinstance(outcome, (Declined, Failed)):
        return outcome
    if not isinstance(outcome, Measured):  # pyright: ignore[reportUnnecessaryIsInstance]
        return Failed(error=f"gave a {type(outcome).__name__}, expected Measured, Declined or Failed")
    given = [reading.quantity for reading in outcome.readings]
    declared = [quantity.name for quantity in card.meta.quantities]
    if sorted(given) != sorted(declared):
        return Failed(error=f"gave the quantities {given}, its card declares {declared}")
    for reading in outcome.readings:
        quantity = card.quantity(reading.quantity)
        low, high = quantity.low, quantity.high
        if (low is not None and reading.value < low) or (high is not None and reading.value > high):
            return Failed(error=f"{reading.quantity} = {reading.value} is outside {quantity.describe()}")
    return outcome


def declined_or_failed(outcome: Outcome) -> bool:
    """Whether the outcome holds no evidence."""
    return isinstance(outcome, (Declined, Failed))
