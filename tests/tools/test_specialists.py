"""Every specialist keeps the promises of its card; a new card is tested by being there."""

import math
import tomllib
from pathlib import Path

import numpy as np
import pytest
from asking import cards, flat, small, specialist

from autorater.assessment import Failed, Measured
from autorater.image import Picture, open_picture
from autorater.toolbox import View, checked, narrow

EXTRAS = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text(encoding="utf-8"))["project"][
    "optional-dependencies"
]
PROMPT = 'A red and white sign that says "HELLO" beside a cat on a table'


def views(name: str, images: list[Picture]) -> list[View]:
    source, rival = small("astronaut"), small("coffee")
    return [narrow(cards()[name], View(image=image, prompt=PROMPT, sources=(source,), rival=rival)) for image in images]


def examples() -> list[Picture]:
    return [small("astronaut"), small("coffee"), open_picture(flat()), small("chelsea")]


@pytest.mark.parametrize("name", cards())
def test_card_is_complete(name: str) -> None:
    card = cards()[name]
    assert card.meta.entry == f"autorater_tools.{name}:{''.join(map(str.title, name.split('_')))}"
    assert card.meta.extra in EXTRAS or card.meta.environment
    assert 100 <= len(card.body.split()) <= 250
    assert any(character.isdigit() for character in card.meta.errors), "the errors sentence gives a measured figure"
    assert 0 < card.meta.seconds < 1000


@pytest.mark.parametrize("name", cards())
def test_gives_what_its_card_declares_in_order_and_alike_every_time(name: str) -> None:
    outcomes = [checked(cards()[name], outcome) for outcome in specialist(name)(views(name, examples()))]
    assert not [outcome for outcome in outcomes if isinstance(outcome, Failed)]
    assert any(isinstance(outcome, Measured) for outcome in outcomes)
    for outcome in outcomes:
        if isinstance(outcome, Measured):
            assert all(math.isfinite(reading.value) for reading in outcome.readings)
            assert bool(outcome.text) <= cards()[name].meta.gives_text
    alone = [specialist(name)([view])[0] for view in reversed(views(name, examples()))]
    assert list(reversed(alone)) == outcomes


@pytest.mark.parametrize("name", cards())
@pytest.mark.parametrize("shape", [(16, 16), (40, 400), (300, 33), (200, 201)])
def test_any_size_gives_an_outcome(name: str, shape: tuple[int, int]) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (*shape, 3), dtype=np.uint8)
    image = open_picture(noise)
    view = narrow(cards()[name], View(image=image, prompt=PROMPT, sources=(image,), rival=image))
    outcome = checked(cards()[name], specialist(name)([view])[0])
    assert not isinstance(outcome, Failed), outcome


@pytest.mark.parametrize("name", cards())
def test_grey_and_extreme_pictures_give_an_outcome(name: str) -> None:
    grey = np.asarray(small("coffee").rgb().convert("L"))
    pictures = [open_picture(pixels) for pixels in (grey, flat(0), flat(255))]
    for outcome in specialist(name)(views(name, pictures)):
        assert not isinstance(checked(cards()[name], outcome), Failed), outcome


def test_needs_are_asked_for() -> None:
    for name, card in cards().items():
        if card.meta.needs:
            with pytest.raises(Exception, match="is needed"):
                specialist(name)([View(image=small("astronaut"))])
