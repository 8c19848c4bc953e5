"""The schema that a judge fills, and how its answer is read."""

import json
import random
from collections.abc import Iterator
from itertools import pairwise, product
from typing import Any

import pytest
from golden import QUESTIONS
from hypothesis import given
from hypothesis import strategies as st
from scripted import fill

from autorater.checklist import ANSWERS, Checklist, default_checklist
from autorater.errors import ReplyError
from autorater.request import Task
from autorater.verdict import attribute_names, in_letters, parse_verdict, verdict_schema, without_fence

TASKS: tuple[Task, ...] = ("rate", "compare", "check")
KINDS = [(task, edit, bare) for task, edit, bare in product(TASKS, (False, True), (False, True))]
ALLOWED = {"type", "properties", "required", "additionalProperties", "items", "enum"} | {
    *("maxLength", "maxItems", "minimum", "maximum")
}


def order_of(task: Task) -> tuple[int, ...]:
    return (1, 0) if task == "compare" else (0,)


def parts(schema: dict[str, Any], depth: int = 1) -> Iterator[tuple[int, dict[str, Any]]]:
    """Every schema inside a schema, with its depth."""
    yield depth, schema
    for part in schema.get("properties", {}).values():
        yield from parts(part, depth + 1)
    if "items" in schema:
        yield from parts(schema["items"], depth + 1)


def draw(schema: dict[str, Any], chance: random.Random) -> Any:
    """A random value of a schema of the common subset."""
    if "enum" in schema:
        return chance.choice(schema["enum"])
    if schema["type"] == "object":
        return {name: draw(part, chance) for name, part in schema["properties"].items()}
    if schema["type"] == "array":
        return [draw(schema["items"], chance) for _ in range(chance.randint(0, schema["maxItems"]))]
    if schema["type"] == "integer":
        return chance.randint(schema["minimum"], schema["maximum"])
    letters = 'aZ9 é漢\U0001f98a"\\\n\tImage 1{}[],:'
    return "".join(chance.choice(letters) for _ in range(chance.randint(0, schema["maxLength"])))


@pytest.mark.parametrize(("task", "edit", "bare"), KINDS)
def test_a_schema_is_of_the_subset_that_all_providers_take(task: Task, edit: bool, bare: bool) -> None:
    schema = verdict_schema(task, checklist=default_checklist(edit=edit), edit=edit, bare=bare)
    found = list(parts(schema))
    for _, part in found:
        assert part.keys() <= ALLOWED
        assert part["type"] in ("object", "array", "string", "integer")  # one type: no unions
        if part["type"] == "object":
            assert part["required"] == list(part["properties"])
            assert part["additionalProperties"] is False
            assert part["properties"]
    assert max(depth for depth, _ in found) <= 10
    assert sum(len(part.get("properties", {})) for _, part in found) <= 5000
    assert sum(len(part.get("enum", [])) for _, part in found) <= 1000
    assert json.loads(json.dumps(schema)) == schema


@pytest.mark.parametrize(("task", "edit", "bare"), KINDS)
def test_the_decision_is_written_last(task: Task, edit: bool, bare: bool) -> None:
    names = list(verdict_schema(task, checklist=default_checklist(edit=edit), edit=edit, bare=bare)["properties"])
    decision = {"rate": ["score"], "compare": ["preference"], "check": []}[task]
    thinking = ["observations", "weaknesses", "checklist", "attributes", "citations", "rationale"]
    if bare:
        assert names == ["rationale", *decision]
    elif task == "check":
        assert names == ["observations", "checklist", "rationale"]
    else:
        assert names == [*thinking, *decision]


def test_attributes_end_with_overall() -> None:
    assert attribute_names(edit=False)[-1] == attribute_names(edit=True)[-1] == "overall"
    assert set(attribute_names(edit=True)) - set(attribute_names(edit=False)) == {
        "instruction_following",
        "over_editing",
        "identity_preservation",
        "detail_preservation",
    }


@pytest.mark.parametrize(("task", "edit", "bare"), KINDS)
def test_every_answer_that_fits_the_schema_is_read(task: Task, edit: bool, bare: bool) -> None:
    checklist = default_checklist(edit=edit)
    schema = verdict_schema(task, checklist=checklist, edit=edit, bare=bare and task != "check")
    for seed in range(15):
        value = draw(schema, random.Random(seed))
        verdict = parse_verdict(json.dumps(value), task=task, checklist=checklist, order=order_of(task), bare=bare)
        assert verdict.score == value.get("score")
        told = {"image_1": "b", "image_2": "a", "tie": "tie", None: None}  # order (1, 0): image 1 is candidate b
        assert verdict.preference == told[value.get("preference")]
        if not bare and task != "check":
            assert verdict.attributes.keys() == value["attributes"].keys()
            assert len(verdict.citations) == len(value["citations"])


# --- reading ---------------------------------------------------------------------------------------------------------


def told(task: Task = "rate", **last: Any) -> str:
    return json.dumps(fill(verdict_schema(task, checklist=QUESTIONS, edit=False), **last))


