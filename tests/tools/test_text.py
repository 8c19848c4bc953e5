"""Reading text: what was drawn is read, what the prompt quotes is found."""

import pytest
from asking import ask, flat, refusal, small, values
from PIL import Image, ImageDraw, ImageFont

from autorater.assessment import Measured
from autorater_tools._quotes import closest, letters, quoted


def sign(*lines: str) -> Image.Image:
    image = Image.fromarray(flat(235, 400))
    for row, line in enumerate(lines):
        ImageDraw.Draw(image).text((40, 60 + 120 * row), line, font=ImageFont.load_default(48), fill=(20, 20, 60))
    return image


@pytest.mark.parametrize(
    ("prompt", "expected"),
    [
        ('a sign that says "Open 24 hours"', ["Open 24 hours"]),
        ("a mug with “Coffee” and ‘Tea’ on it", ["Coffee", "Tea"]),
        ("the dog's bowl reads 'REX' and the cats' bowl is plain", ["REX"]),
        ("a shirt with 'don't panic' on it", ["don't panic"]),
        ("a storefront with the text Hello World on it", ["Hello World"]),
        ("a neon sign saying welcome home, at night", ["welcome home"]),
        ("a cake that reads: Happy Birthday", ["Happy Birthday"]),
        ("the children's dogs' toys", []),
        ("two cats on a table", []),
    ],
)
def test_quotations_of_a_prompt(prompt: str, expected: list[str]) -> None:
    assert quoted(prompt) == expected


@pytest.mark.parametrize(
    ("wanted", "read", "errors"),
    [("cat", "cat", 0), ("cat", "xxcatxx", 0), ("cat", "xxcutxx", 1), ("cat", "", 3), ("cat", "ct", 1), ("", "cat", 0)],
)
def test_closest_part_of_a_text(wanted: str, read: str, errors: int) -> None:
    assert closest(wanted, read) == errors


def test_letters_only() -> None:
    assert letters("Café & Bücher, 24 h!") == "cafébücher24h"


def test_drawn_words_are_read_and_located() -> None:
    outcome = ask("text_found", sign("Coffee", "Books"))
    assert isinstance(outcome, Measured)
    assert [region.label for region in outcome.regions] == ["Coffee", "Books"]
    left, top, right, bottom = outcome.regions[0].box
    assert (left, top) == pytest.approx((0.1, 0.17), abs=0.06)
    assert right > left
    assert bottom < outcome.regions[1].box[1]


def test_a_photograph_without_text_has_none() -> None:
    assert values("text_found", small("coffee", 400)) == {"lines": 0, "characters": 0, "area": 0}


def test_text_of_the_prompt_is_compared() -> None:
    image = sign("Coffee", "Books")
    right = values("text_rendering", image, prompt='a shop sign "Coffee Books"')
    assert right == {"character_accuracy": 1, "surplus": 0}
    part = values("text_rendering", image, prompt='a shop sign "Coffee"')
    assert part == {"character_accuracy": 1, "surplus": pytest.approx(5 / 11)}
    wrong = values("text_rendering", image, prompt='a shop sign "Coffin"')
    assert wrong["character_accuracy"] == pytest.approx(4 / 6)


def test_a_prompt_without_a_quotation_is_declined() -> None:
    assert "quotes no text" in refusal("text_rendering", sign("Coffee"), prompt="a coffee shop")


def test_a_ribbon_is_read_in_reasonable_time() -> None:
    ribbon = Image.fromarray(flat(235, 60)).resize((1800, 60))
    ImageDraw.Draw(ribbon).text((40, 5), "Welcome", font=ImageFont.load_default(44), fill=(0, 0, 0))
    outcome = ask("text_found", ribbon)
    assert isinstance(outcome, Measured)
    assert "Welcome" in outcome.text
    assert outcome.regions[0].box[3] <= 1
