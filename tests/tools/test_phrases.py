"""The phrases of prompts and instructions."""

import pytest
from hypothesis import given
from hypothesis import strategies as some

from autorater_tools._phrases import find_phrases, listed_texts, phrase_texts, whole_text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('A red and white sign that says "HELLO" beside a cat on a table', ["red white sign", "cat", "table"]),
        ("two red apples and a green pear on a wooden table", ["red apples", "green pear", "wooden table"]),
        ("A red colored car", ["red car"]),
        ("a cat to the left of a dog", ["cat", "dog"]),
        ("A man's hat", ["man", "hat"]),
        ("Remove the person in the background and make the sky more dramatic", ["person", "sky"]),
        ("replace the cat with a dog wearing sunglasses", ["cat", "dog", "sunglasses"]),
        ("A highly detailed photo of an astronaut riding a horse, 8k, trending on artstation", ["astronaut", "horse"]),
        ("three dogs play near a burning building", ["dogs", "burning building"]),
        ("change the color of the car to red", ["car"]),
        ("Turn the woman's hair blonde", ["woman", "hair"]),
        ("a black and white photo of a cat", ["cat"]),
        ("an orange, a light and a bowl of fruit", ["orange", "light", "bowl", "fruit"]),
        ("Make it brighter", []),
        ("", []),
    ],
)
def test_phrases(text: str, expected: list[str]) -> None:
    assert phrase_texts(text) == expected


@pytest.mark.parametrize(
    ("text", "count", "exact"),
    [
        ("two red apples", 2, True),
        ("a pair of shoes", 2, True),
        ("a dozen eggs", 12, True),
        ("a group of five people", 5, True),
        ("10 oranges", 10, True),
        ("a cat", 1, False),
        ("some cats", None, False),
        ("cats", None, False),
    ],
)
def test_counts(text: str, count: int | None, exact: bool) -> None:
    (phrase,) = find_phrases(text)
    assert (phrase.count, phrase.exact) == (count, exact)
    assert text[phrase.start : phrase.end] == text


def test_a_phrase_knows_its_noun_and_its_colours() -> None:
    (phrase,) = find_phrases("three red and white striped cups")
    assert (phrase.noun, phrase.colours) == ("cup", ("red", "white"))


def test_a_list_and_a_whole_text_keep_the_rules_of_captions() -> None:
    assert listed_texts("A Cat . red dog, a mug;\nCat") == ["a cat", "red dog", "a mug", "cat"]
    assert whole_text("A cat. And a dog? ") == ["a cat and a dog"]
    assert whole_text(" . ") == []


@given(some.text(alphabet="ab catdogredtwo.,?'\"- 12of", max_size=80))
def test_any_text_gives_phrases_that_a_caption_may_hold(text: str) -> None:
    for phrase in find_phrases(text):
        assert phrase.text == phrase.text.lower().strip()
        assert not set(phrase.text) & set(".?,")
        assert 0 <= phrase.start < phrase.end <= len(text)
