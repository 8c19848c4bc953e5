"""How specialists are described as tools: short, since every step of the agent sends all of them again."""

import json
from dataclasses import asdict

import pytest
from fakes import WIDTH, card

from autorater.calling import LONGEST_DESCRIPTION, LONGEST_LOOK_FOR, tools_for
from autorater.card import Card, find_cards
from autorater.messages import Tool

IMAGES = ["image_1", "image_2"]
SHIPPED = find_cards()


def described(one: Card) -> str:
    return tools_for([one], IMAGES)[0].description


@pytest.mark.parametrize("name", SHIPPED)
def test_a_description_is_short_and_tells_what_comes_back(name: str) -> None:
    told, meta = described(SHIPPED[name]), SHIPPED[name].meta
    assert len(told) <= LONGEST_DESCRIPTION
    assert told.startswith(meta.title)
    assert ("Reads look_for." in told) is ("prompt" in meta.needs)
    assert ("findings in words" in told) is meta.gives_text
    for quantity in meta.quantities:
        after = told.partition(f"{quantity.name} (")[2]
        assert quantity.describe().replace(" to no upper bound", " and up") in after.partition(";")[0], quantity.name
    errors = told.partition(" Errors: ")[2]
    assert errors.rstrip(".…")
    assert " ".join(meta.errors.split()).startswith(errors.rstrip(".…"))


def test_the_whole_offer_is_affordable() -> None:
    """About 4 characters are a token: all that ship, with an edit and a rival at hand, take some 7,000 a step."""
    offer = tools_for(list(SHIPPED.values()), IMAGES)
    assert len(offer) > 40
    assert sum(len(tool.description) for tool in offer) < 16_000
    assert len(json.dumps([asdict(tool) for tool in offer])) < 30_000


def test_a_description_in_full() -> None:
    one = card(
        "talking",
        title="What does it say?",
        needs=("prompt",),
        gives_text=True,
        errors="Wrong in 3.5 % of 40 pictures; more often at night. Not tested on drawings.",
    )
    assert described(one) == (
        "What does it say? Gives width (Width of the image: 1 to 1000 px); findings in words. Reads look_for. "
        "Errors: Wrong in 3.5 % of 40 pictures."
    )


def test_what_is_long_is_told_in_fewer_words() -> None:
    long = "so many words " * 9
    wide = WIDTH.model_copy(update={"meaning": long, "better": "higher"})
    several = [wide.model_copy(update={"name": f"width_{number}"}) for number in range(30)]
    meanings: list[int] = []
    for count in (1, 3, 5, 30):
        told = described(card("width", quantities=tuple(several[:count]), errors=long))
        assert len(told) <= LONGEST_DESCRIPTION
        meaning, colon, _ = told.partition("width_0 (")[2].partition(")")[0].rpartition(": 1 to 1000 px, higher is")
        meanings.append(len(meaning) if colon else 0)
    assert 50 < meanings[0] <= 70
    assert 35 < meanings[1] <= 50
    assert meanings[2:] == [0, 0]
    assert "width_4 (1 to 1000 px, higher is better)" in described(card("width", quantities=tuple(several[:5])))


def test_what_is_looked_for_has_a_limit() -> None:
    reads, plain = tools_for([card("finding", needs=("prompt",)), card("width")], IMAGES)
    assert limit_of(reads) == LONGEST_LOOK_FOR == 300
    assert list(plain.parameters["properties"]) == ["image"]


def limit_of(tool: Tool) -> int:
    return tool.parameters["properties"]["look_for"]["maxLength"]
