"""Ask a specialist, on tiny weights where no package ships them; what the tests of `tools/` share."""

from collections.abc import Sequence
from functools import lru_cache
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from tiny_weights import tiny_weights

from autorater.assessment import Declined, Measured, Outcome
from autorater.card import Card, find_cards
from autorater.image import ImageSource, Picture, open_picture
from autorater.store import wanted
from autorater.toolbox import Specialist, View, checked, load_specialist

DATA = Path(__file__).parents[2].parent / "shared" / "data"
"""Data sets of other people; not part of the project."""


@lru_cache
def cards() -> dict[str, Card]:
    return find_cards()


@lru_cache
def specialist(name: str) -> Specialist:
    card = cards()[name]
    if missing := card.missing():
        where = "an environment of its own" if card.meta.environment else f"the extra {card.meta.extra}"
        pytest.skip(f"{name} needs {where}: {', '.join(missing)} not installed")
    options = card.options()
    if not wanted(card, options):
        return load_specialist(card)
    module, _, entry = card.meta.entry.partition(":")
    made: Specialist = getattr(import_module(module), entry)(device="cpu", weights=tiny_weights(name), **options)
    return made


def ask(name: str, image: ImageSource, *, prompt: str | None = None, sources: Sequence[ImageSource] = ()) -> Outcome:
    """The checked outcome for one image."""
    view = View(image=open_picture(image), prompt=prompt, sources=tuple(open_picture(source) for source in sources))
    return checked(cards()[name], specialist(name)([view])[0])


def values(
    name: str, image: ImageSource, *, prompt: str | None = None, sources: Sequence[ImageSource] = ()
) -> dict[str, float]:
    """The readings for one image, by quantity."""
    outcome = ask(name, image, prompt=prompt, sources=sources)
    assert isinstance(outcome, Measured), outcome
    return {reading.quantity: reading.value for reading in outcome.readings}


def refusal(name: str, image: ImageSource, *, prompt: str | None = None, sources: Sequence[ImageSource] = ()) -> str:
    """The reason for which the specialist declined."""
    outcome = ask(name, image, prompt=prompt, sources=sources)
    assert isinstance(outcome, Declined), outcome
    return outcome.reason


@lru_cache
def photograph(name: str) -> Image.Image:
    """A photograph that scikit-image ships: astronaut, coffee or chelsea."""
    data = pytest.importorskip("skimage.data")
    return Image.fromarray(getattr(data, name)())


def small(name: str, side: int = 256) -> Picture:
    """The photograph squashed to a square; a fresh picture each time, so that nothing is remembered."""
    return open_picture(photograph(name).resize((side, side), Image.Resampling.BICUBIC))


def flat(level: int = 128, side: int = 256) -> NDArray[np.uint8]:
    """One grey colour."""
    return np.full((side, side, 3), level, dtype=np.uint8)


def data_set(name: str) -> Path:
    """The folder of a data set; the test is skipped where it is absent."""
    if not (DATA / name).is_dir():
        pytest.skip(f"the data set {name} is not at {DATA.name}/{name} beside the repository (see shared/data/README)")
    return DATA / name
