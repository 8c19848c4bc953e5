"""The front door with scripted models: edits, protocols, choosing specialists, citations, mishaps."""

import json
from typing import Any

import pytest
from judging import HASH, PROMPT, A, B, C, D, always, by, likes, questions, rater, said_to
from scripted import Script, answer

from autorater import Judgment
from autorater.errors import ProviderError, RateLimited, Refused, Unavailable
from autorater.model import Question, Reply, Usage

# --- edits -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("sources", [[C], [C, D]])
def test_an_edit_shows_its_sources_first(sources: list[bytes]) -> None:
    with rater(likes(HASH["a"])) as judge:
        judged = judge.compare(A, B, prompt="make the fox white", source=sources[0] if len(sources) == 1 else sources)
        question = questions(judge)[0]
    shown = [item.sha256 for item in question.conversation.pictures()]
    assert shown == [*by("cd"[: len(sources)]), *by("ab")]
    assert judged.sources == by("cd"[: len(sources)])
    said = said_to(question)
    assert "The instruction that the images were edited by:" in said
    assert ("Source image 2, before the edit:" in said) == (len(sources) == 2)
    assert "over_editing is about restraint" in said
    assert {"instruction_following", "identity_preservation"} <= judged.attributes.keys()
    assert "nothing_else_changed" in judged.checklist["a"]


def test_a_generation_is_asked_nothing_about_edits() -> None:
    with rater() as judge:
        judged = judge.rate(A, prompt=PROMPT)
        assert "over_editing" not in said_to(questions(judge)[0])
    assert "over_editing" not in judged.attributes


# --- protocols -------------------------------------------------------------------------------------------------------


def test_the_papers_protocol_is_bare() -> None:
    with rater(likes(HASH["a"]), protocol="autorater-paper") as judge:
        judged = judge.compare(A, B, prompt=PROMPT)
        rated = judge.rate(A, prompt=PROMPT)
        first, second = questions(judge)
    assert list(first.schema["properties"]) == ["rationale", "preference"]
    assert list(second.schema["properties"]) == ["rationale", "score"]
    assert (judged.preferred, [item.order for item in judged.passes]) == ("a", ["ab"])
    assert (judged.checklist, judged.attributes, judged.observations) == ({}, {}, {})
    assert (rated.score, rated.judged_by.protocol, list(rated.judged_by.prompts)) == (
        5.0,
        "autorater-paper",
        ["rate-paper"],
    )


def test_a_judgment_names_all_that_decided_it() -> None:
    with rater(tools="sharpness") as judge:
        first, second = judge.rate(A, prompt=PROMPT), judge.rate(A, prompt=PROMPT + "!")
        cards = judge.toolbox.cards
    told = first.judged_by
    assert (told.model, told.protocol, list(told.prompts)) == ("scripted:one", "autorater", ["rate"])
    assert told.cards == {"sharpness": cards["sharpness"].digest}
    assert told.settings == second.judged_by.settings == judge.digest
    assert told.request != second.judged_by.request
    assert Judgment.model_validate_json(first.model_dump_json()) == first


# --- choosing specialists --------------------------------------------------------------------------------------------


def chooses(*names: str) -> Script:
    def script(question: Question) -> str:
        if question.schema_name == "selection":
            return json.dumps({"reason": "they tell most", "specialists": names})
        return answer(question)

    return script


def test_auto_lets_the_model_choose() -> None:
    with rater(chooses("sharpness", "colour"), tools="auto") as judge:
        judged = judge.compare(A, B, prompt=PROMPT)
        choosing, *_ = questions(judge)
    assert (judged.selection.how, judged.selection.names) == ("auto", ("sharpness", "colour"))
    assert (judged.selection.reason, judged.selection.usage) == ("they tell most", Usage(input=100, output=50))
    assert [(item.specialist, item.candidate) for item in judged.assessments] == [
        ("sharpness", "a"),
        ("sharpness", "b"),
        ("colour", "a"),
        ("colour", "b"),
    ]
    assert {"select", "compare"} == judged.judged_by.prompts.keys()
    offered = choosing.schema["properties"]["specialists"]["items"]["enum"]
    assert "sharpness" in offered
    assert "pixel_change" not in offered  # without a source there is nothing to preserve
    assert judged.usage.input == 300


@pytest.mark.parametrize(
    ("tools", "ran"),
    [("none", []), ("sharpness", ["sharpness"]), (["colour", "sharpness", "colour"], ["colour", "sharpness"])],
)
def test_fixed_and_none(tools: str | list[str], ran: list[str]) -> None:
    with rater(tools=tools) as judge:
        judged = judge.rate(A, prompt=PROMPT)
        assert len(questions(judge)) == 1
    assert list(judged.selection.names) == ran
    assert [item.specialist for item in judged.assessments] == ran


def test_a_named_specialist_that_does_not_apply_is_told() -> None:
    with rater(tools="pixel_change") as judge:
        judged = judge.rate(A, prompt=PROMPT)
    assert judged.assessments == ()
    assert judged.warnings == ("pixel_change does not apply to this request and did not run",)


@pytest.mark.parametrize(
    ("said", "warning"),
    [
        ("no JSON", "the choice of specialists could not be read, so none ran"),
        ('{"reason": "x", "specialists": "sharpness"}', "the choice of specialists could not be read, so none ran"),
        (Reply(text="", finish="refusal", refusal="not mine to say"), "choosing was refused: not mine to say"),
        (Unavailable("overloaded"), "choosing failed: overloaded"),
    ],
)
def test_a_choice_that_fails_stops_nothing(said: Any, warning: str) -> None:
    with rater(
        lambda question: said if question.schema_name == "selection" else answer(question), tools="auto"
    ) as judge:
        judged = judge.rate(A, prompt=PROMPT)
    assert (judged.outcome, judged.selection.names, judged.warnings) == ("scored", (), (warning,))


