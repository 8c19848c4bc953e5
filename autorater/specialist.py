"""What a specialist is, what it looks at, how it is made from its card, and whether it keeps the card's promises."""

import importlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from autorater.assessment import Declined, Failed, Measured, Outcome
from autorater.card import Card, Value
from autorater.errors import MissingExtraError
from autorater.image import Picture
from autorater.store import weights_folder


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


def narrow(card: Card, view: View) -> View:
    """`view` with nothing but what the card says the specialist looks at."""
    needs = card.meta.needs
    return View(
        image=view.image,
        prompt=view.prompt if "prompt" in needs else None,
        sources=view.sources if "source" in needs else (),
        rival=view.rival if "rival" in needs else None,
    )


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
