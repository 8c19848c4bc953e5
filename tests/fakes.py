"""Specialists for tests, one for each way to behave, and their cards."""

import threading
from collections.abc import Sequence
from typing import Any, ClassVar

from autorater.assessment import Declined, Measured, Outcome, Quantity, Reading, Region
from autorater.canonical import digest
from autorater.card import Card, CardMeta
from autorater.errors import SpecialistError
from autorater.toolbox import View

WIDTH = Quantity(name="width", meaning="Width of the image.", unit="px", low=1, high=1000, better="neither")
SIZE = Quantity(name="size", meaning="Bytes of the image.", unit="B", low=0, high=None, better="lower")


def card(name: str, **fields: Any) -> Card:
    """A card whose entry is the class of this module with the capitalised name, unless said otherwise."""
    told: dict[str, Any] = {
        "name": name,
        "title": f"The {name}",
        "entry": f"fakes:{name.title().replace('_', '')}",
        "quantities": (WIDTH,),
        "seconds": 0.001,
        "extra": "embedded",
        "licence": "MIT",
        "commercial": True,
        "source": "made up",
        "errors": "Never wrong.",
        **fields,
    }
    return Card(meta=CardMeta(**told), body=f"How to read {name}.\n", digest=digest(name.encode()))


def measured(width: float, **rest: Any) -> Measured:
    """A reading of the width."""
    return Measured(readings=(Reading(quantity="width", value=width),), **rest)


class Width:
    """Well behaved; notes the size of each batch, and waits for `gate` when that is closed."""

    batches: ClassVar[list[int]] = []
    devices: ClassVar[list[str]] = []
    gate: ClassVar[threading.Event] = threading.Event()

    def __init__(self, *, device: str) -> None:
        self.devices.append(device)

    def __call__(self, views: Sequence[View], /) -> list[Outcome]:
        """The widths."""
        self.batches.append(len(views))
        self.gate.wait(10)
        return [measured(view.image.width) for view in views]


class Picky(Width):
    """Cannot bear a picture that is 13 pixels wide, and says of narrow ones that it declines."""

    def __call__(self, views: Sequence[View], /) -> list[Outcome]:
        """The widths of all others."""
        self.batches.append(len(views))
        if any(view.image.width == 13 for view in views):
            raise SpecialistError("thirteen pixels")
        return [measured(v.image.width) if v.image.width > 10 else Declined(reason="too narrow") for v in views]


class Crashing(Width):
    """Raises what is none of ours."""

    def __call__(self, views: Sequence[View], /) -> list[Outcome]:
        """Nothing."""
        raise ZeroDivisionError("division by zero")


class Unmade(Width):
    """Cannot even be made."""

    def __init__(self, *, device: str) -> None:
        raise RuntimeError("the weights are damaged")


class Lying(Width):
    """Breaks a promise of its card: which one, the prompt says."""

    def __call__(self, views: Sequence[View], /) -> list[Any]:
        """Anything but what was promised."""
        wrong: dict[str, Any] = {
            "too high": measured(1001),
            "too low": measured(0.5),
            "nothing": Measured(),
            "another": Measured(readings=(Reading(quantity="size", value=1),)),
            "twice": Measured(readings=(Reading(quantity="width", value=1), Reading(quantity="width", value=2))),
            "no outcome": None,
            "a number": 7,
        }
        return [wrong[view.prompt or ""] for view in views if view.prompt != "too few"]


class Talking(Width):
    """Says and shows what the prompt tells it to."""

    def __call__(self, views: Sequence[View], /) -> list[Outcome]:
        """The prompt, as text and as the label of a region."""
        told = [(view.image.width, view.prompt or "") for view in views]
        return [measured(width, text=text, regions=(Region(label=text, box=(0, 0, 1, 1)),)) for width, text in told]
