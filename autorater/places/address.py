"""Behind an address: a server of specialists that somebody else started."""

import time
from collections.abc import Callable, Mapping, Sequence

from autorater.assessment import Failed, Outcome
from autorater.card import Card, Value
from autorater.errors import SpecialistError
from autorater.places.lane import Closed
from autorater.places.link import Link, TooLong, Unreachable, about
from autorater.places.wire import About, Looked, differences, served
from autorater.specialist import View, checked

SILENT = 3
"""After so many batches in a row without an answer, no other is sent for a while."""
COOL_DOWN = 30.0
"""Seconds of that while; then the server is asked whether it is there before the next batch goes to it."""
FRESH = 30.0
"""Seconds for which what a server says of itself is not asked again."""


class Address:
    """The specialists of one server. Whatever goes wrong there is a Failed here."""

    idle_seconds: float | None = None

    def __init__(
        self,
        address: str,
        *,
        token: str,
        timeout: float,
        device: str,
        options: Callable[[Card], dict[str, Value]],
        cool_down: float = COOL_DOWN,
    ) -> None:
        self.device = device
        self.options = options
        self.cool_down = cool_down
        self.link = Link(address, token=token, timeout=timeout)
        self.silent = 0
        self.until = 0.0
        self.why = ""

    def outcomes(self, card: Card, views: Sequence[View], /) -> list[Outcome]:
        """What the server says; a lost connection is tried once more."""
        try:
            self._wait_while_silent()
            looked = self._look(card, views)
        except Closed:
            raise
        except SpecialistError as error:
            return [Failed(error=str(error)) for _ in views]
        self.device = looked.device
        return [checked(card, outcome) for outcome in looked.outcomes]

    def _wait_while_silent(self) -> None:
        """Raise SpecialistError at once while a server that gave no answers is left alone, or when it is still gone."""
        if self.silent < SILENT:
            return
        if time.monotonic() >= self.until:
            try:
                self.link.probe()
            except (Unreachable, TooLong) as error:
                self._count(error)
            else:
                return
        raise SpecialistError(
            f"the server gave no answer {self.silent} times in a row and is left alone for a while: {self.why}"
        )

    def _look(self, card: Card, views: Sequence[View]) -> Looked:
        terms = served(card, self.options(card), self.device)
        try:
            try:
                looked = self.link.look(card.name, views, terms=terms)
            except Unreachable:
                if self.silent:
                    raise
                # An idle connection may have been cut, or the server started again.
                looked = self.link.look(card.name, views, terms=terms)
        except (Unreachable, TooLong) as error:
            self._count(error)
            raise
        except Closed:
            raise
        except SpecialistError:  # a refusal is an answer
            self.silent = 0
            raise
        self.silent = 0
        if looked.device.split(":")[0] != terms.device.split(":")[0]:
            raise SpecialistError(f"the server looked on {looked.device}, and was asked to on {terms.device}")
        return looked

    def _count(self, error: SpecialistError) -> None:
        self.silent += 1
        self.why = str(error)
        self.until = time.monotonic() + self.cool_down

    def rest(self) -> None:
        """Close the connections."""
        self.link.close()

    def abort(self) -> None:
        """End the call in flight."""
        self.link.cancel()


class Servers:
    """What servers say of themselves; each is asked once in a while, however many specialists it has."""

    def __init__(self) -> None:
        self._told: dict[tuple[str, str], tuple[float, About | str]] = {}

    def ask(self, address: str, *, token: str) -> About:
        """What this server says of itself. Raises SpecialistError as `about` does."""
        at, told = self._told.get((address, token), (-FRESH, ""))
        if time.monotonic() >= at + FRESH:
            try:
                told = about(address, token=token)
            except SpecialistError as error:
                told = str(error)
            self._told[address, token] = time.monotonic(), told
        if isinstance(told, str):
            raise SpecialistError(told)
        return told

    def missing(self, card: Card, options: Mapping[str, Value], *, address: str, token: str, device: str) -> list[str]:
        """Why this server cannot look for this card; empty when it can."""
        try:
            told = self.ask(address, token=token)
            theirs = next((one for one in told.specialists if one.name == card.name), None)
            if theirs is None:
                return [f"the server has no {card.name}: start it with `autorater tools serve {card.name}`"]
            if differs := differences(served(card, options, device), theirs):
                return [f"the server's {card.name} is not the same: {differs}"]
        except SpecialistError as error:
            return [str(error)]
        return list(theirs.missing)
