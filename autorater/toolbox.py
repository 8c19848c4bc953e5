"""The toolbox: find specialists by their cards, and let each look where it runs: here, in a worker, behind an address.

Each place has one lane, so that batches form by themselves and a slow place keeps no other from working. What happens
at a place comes back as an outcome, never as an exception.
"""

import os
import threading
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any

from autorater.assessment import Declined, Failed, Outcome, Provenance
from autorater.canonical import digest_of
from autorater.card import Card, Value, find_cards
from autorater.errors import MissingExtraError, UsageError
from autorater.places.environment import environment_of, missing_modules
from autorater.places.here import Here
from autorater.places.lane import BATCH, Job, Lane, Looking, give_up
from autorater.places.place import HERE, Place, check_address, parse_place
from autorater.specialist import Specialist, View, checked, load_specialist, narrow
from autorater.store import how_to_get, missing_weights, wanted
from autorater.suggest import did_you_mean

if TYPE_CHECKING:
    from autorater.places.address import Servers

__all__ = [
    "BATCH",
    "Place",
    "Specialist",
    "Toolbox",
    "View",
    "checked",
    "declined_or_failed",
    "load_specialist",
    "narrow",
    "tool_settings",
]

TOKEN = "AUTORATER_TOOLS_TOKEN"
"""The environment variable with the token of servers of specialists."""