# --- citations -------------------------------------------------------------------------------------------------------


def test_quotes_are_checked_against_what_was_shown() -> None:
    def script(question: Question) -> str:
        line = next(line for line in said_to(question).splitlines() if line.startswith("- E1:"))
        value = line.partition(" = ")[2].split()[0]
        cites = [("E1", value), ("[e1]", f"about {value}"), ("E1", "123456"), ("E1", "sharp"), ("E99", value)]
        return answer(question, citations=[{"assessment": label, "quote": quote} for label, quote in cites])

    with rater(script, tools="sharpness") as judge:
        judged = judge.rate(A, prompt=PROMPT)
    reference, value = judged.citations[0].assessment, judged.citations[0].quote
    assert reference.startswith("sharpness.")
    assert reference.endswith("@a")
    assert [item.flag for item in judged.citations] == [
        "",
        "",
        f"quotes 123456; the reading is {value}",
        f"quotes no number; the reading is {value}",
        "no such assessment was shown",
    ]
    assert [warning.split(" (")[0] for warning in judged.warnings] == [
        f"quoted wrongly: {reference}",
        f"quoted wrongly: {reference}",
        "quoted wrongly: E99",
    ]


# --- mishaps ---------------------------------------------------------------------------------------------------------


def in_turn(*said: Any) -> Script:
    """Says one thing after the other, the last one for ever; a function is called with the question."""
    left = list(said)

    def script(question: Question) -> Any:
        now = left.pop(0) if len(left) > 1 else left[0]
        return now(question) if callable(now) else now

    return script


REPAIRED = "the first answer did not fit the schema; this is the answer of the repair turn"


@pytest.mark.parametrize("broken", ["I would say 8.", "{}", '{"score": 11}', "[1, 2]", "", '{"a":' * 5000])
def test_one_repair_turn(broken: str) -> None:
    with rater(in_turn(broken, always(score=8))) as judge:
        judged = judge.rate(A, prompt=PROMPT)
        first, second = questions(judge)
    assert (judged.outcome, judged.score, judged.warnings) == ("scored", 8.0, (REPAIRED,))
    assert judged.usage == Usage(input=200, output=100)
    assert len(judged.passes[0].calls) == 2
    assert second.conversation.turns[0] == first.conversation.turns[0]
    assert [turn.role for turn in second.conversation.turns] == ["user", "assistant", "user"]
    assert "Your answer could not be used:" in said_to(second)


def test_an_answer_in_a_code_fence_needs_no_repair() -> None:
    with rater(lambda question: f"Here you are:\n```json\n{answer(question, score=3)}\n```") as judge:
        judged = judge.rate(A, prompt=PROMPT)
    assert (judged.score, judged.warnings) == (3.0, ())


def refusing(question: Question) -> Reply:
    return Reply(text="", finish="refusal", refusal="I cannot look at this")


def says(what: str | Reply | Exception) -> Script:
    return lambda question: what


MISHAPS: dict[str, tuple[Script, str, str, int]] = {
    "unparsable twice": (says("no"), "unparsable", "the answer does not fit the schema: ", 2),
    "out of range": (always(score=11), "unparsable", "less than or equal to 10, got 11", 2),
    "checklist short": (always(checklist={}), "unparsable", "the checklist lacks answers to: subject_present", 2),
    "refused": (refusing, "refused", "scripted:one declined: I cannot look at this", 1),
    "refused by an error": (says(Refused("policy")), "refused", "scripted:one declined: policy", 1),
    "cut off": (
        says(Reply(text='{"observations": {', finish="length")),
        "unparsable",
        "the answer was cut off: raise --max-output-tokens",
        1,
    ),
    "rate limited": (says(RateLimited("slow down")), "unreachable", "gave no answer: slow down", 3),
    "unavailable": (says(Unavailable("overloaded")), "unreachable", "gave no answer: overloaded", 3),
    "bad request": (
        says(ProviderError("too many images", status=400)),
        "unreachable",
        "gave no answer: too many images",
        1,
    ),
}


@pytest.mark.parametrize("kind", MISHAPS)
def test_a_mishap_is_an_outcome_and_never_a_number(kind: str) -> None:
    script, outcome, reason, calls = MISHAPS[kind]
    with rater(script) as judge:
        judged = judge.rate(A, prompt=PROMPT)
        assert len(questions(judge)) == calls
    assert (judged.outcome, judged.score, judged.preferred, judged.probability) == (outcome, None, None, None)
    assert (judged.method, judged.passes[0].verdict) == (None, None)
    assert reason in judged.reason


def test_one_failed_order_is_not_outvoted() -> None:
    def script(question: Question) -> Any:
        first = question.conversation.pictures()[0].sha256 == HASH["a"]
        return answer(question) if first else refusing(question)

    with rater(script) as judge:
        judged = judge.compare(A, B, prompt=PROMPT)
    assert (judged.outcome, judged.preferred, judged.probability) == ("refused", None, None)
    assert judged.reason == "scripted:one declined: I cannot look at this (order ba)"


def test_a_retry_that_works_is_no_mishap() -> None:
    with rater(in_turn(Unavailable("busy"), RateLimited("slow"), always(score=6))) as judge:
        assert judge.rate(A, prompt=PROMPT).score == 6.0


@pytest.mark.parametrize("status", [401, 402, 403, 404])
def test_a_refused_key_ends_all(status: int) -> None:
    with rater(lambda question: ProviderError("no such key", status=status)) as judge, pytest.raises(ProviderError):
        judge.rate(A, prompt=PROMPT)
