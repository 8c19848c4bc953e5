"""What is too much to be told apart is said, and what is not is told."""

from typing import Any

import pytest

from autorater.checklist import Checklist
from autorater_evals.item import Item, Preference
from autorater_evals.scoring.facets import facets_of, left_out
from autorater_evals.scoring.questions import question_rows


def pair(place: int, generators: tuple[str, str], **facets: str) -> Item:
    return Item(
        id=f"pair{place}",
        part="pairs",
        prompt="a fox",
        images=("a.png", "b.png"),
        cluster=str(place),
        generators=generators,
        facets=facets,
        preferences={"overall": Preference(preferred="a")},
    )


@pytest.mark.parametrize(("values", "told"), [(60, 60), (61, 0)])
def test_a_facet_with_too_many_values_is_named(values: int, told: int) -> None:
    items = [pair(place, ("x", "y"), subject=str(place % values), size="one") for place in range(130)]
    assert len(facets_of(items)) == told
    notes = list(left_out("pairs", items, pairs=True))
    assert notes == ([] if told else ["pairs: no figures by subject, which has 61 values (more than 60)"])


def test_a_facet_of_some_items_alone_splits_them_and_one_of_all_does_not() -> None:
    items = [pair(0, ("x", "y"), kind="count", size="one"), pair(1, ("x", "y"), size="one")]
    assert facets_of(items) == [("kind", "count")]


@pytest.mark.parametrize(
    ("generators", "words"),
    [
        (40, []),
        (41, ["no figures without each of 41"]),
        (101, ["no figures without each of 101", "101 generators are"]),
    ],
)
def test_generators_that_are_too_many_are_counted(generators: int, words: list[str]) -> None:
    items = [pair(place, (str(place % generators), str((place + 1) % generators))) for place in range(2 * generators)]
    notes = list(left_out("pairs", items, pairs=True))
    assert [word in note for word, note in zip(words, notes, strict=True)] == [True] * len(words)
    assert list(left_out("points", items, pairs=False)) == []


def test_one_facet_with_many_values_does_not_hide_another_of_questions() -> None:
    asked = Checklist.model_validate({"name": "own", "items": [{"id": "one", "text": "Is there one?"}]})
    fields: dict[str, Any] = {"part": "q", "prompt": "p", "images": ("a.png",), "questions": asked}
    items = [
        Item(id=str(n), cluster=str(n), answers={"one": "yes"}, facets={"id": str(n), "half": "ab"[n % 2]}, **fields)
        for n in range(80)
    ]
    rows = list(question_rows("q", items, {str(n): {"one": "yes" if n % 2 else "no"} for n in range(80)}))
    told = {row.slice: row.figure.value for row in rows if row.figure.measure == "accuracy"}
    assert told == {"all": 0.5, "half: a": 0.0, "half: b": 1.0}