class Toolbox:
    """The installed specialists. `cards` replaces the cards that are found; `device` is a torch device name.

    `commercial=True` refuses the specialists whose licence forbids commercial use. `options` are specialist → option →
    value, where they differ from the card's defaults. `places` are specialist → where it runs: "here", "worker",
    "worker:/path/to/python", "http://host:8100", or a `Place`. Unless told otherwise a specialist runs here, and one
    whose card has an environment of its own in a worker of that environment. A place changes no result and is not part
    of the settings; another device is ("worker#cuda").

    Raises:
        UsageError: an option or a place names no specialist, is unknown, or has a value that is not allowed.

    """

    def __init__(
        self,
        cards: Mapping[str, Card] | None = None,
        *,
        device: str = "cpu",
        commercial: bool = False,
        options: Mapping[str, Mapping[str, object]] | None = None,
        places: Mapping[str, str | Place] | None = None,
    ) -> None:
        found = dict(find_cards() if cards is None else cards)
        self.refused = {name: card for name, card in found.items() if commercial and not card.meta.commercial}
        self.cards = {name: card for name, card in found.items() if name not in self.refused}
        self.device = device
        self.chosen = {name: self.card(name).options(given) for name, given in (options or {}).items()}
        self.places = {
            self.card(name).name: parse_place(given) if isinstance(given, str) else given
            for name, given in (places or {}).items()
        }
        devices = {name: place.device for name, place in self.places.items() if place.device}
        self.settings = tool_settings(device, self.chosen, devices)
        self._lanes: dict[tuple[str, str], Lane] = {}
        self._lock = threading.Lock()
        self._closed = False
        self._servers: Servers | None = None

    def card(self, name: str) -> Card:
        """The card of this specialist. Raises UsageError when there is none, or its licence is refused."""
        if name in self.refused:
            meta = self.refused[name].meta
            terms = list(dict.fromkeys(weights.licence for weights in meta.weights))
            weights = f"; weights: {', '.join(terms)}" if terms else ""
            licence = f"the licence of {name!r} ({meta.licence}{weights})"
            raise UsageError(f"{licence} forbids commercial use: leave it out of --tools")
        if name not in self.cards:
            raise UsageError(f"no specialist is called {name!r}; {did_you_mean(name, self.cards)}")
        return self.cards[name]

    def options(self, card: Card) -> dict[str, Value]:
        """Every option of this specialist with the value that is in force."""
        return self.chosen.get(card.name) or card.options()

    def place(self, card: Card) -> Place:
        """Where this specialist runs."""
        if (given := self.places.get(card.name)) is not None:
            return given
        return HERE if card.meta.environment is None else Place("worker", python=environment_of(card).python)

    def device_of(self, card: Card) -> str:
        """The device on which this specialist runs."""
        return self.place(card).device or self.device

    def missing(self, card: Card) -> list[str]:
        """What this specialist lacks where it runs: modules, weights, its environment, its server."""
        place, options = self.place(card), self.options(card)
        if place.kind == "http":
            from autorater.places.address import Servers

            token = _token_for(place)
            self._servers = self._servers or Servers()
            return self._servers.missing(card, options, address=place.address, token=token, device=self.device_of(card))
        if place.kind == "here":
            return [*card.missing(), *missing_weights(card, options)]
        if card.name not in self.places and (wrong := environment_of(card).wrong()):
            return [wrong]
        return [*missing_modules(card, place.python), *missing_weights(card, options)]

    def ready(self) -> dict[str, Card]:
        """The cards of the specialists that lack nothing where they run."""
        return {name: card for name, card in self.cards.items() if not self.missing(card)}

    def require(self, names: Sequence[str]) -> None:
        """Raise UsageError or MissingExtraError unless every one of `names` can run."""
        for name in names:
            card = self.card(name)
            place = self.place(card)
            weights = [] if place.kind == "http" else missing_weights(card, self.options(card))
            missing = [what for what in self.missing(card) if what not in weights]
            if missing and place.kind != "http" and place.python is None:
                what = f"the specialist {name!r} (missing: {', '.join(missing)})"
                raise MissingExtraError(what, extra=card.meta.extra if card.missing() else "workers")
            if missing:
                raise UsageError(f"the specialist {name!r} cannot run {place.words()}: {', '.join(missing)}")
            if weights:
                raise UsageError(
                    f"the weights of the specialist {name!r} are not here ({', '.join(weights)}): "
                    f"{how_to_get(card, self.options(card))}"
                )

    def submit(self, name: str, view: View) -> "Future[tuple[Outcome, Provenance]]":
        """Queue one view; the future holds the outcome (never an exception of the specialist) and its provenance."""
        return self.submit_all(name, [view])[0]

    def submit_all(self, name: str, views: Sequence[View]) -> "list[Future[tuple[Outcome, Provenance]]]":
        """Queue views that may be looked at as one batch. After `close` the futures hold a SpecialistError."""
        card = self.card(name)
        jobs = [Job(card, view, Future()) for view in views]
        with self._lock:
            if self._closed:
                give_up({name: jobs})
            elif jobs:
                self._lane(card).put(jobs)
        return [job.done for job in jobs]

    def may_remember(self, card: Card) -> bool:
        """Whether its outcomes may be kept for later runs: not where nobody here can tell which weights it had."""
        there = self.place(card).kind == "http"
        return not (there and any(one.sha256 is None for one in wanted(card, self.options(card))))

    def unload(self) -> None:
        """Give the memory of all specialists back after what runs now; they are loaded again at need."""
        with self._lock:
            for lane in self._lanes.values():
                lane.put([])

    def close(self) -> None:
        """End the lanes, their workers and connections, and free the specialists, for good. What waits is given up."""
        with self._lock:
            self._closed = True
            lanes = list(self._lanes.values())
            self._lanes.clear()
        for lane in lanes:
            lane.stop()
        until = time.monotonic() + 30
        for lane in lanes:  # outside of the lock, for which an event loop may wait
            lane.join(max(0.0, until - time.monotonic()))

    def _lane(self, card: Card) -> Lane:
        place, device = self.place(card), self.device_of(card)
        key = (place.kind, {"here": device, "worker": card.name, "http": f"{place.address}#{device}"}[place.kind])
        if key not in self._lanes:
            name = {"here": device, "worker": f"worker-{card.name}", "http": f"http-{card.name}"}[place.kind]
            self._lanes[key] = Lane(self._looking(card, place, device), settings=self.settings, name=name)
        return self._lanes[key]

    def _looking(self, card: Card, place: Place, device: str) -> Looking:
        if place.kind == "here":
            return Here(device, self.options)
        if place.kind == "worker":
            from autorater.places.workshop import Workshop

            return Workshop(card, self.options(card), device=device, place=place)
        from autorater.places.address import Address

        return Address(
            place.address, token=_token_for(place), timeout=place.timeout, device=device, options=self.options
        )


def _token_for(place: Place) -> str:
    """The token for the server there; "" for none. Raises UsageError when images may not go there without one."""
    token = os.environ.get(TOKEN, "")
    check_address(place.address, token=token)
    return token


def tool_settings(
    device: str, options: Mapping[str, Mapping[str, Value]], devices: Mapping[str, str] | None = None
) -> str:
    """The sha256 of what changes specialists' results beside their cards; the index of a device changes nothing.

    `devices` are specialist → device, where it is not `device`.
    """
    told: dict[str, Any] = {"device": device.split(":")[0]}
    if options:
        told["options"] = {name: dict(values) for name, values in options.items()}
    kinds = {name: given.split(":")[0] for name, given in (devices or {}).items()}
    if others := {name: kind for name, kind in kinds.items() if kind != told["device"]}:
        told["devices"] = others
    return digest_of(told)


def declined_or_failed(outcome: Outcome) -> bool:
    """Whether the outcome holds no evidence."""
    return isinstance(outcome, (Declined, Failed))