def read(text: str, task: Task = "rate", **options: Any) -> Any:
    return parse_verdict(text, task=task, checklist=QUESTIONS, order=order_of(task), **options)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("I think 7.", "the answer does not fit the schema: the value: invalid json"),
        ("", "invalid json"),
        ("null", "the answer does not fit the schema"),
        ("[]", "input should be an object"),
        ('{"score": 7}', "observations: field required; checklist: field required; rationale: field required"),
        (told(score=0), "score: input should be greater than or equal to 1, got 0"),
        (
            told(score="seven"),
            "score: input should be a valid integer, unable to parse string as an integer, got 'seven'",
        ),
        (told(score=7.5), "score: input should be a valid integer, got a number with a fractional part, got 7.5"),
        (told(extra=1)[:-1] + ', "extra": 1}', "extra: extra inputs are not permitted"),
        (told(checklist={"fox": {"image_1": "yes"}}), "the checklist lacks answers to: red, snow"),
        (
            told(checklist={name: {"image_1": "maybe"} for name in ("fox", "red", "snow")}),
            "checklist.fox.image_1: input should be 'yes', 'no', 'not_applicable' or 'cannot_tell', got 'maybe'",
        ),
        (told(attributes={"style": "superb"}), "expected one of bad, poor, fair, good, excellent, not_relevant as"),
        (told(attributes={"style": "image_1_better"}), "as an attribute's level, got 'image_1_better'"),
        ('{"a":' * 100_000, "the answer does not fit the schema"),
        ("[" * 100_000, "the answer does not fit the schema"),
        ('{"score": ' + "9" * 10_000 + "}", "the answer does not fit the schema"),
        ('{"rationale": "\\ud800"}', "the answer does not fit the schema"),
        ('{"score": NaN}', "the answer does not fit the schema"),
    ],
)
def test_an_answer_that_does_not_fit_says_where(text: str, message: str) -> None:
    with pytest.raises(ReplyError) as raised:
        read(text)
    assert message in str(raised.value)
    assert len(str(raised.value)) < 1000
    assert raised.value.text == text


def test_a_comparison_lacking_one_image_is_refused() -> None:
    short = {name: {"image_1": "yes"} for name in ("fox", "red", "snow")}
    with pytest.raises(ReplyError, match="the checklist lacks answers to: fox, red, snow"):
        read(told("compare", checklist=short), "compare")


def test_relative_levels_name_the_candidates() -> None:
    verdict = read(told("compare", attributes={"style": "image_1_much_better", "overall": "Image 2 better"}), "compare")
    assert verdict.attributes == {"style": "b_much_better", "overall": "a_better"}


@pytest.mark.parametrize("wrapped", ["```json\n{}\n```", "Sure!\n{}", "  {}  ", "{}"])
def test_json_inside_other_words_is_found(wrapped: str) -> None:
    assert without_fence(wrapped) in ("{}", "{}  ")
    assert read(wrapped.replace("{}", told(score=3))).score == 3


@pytest.mark.parametrize("text", ["no braces", "} {", "{", ""])
def test_text_without_json_is_left_as_it_is(text: str) -> None:
    assert without_fence(text) == text.strip()


def test_places_become_candidates() -> None:
    letters = {"image_1": "b", "image_2": "a"}
    said = "Image 1 beats image 2; Image_1 and image_2 are images; imagine Image 3."
    assert in_letters(said, letters) == "image b beats image a; image b and image a are images; imagine Image 3."


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
    max_leaves=12,
)


@given(st.text(), st.sampled_from(KINDS))
def test_any_text_is_a_verdict_or_a_reply_error(text: str, kind: tuple[Task, bool, bool]) -> None:
    either(text, kind)


@given(JSON, st.sampled_from(KINDS))
def test_any_json_is_a_verdict_or_a_reply_error(value: Any, kind: tuple[Task, bool, bool]) -> None:
    either(json.dumps(value), kind)


@given(st.data(), st.sampled_from(KINDS))
def test_a_damaged_answer_is_a_verdict_or_a_reply_error(data: st.DataObject, kind: tuple[Task, bool, bool]) -> None:
    task, edit, bare = kind
    value = fill(verdict_schema(task, checklist=QUESTIONS, edit=edit, bare=bare))
    place: dict[str, Any] = value
    while place:
        name = data.draw(st.sampled_from(sorted(place)))
        if not isinstance(place[name], dict) or data.draw(st.booleans()):
            place[name] = data.draw(JSON | st.sampled_from(["YES", "Image 1", "tie", 5]))
            break
        place = place[name]
    text = json.dumps(value)
    either(text, kind)
    cut = data.draw(st.integers(0, len(text)))
    either(text[:cut], kind)


def either(text: str, kind: tuple[Task, bool, bool]) -> None:
    task, _, bare = kind
    try:
        verdict = parse_verdict(text, task=task, checklist=QUESTIONS, order=order_of(task), bare=bare)
    except ReplyError as error:
        assert str(error)  # noqa: PT017
    else:
        assert (verdict.score is not None) == (task == "rate")
        assert (verdict.preference is not None) == (task == "compare")


@given(st.lists(st.sampled_from(ANSWERS), min_size=3, max_size=3))
def test_settled_answers_follow_their_parents(answers: list[Any]) -> None:
    settled = QUESTIONS.settle(dict(zip(("fox", "red", "snow"), answers, strict=True)))
    assert list(settled) == ["fox", "red", "snow"]
    for item in QUESTIONS.items:
        met = all(settled[parent] == "yes" for parent in item.depends_on)
        assert met or settled[item.id] == "not_applicable"


def test_parents_stand_before_their_children() -> None:
    for checklist in (default_checklist(edit=False), default_checklist(edit=True)):
        assert isinstance(checklist, Checklist)
        places = {item.id: place for place, item in enumerate(checklist.items)}
        assert all(places[parent] < places[item.id] for item in checklist.items for parent in item.depends_on)
        assert all(first < second for first, second in pairwise(places.values()))
