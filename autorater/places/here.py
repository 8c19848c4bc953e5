"""In this process: specialists are loaded once and called on the lane's thread."""

import gc
import logging
import sys
from collections.abc import Callable, Sequence
from typing import Any

from autorater.assessment import Failed, Outcome
from autorater.card import Card, Value
from autorater.errors import AutoRaterError, SpecialistError
from autorater.specialist import Specialist, View, checked, load_specialist

_log = logging.getLogger(__name__)


class Here:
    """The specialists of this process on one device. They stay loaded until `rest`."""

    idle_seconds: float | None = None

    def __init__(self, device: str, options: Callable[[Card], dict[str, Value]]) -> None:
        self.device = device
        self.options = options
        self.loaded: dict[str, Specialist] = {}

    def outcomes(self, card: Card, views: Sequence[View], /) -> list[Outcome]:
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
        except (Exception, SystemExit) as error:  # whatever it raises becomes a typed absence; the log has the trace
            _log.warning("specialist %s failed on %d views", card.name, len(views), exc_info=True)
            if len(views) == 1 or card.name not in self.loaded:
                return [Failed(error=f"{type(error).__name__}: {error}"[:300]) for _ in views]
        return [outcome for view in views for outcome in self.outcomes(card, [view])]

    def load(self, card: Card) -> Specialist:
        """The specialist of this card, made when it is first asked."""
        if card.name not in self.loaded:
            self.loaded[card.name] = load_specialist(card, device=self.device, options=self.options(card))
        return self.loaded[card.name]

    def rest(self) -> None:
        """Forget the specialists, and give the memory that they had on a GPU back to it."""
        if not self.loaded:
            return
        self.loaded.clear()
        torch: Any = sys.modules.get("torch")
        if torch is not None and self.device.startswith("cuda"):
            gc.collect()
            torch.cuda.empty_cache()

    def abort(self) -> None:
        """Nothing: what runs on this thread ends by itself."""
