"""Behind an address: a server of specialists that somebody else started."""

from collections.abc import Callable, Mapping, Sequence

from autorater.assessment import Failed, Outcome
from autorater.card import Card, Value
from autorater.errors import SpecialistError
from autorater.places.lane import Closed
from autorater.places.link import Link, Unreachable, about
from autorater.places.wire import Looked, differences, served
from autorater.specialist import View, checked


class Address:
    """The specialists of one server. Whatever goes wrong there is a Failed here."""

    idle_seconds: float | None = None

    def __init__(
        self, address: str, *, token: str, timeout: float, device: str, options: Callable[[Card], dict[str, Value]]
    ) -> None:
        self.device = device
        self.options = options
        self.link = Link(address, token=token, timeout=timeout)

    def outcomes(self, card: Card, views: Sequence[View], /) -> list[Outcome]:
        """What the server says; a lost connection is tried once more."""
        try:
            looked = self._look(card, views)
        except Closed:
            raise
        except SpecialistError as error:
            return [Failed(error=str(error)) for _ in views]
        self.device = looked.device
        return [checked(card, outcome) for outcome in looked.outcomes]

    def _look(self, card: Card, views: Sequence[View]) -> Looked:
        terms = served(card, self.options(card), self.device)
        try:
            return self.link.look(card.name, views, terms=terms)
        except Unreachable:  # an idle connection may have been cut, or the server started again
            return self.link.look(card.name, views, terms=terms)

    def rest(self) -> None:
        """Close the connections."""
        self.link.close()

    def abort(self) -> None:
        """End the call in flight."""
        self.link.cancel()


def missing_there(card: Card, options: Mapping[str, Value], *, address: str, token: str, device: str) -> list[str]:
    """Why this server cannot look for this card; empty when it can."""
    try:
        told = about(address, token=token)
        theirs = next((one for one in told.specialists if one.name == card.name), None)
        if theirs is None:
            return [f"the server has no {card.name}: start it with `autorater tools serve {card.name}`"]
        if differs := differences(served(card, options, device), theirs):
            return [f"the server's {card.name} is not the same: {differs}"]
    except SpecialistError as error:
        return [str(error)]
    return list(theirs.missing)
