"""The public door with a scripted model: what a caller gets for every task, order, protocol and mishap."""

import asyncio
import base64
import inspect
import io
import json
import sys
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pictures import picture, png
from PIL import Image as Pillow
from scripted import Script, ScriptedModel, answer

import autorater
from autorater import AutoRater, Judgment, Sampling, make_request
from autorater.autorater import Item
from autorater.errors import ProviderError, RateLimited, Refused, Unavailable, UsageError
from autorater.messages import Text
from autorater.model import PROVIDERS, Question, Reply, Token, Usage
from autorater.retrying import Retries

PROMPT = "a red fox in snow"
A, B, C, D = (png(number) for number in range(4))
HASH = {letter: picture(number).sha256 for number, letter in enumerate("abcd")}


def rater(script: Script = answer, **options: Any) -> AutoRater:
    """A judge that answers by `script`, with quick retries and neither specialists nor a cache."""
    told: dict[str, Any] = {
        "tools": "none",
        "cache": False,
        "retries": Retries(attempts=3, first_wait=0, longest_wait=0),
        **options,
    }
    return AutoRater(ScriptedModel(script), **told)


def questions(judge: AutoRater) -> list[Question]:
    """What the scripted model of a judge was asked."""
    model = judge.loop.model
    assert isinstance(model, ScriptedModel)
    return model.asked


def said_to(question: Question) -> str:
    """All text of a question, system text first."""
    parts = [part.text for turn in question.conversation.turns for part in turn.parts if isinstance(part, Text)]
    return "\n".join([question.conversation.system, *parts])


def likes(*hashes: str) -> Script:
    """Prefers the picture that stands earlier in `hashes`, wherever it is shown; pictures not in it are tied."""

    def script(question: Question) -> str:
        if question.schema_name != "comparison":
            return answer(question)
        first, second = (picture.sha256 for picture in question.conversation.pictures()[-2:])
        ranks = [hashes.index(item) if item in hashes else len(hashes) for item in (first, second)]
        told = "tie" if ranks[0] == ranks[1] else "image_1" if ranks[0] < ranks[1] else "image_2"
        return answer(question, preference=told, rationale=f"Image 1 is at {ranks[0]}, Image 2 at {ranks[1]}.")

    return script


def always(**last: Any) -> Script:
    return lambda question: answer(question, **last)


# --- comparing -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("script", "outcome", "preferred", "probability", "consistent", "reason"),
    [
        (likes(HASH["a"]), "scored", "a", 1.0, True, "image a is preferred in both orders"),
        (likes(HASH["b"]), "scored", "b", 0.0, True, "image b is preferred in both orders"),
        (likes(), "tie", "tie", 0.5, True, "tie in both orders"),
        (
            always(preference="image_1"),
            "tie",
            "tie",
            0.5,
            False,
            "the two orders disagree (shown as ab: a, shown as ba: b), which counts as a tie",
        ),
    ],
    ids=["a", "b", "tie", "conflict"],
)
def test_both_orders(
    script: Script, outcome: str, preferred: str, probability: float, consistent: bool, reason: str
) -> None:
    with rater(script) as judge:
        judged = judge.compare(A, B, prompt=PROMPT)
    assert (judged.outcome, judged.preferred, judged.probability) == (outcome, preferred, probability)
    assert (judged.consistent, judged.reason, judged.method) == (consistent, reason, "votes")
    assert [item.order for item in judged.passes] == ["ab", "ba"]
    assert judged.candidates == (HASH["a"], HASH["b"])


def test_words_are_about_the_candidates_whatever_the_order() -> None:
    def script(question: Question) -> str:
        first = question.conversation.pictures()[0].sha256
        told = ("image_1", "image_2") if first == HASH["a"] else ("image_2", "image_1")
        return answer(
            question,
            preference=told[0],
            rationale=f"Image {told[0][-1]} beats image {told[1][-1]}.",
            observations={told[0]: "a fox", told[1]: "a dog"},
            weaknesses={told[0]: [], told[1]: [{"where": f"{told[1]}, left", "what": "blur"}]},
        )

    with rater(script) as judge:
        judged = judge.compare(A, B, prompt=PROMPT)
    for item in judged.passes:
        assert item.verdict is not None
        assert item.verdict.rationale == "image a beats image b."
        assert item.verdict.observations == {"a": "a fox", "b": "a dog"}
        assert item.verdict.weaknesses["a"] == ()
        assert [(found.where, found.what) for found in item.verdict.weaknesses["b"]] == [("image b, left", "blur")]
    assert judged.rationale == "image a beats image b."


def test_the_given_order_is_asked_once() -> None:
    with rater(likes(HASH["b"]), order="given") as judge:
        judged = judge.compare(A, B, prompt=PROMPT)
    assert (judged.preferred, judged.consistent, len(judged.passes)) == ("b", None, 1)
    assert judged.reason == "image b is preferred"


def test_a_random_order_is_the_requests_own_and_balanced() -> None:
    requests = [make_request([A, B], prompt=f"fox {number}", task="compare") for number in range(120)]

    def orders() -> dict[str, str]:
        with rater(likes(HASH["a"]), order="random") as judge:
            judged = list(judge.judge_many(requests))
        assert {item.preferred for item in judged} == {"a"}
        return {item.prompt: item.passes[0].order for item in judged}

    shown = orders()
    assert orders() == shown
    assert 40 < sum(order == "ab" for order in shown.values()) < 80  # binomial: outside once in 5,000 draws


def test_samples_of_one_order_are_outvoted_but_orders_are_not() -> None:
    def script(question: Question) -> str:
        first = question.conversation.pictures()[0].sha256 == HASH["a"]
        return answer(question, preference="image_2" if question.sample == 0 else "image_1" if first else "image_2")

    with rater(script, samples=3) as judge:
        judged = judge.compare(A, B, prompt=PROMPT)
    assert (judged.preferred, judged.consistent, len(judged.passes)) == ("a", True, 6)
    assert judged.probability == pytest.approx(5 / 6, abs=1e-6)


def test_the_same_image_twice_is_a_tie_whatever_is_said() -> None:
    with rater(always(preference="image_1")) as judge:
        judged = judge.compare(A, A, prompt=PROMPT)
    assert (judged.outcome, judged.preferred, judged.consistent) == ("tie", "tie", False)


# --- rating, and where its number comes from -------------------------------------------------------------------------


def test_rating() -> None:
    with rater(always(score=8, rationale="Image 1 is fine.")) as judge:
        judged = judge.rate(A, prompt=PROMPT, id="one")
        (question,) = questions(judge)
    assert (judged.id, judged.outcome, judged.score, judged.method) == ("one", "scored", 8.0, "votes")
    assert (judged.rationale, judged.reason) == ("image a is fine.", "scored 8 of 10")
    assert (judged.preferred, judged.probability, judged.consistent, judged.ranking) == (None, None, None, ())
    assert question.sampling == Sampling(temperature=0.0)
    assert judged.usage == Usage(input=100, output=50)
    assert judged.cost is None  # nobody knows the price of a scripted model, and unknown is not zero
    assert judged.passes[0].served_by == "scripted-1"


def test_a_score_is_the_mean_of_its_samples() -> None:
    with rater(lambda question: answer(question, score=[4, 5, 9][question.sample]), samples=3) as judge:
        judged = judge.rate(A, prompt=PROMPT)
        assert all(question.sampling.temperature is None for question in questions(judge))
    assert (judged.score, judged.reason) == (6.0, "scored 6 of 10, the mean of 3 answers")
    assert [item.sample for item in judged.passes] == [0, 1, 2]


def ending(text: str, field: str, value: str, top: Mapping[str, float]) -> Reply:
    """A reply of `text` whose last value is one token with these probabilities."""
    head, _, tail = text.rpartition(value)
    chances = {token: float(np.log(chance)) for token, chance in top.items()}
    assert head.rstrip('" ').endswith(f'"{field}":')
    tokens = (
        *(Token(text=letter, logprob=0.0, top={letter: 0.0}) for letter in head),
        Token(text=value, logprob=chances[value], top=chances),
        *(Token(text=letter, logprob=0.0, top={letter: 0.0}) for letter in tail),
    )
    return Reply(text=text, finish="stop", tokens=tokens)


def test_log_probabilities_give_the_expected_score() -> None:
    def script(question: Question) -> Reply:
        return ending(answer(question, score=7), "score", "7", {"7": 0.6, "8": 0.3, "6": 0.1})

    with rater(script) as judge:
        judged = judge.rate(A, prompt=PROMPT)
    assert judged.score == pytest.approx(0.6 * 7 + 0.3 * 8 + 0.1 * 6)
    assert judged.method == "logprobs"
    assert judged.passes[0].verdict is not None
    assert judged.passes[0].verdict.score == 7


def test_log_probabilities_give_the_probability_of_a_preference() -> None:
    def script(question: Question) -> Reply:
        first = question.conversation.pictures()[0].sha256 == HASH["a"]
        value, other = ("image_1", "image_2") if first else ("image_2", "image_1")
        top = {value: 0.7, other: 0.1, "tie": 0.2} if first else {value: 0.5, other: 0.3, "tie": 0.2}
        return ending(answer(question, preference=value), "preference", value, top)

    with rater(script) as judge:
        judged = judge.compare(A, B, prompt=PROMPT)
    assert [item.probability for item in judged.passes] == pytest.approx([0.7 + 0.1, 0.5 + 0.1])
    assert (judged.preferred, judged.method) == ("a", "logprobs")
    assert judged.probability == pytest.approx(0.7)


def decisions(**chances: float) -> ScriptedModel:
    """A scorer with these probabilities."""
    reply = Reply(text="{}", finish="stop", probabilities=chances, usage=Usage(input=7), served_by="decisions-1")
    return ScriptedModel(lambda question: reply, name="scripted-decisions:one")


def test_a_scorer_gives_calibrated_probabilities() -> None:
    with rater(
        always(preference="image_1"), order="given", scorer=decisions(image_1=0.6, image_2=0.2, tie=0.2)
    ) as judge:
        judged = judge.compare(A, B, prompt=PROMPT)
    assert (judged.preferred, judged.probability, judged.method) == ("a", pytest.approx(0.7), "decisions")
    assert judged.passes[0].served_by == "scripted-1"
    assert judged.usage.input == 107
    assert judged.warnings == ()


def test_a_scorer_gives_the_expected_score() -> None:
    with rater(always(score=5), scorer=decisions(**{"4": 0.5, "9": 0.5})) as judge:
        judged = judge.rate(A, prompt=PROMPT)
    assert (judged.score, judged.method) == (6.5, "decisions")


@pytest.mark.parametrize(
    "scorer", [decisions(), ScriptedModel(lambda question: Unavailable("no answer"), name="scripted-decisions:one")]
)
def test_a_scorer_without_an_answer_is_told_and_votes_count(scorer: ScriptedModel) -> None:
    with rater(always(score=5), scorer=scorer) as judge:
        judged = judge.rate(A, prompt=PROMPT)
    assert (judged.outcome, judged.score, judged.method) == ("scored", 5.0, "votes")
    assert judged.warnings[0].startswith("the scorer scripted-decisions:one gave no probabilities: no")


# --- checklists ------------------------------------------------------------------------------------------------------


def checklist(**answers: str) -> Script:
    def script(question: Question) -> str:
        names = question.schema["properties"]["checklist"]["properties"]
        images = question.schema["properties"]["observations"]["properties"]
        told = {name: dict.fromkeys(images, answers.get(name, "yes")) for name in names}
        return answer(question, checklist=told)

    return script


def test_a_checklist_is_answered_without_a_score() -> None:
    with rater(checklist(counts_right="no", style_right="cannot_tell")) as judge:
        judged = judge.check(A, prompt=PROMPT)
        (question,) = questions(judge)
    assert (judged.outcome, judged.reason) == ("scored", "the checklist was answered")
    assert (judged.score, judged.preferred, judged.method) == (None, None, None)
    assert judged.checklist["a"]["counts_right"] == "no"
    assert judged.checklist_score["a"] == pytest.approx(12 / 13)  # 14 questions, one of them not decided
    assert list(question.schema["properties"]) == ["observations", "checklist", "rationale"]


def test_a_question_whose_parent_is_not_yes_does_not_count() -> None:
    with rater(checklist(subject_present="no", all_objects_present="no", counts_right="yes")) as judge:
        judged = judge.rate(A, prompt=PROMPT)
    told = judged.checklist["a"]
    assert told["subject_present"] == "no"
    assert {told[name] for name in ("all_objects_present", "counts_right", "attributes_right", "relations_right")} == {
        "not_applicable"
    }
    assert judged.checklist_score["a"] == pytest.approx(9 / 10)


def test_the_embedded_judge_answers_no_checklist() -> None:
    with AutoRater(cache=False) as judge, pytest.raises(UsageError, match=r"answered by a VLM: name one with --model"):
        judge.check(A, prompt=PROMPT)


def test_a_checklist_of_ones_own(tmp_path: Path) -> None:
    path = tmp_path / "mine.md"
    path.write_text("---\nname: mine\nitems:\n  - id: fox\n    text: Is there a fox?\n---\n", encoding="utf-8")
    with rater(checklist(fox="no"), checklist=path) as judge:
        judged = judge.compare(A, B, prompt=PROMPT)
        assert "- fox: Is there a fox?" in said_to(questions(judge)[0])
    assert judged.checklist == {"a": {"fox": "no"}, "b": {"fox": "no"}}


@pytest.mark.parametrize(
    ("field", "said", "kept"),
    [
        ("checklist", "Yes", "yes"),
        ("checklist", " NOT APPLICABLE", "not_applicable"),
        ("checklist", "Cannot-Tell", "cannot_tell"),
        ("attributes", "Excellent", "excellent"),
        ("attributes", "Not relevant", "not_relevant"),
    ],
)
def test_the_letter_case_of_answers_is_folded(field: str, said: str, kept: str) -> None:
    def script(question: Question) -> str:
        told = json.loads(answer(question))
        for name in told[field]:
            told[field][name] = {"image_1": said} if field == "checklist" else said
        return json.dumps(told)

    with rater(script) as judge:
        judged = judge.rate(A, prompt=PROMPT)
        assert len(questions(judge)) == 1
    found = judged.checklist["a"]["style_right"] if field == "checklist" else judged.attributes["style"]
    assert found == kept


def test_the_letter_case_of_a_preference_is_folded_and_words_are_not() -> None:
    with rater(always(preference="Image 1", rationale="The FOX is Red."), order="given") as judge:
        judged = judge.compare(A, B, prompt=PROMPT)
    assert (judged.preferred, judged.rationale) == ("a", "The FOX is Red.")


# --- ranking ---------------------------------------------------------------------------------------------------------


def by(letters: str) -> tuple[str, ...]:
    return tuple(HASH[letter] for letter in letters)


@pytest.mark.parametrize(
    ("order", "ranking"),
    [("cab", (("c",), ("a",), ("b",), ("d",))), ("b", (("b",), ("a", "c", "d"))), ("", (("a", "b", "c", "d"),))],
)
def test_ranking_by_wins(order: str, ranking: tuple[tuple[str, ...], ...]) -> None:
    with rater(likes(*by(order))) as judge:
        judged = judge.rank([A, B, C, D], prompt=PROMPT)
        assert len(questions(judge)) == 12
    assert judged.ranking == ranking
    assert judged.outcome == ("tie" if len(ranking) == 1 else "scored")
    assert judged.reason == "ranked by wins over all pairs: " + " > ".join("=".join(group) for group in ranking)
    assert [(duel.first, duel.second) for duel in judged.duels] == [
        tuple(pair) for pair in ["ab", "ac", "ad", "bc", "bd", "cd"]
    ]
    assert judged.usage == Usage(input=1200, output=600)


def test_the_words_of_a_duel_name_the_candidates_of_the_ranking() -> None:
    with rater(likes(*by("cba"))) as judge:
        judged = judge.rank([A, B, C], prompt=PROMPT)
    duel = judged.duels[2]
    assert (duel.first, duel.second, duel.preferred, duel.probability) == ("b", "c", "c", 0.0)
    assert duel.reason == "image c is preferred in both orders"
    assert duel.rationale == "image b is at 1, image c at 0."
    with rater(always(preference="image_1")) as judge:
        judged = judge.rank([A, B, C], prompt=PROMPT)
    assert judged.duels[2].reason == ("the two orders disagree (shown as bc: b, shown as cb: c), which counts as a tie")


def test_a_cycle_of_wins_is_a_tie() -> None:
    wins = {(0, 1), (1, 2), (2, 0)}

    def script(question: Question) -> str:
        shown = [list(HASH.values()).index(item.sha256) for item in question.conversation.pictures()]
        return answer(question, preference="image_1" if tuple(shown) in wins else "image_2")

    with rater(script) as judge:
        judged = judge.rank([A, B, C], prompt=PROMPT)
    assert (judged.outcome, judged.ranking) == ("tie", (("a", "b", "c"),))
    assert [duel.preferred for duel in judged.duels] == ["a", "c", "b"]


def test_duels_that_conflict_are_ties() -> None:
    with rater(always(preference="image_1")) as judge:
        judged = judge.rank([A, B, C], prompt=PROMPT)
    assert {(duel.preferred, duel.consistent) for duel in judged.duels} == {("tie", False)}
    assert judged.outcome == "tie"


def test_a_duel_without_a_result_leaves_no_ranking() -> None:
    def script(question: Question) -> str | Reply:
        shown = {item.sha256 for item in question.conversation.pictures()}
        if shown == {HASH["b"], HASH["c"]}:
            return Reply(text="", finish="refusal", refusal="not this pair")
        return answer(question)

    with rater(script) as judge:
        judged = judge.rank([A, B, C], prompt=PROMPT)
    assert (judged.outcome, judged.ranking) == ("refused", ())
    assert judged.reason.startswith("one comparison has no result (b against c: scripted:one declined: not this pair")
    assert [duel.outcome for duel in judged.duels] == ["tie", "tie", "refused"]


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


# --- doors -----------------------------------------------------------------------------------------------------------


async def test_the_sync_door_works_inside_a_running_loop() -> None:
    with rater(always(score=6)) as judge:
        assert judge.rate(A, prompt=PROMPT).score == 6.0


async def test_the_async_door() -> None:
    with rater(likes(HASH["a"])) as judge:
        assert (await judge.arate(A, prompt=PROMPT)).score == 5.0
        assert (await judge.acompare(A, B, prompt=PROMPT)).preferred == "a"
        assert (await judge.acheck(A, prompt=PROMPT)).outcome == "scored"
        assert (await judge.arank([B, A], prompt=PROMPT)).ranking == (("b",), ("a",))  # "b" is A here
        request = make_request([A], prompt=PROMPT, task="rate", id="mine")
        assert (await judge.ajudge(request)).id == "mine"


async def test_leaving_closes_what_the_judge_opened_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    closed: list[str] = []

    class Closing(ScriptedModel):
        def __init__(self, model: str = "given", **settings: Any) -> None:
            super().__init__(name=f"closing:{model}")

        async def close(self) -> None:
            closed.append(self.name)

    monkeypatch.setitem(PROVIDERS, "closing", (f"{__name__}:Closing", "none"))
    monkeypatch.setattr(sys.modules[__name__], "Closing", Closing, raising=False)
    async with AutoRater("closing:own", scorer=Closing(), tools="none", cache=False) as judge:
        assert (await judge.arate(A, prompt=PROMPT)).outcome == "scored"
        assert closed == []
    assert set(closed) == {"closing:own"}


async def test_many_at_once_and_as_they_come() -> None:
    taken, flying, most = 0, 0, 0
    model = ScriptedModel()
    plain = model.ask

    async def ask(question: Question) -> Reply:
        nonlocal flying, most
        flying += 1
        most = max(most, flying)
        await asyncio.sleep(0.002)
        flying -= 1
        return await plain(question)

    def rows() -> Iterator[Item]:
        nonlocal taken
        for number in range(40):
            taken += 1
            yield make_request([A], prompt=f"fox {number}", task="rate", id=str(number))

    model.ask = ask  # type: ignore[method-assign]
    with AutoRater(model, tools="none", cache=False) as judge:
        seen: list[str] = []
        async for judged in judge.judge_all(rows(), concurrency=8):
            seen.append(judged.id)
            assert taken <= len(seen) + 2 * 8 + 1  # what is not asked for yet is not taken either
    assert sorted(seen, key=int) == [str(number) for number in range(40)]
    assert most == 8


async def test_items_from_an_async_stream_and_as_rows(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(A)

    async def rows() -> AsyncIterator[Item]:
        yield {"prompt": PROMPT, "image": "a.png", "id": "row"}
        yield make_request([A], prompt=PROMPT, task="rate", id="request")

    with rater() as judge:
        seen = [judged.id async for judged in judge.judge_all(rows(), folder=tmp_path)]
    assert sorted(seen) == ["request", "row"]


async def test_a_bad_item_goes_to_on_error_and_the_rest_goes_on() -> None:
    rows: list[Item] = [
        {"prompt": PROMPT, "image": "absent.png", "id": "bad"},
        {"prompt": PROMPT, "images": [], "id": "worse"},
    ]
    good = make_request([A], prompt=PROMPT, task="rate", id="good")
    found: dict[Any, str] = {}

    def note(item: Any, error: Exception) -> None:
        found[item["id"]] = str(error)

    with rater() as judge:
        seen = [judged.id async for judged in judge.judge_all([*rows, good], on_error=note)]
        assert seen == ["good"]
        assert "no image at" in found["bad"]
        assert "expected one of 'images'" in found["worse"]
        with pytest.raises(UsageError):
            _ = [judged async for judged in judge.judge_all([*rows, good])]


def test_a_stream_that_is_left_early_asks_no_more() -> None:
    requests = (make_request([A], prompt=f"fox {number}", task="rate") for number in range(100))
    with rater() as judge:
        next(iter(judge.judge_many(requests, concurrency=2)))
        asked = len(questions(judge))
        assert asked < 20


@pytest.mark.parametrize("concurrency", [0, -1])
def test_concurrency_is_at_least_one(concurrency: int) -> None:
    with rater() as judge, pytest.raises(UsageError, match="concurrency is at least 1"):
        list(judge.judge_many([], concurrency=concurrency))


def data_url(data: bytes) -> str:
    return "data:image/png;base64," + base64.b64encode(data).decode()


SOURCES: dict[str, Callable[[Path], Any]] = {
    "path": lambda path: path,
    "text path": str,
    "bytes": lambda path: path.read_bytes(),
    "bytearray": lambda path: bytearray(path.read_bytes()),
    "PIL": lambda path: Pillow.open(io.BytesIO(path.read_bytes())),
    "array": lambda path: np.asarray(Pillow.open(io.BytesIO(path.read_bytes()))),
    "data URL": lambda path: data_url(path.read_bytes()),
    "picture": lambda path: picture(0),
}


@pytest.mark.parametrize("kind", SOURCES)
def test_an_image_may_be_given_as(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(A)
    with rater(likes(HASH["b"])) as judge:
        judged = judge.compare(SOURCES[kind](path), B, prompt=PROMPT)
        shown = questions(judge)[0].conversation.pictures()[0]
    assert judged.preferred == "b"
    assert np.array_equal(shown.array(), picture(0).array())


@pytest.mark.parametrize("log", [None, "log"])
def test_a_closed_judge_says_so(log: str | None) -> None:
    judge = rater(log=log)
    assert judge.rate(A, prompt=PROMPT).outcome == "scored"
    judge.close()
    with pytest.raises(UsageError, match="this judge is closed: make another AutoRater, with the same log to resume"):
        judge.rate(B, prompt=PROMPT)
    judge.close()


# --- arguments -------------------------------------------------------------------------------------------------------


WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "order": ({"order": "backwards"}, "order: input should be 'both', 'random' or 'given', got 'backwards'"),
    "samples": ({"samples": 0}, "samples: input should be greater than or equal to 1, got 0"),
    "protocol": ({"protocol": "mine"}, "protocol: input should be 'autorater' or 'autorater-paper', got 'mine'"),
    "tools": ({"tools": " , "}, "no specialist is named"),
    "specialist": ({"tools": "sharpnes"}, "did you mean 'sharpness'"),
    "budget": ({"max_cost": -1.0}, "a limit on money is an amount of US dollars from 0 up, got -1"),
    "no budget": ({"max_cost": float("nan")}, "from 0 up, got nan"),
    "price": ({"max_cost": 1.0}, "the price of scripted:one is not known, so a limit on money cannot be kept"),
    "criterion": ({"criterion": "realism"}, "criterion='realism' is for the embedded judge"),
}


@pytest.mark.parametrize("kind", WRONG)
def test_a_wrong_argument_is_refused_at_once(kind: str) -> None:
    options, message = WRONG[kind]
    with pytest.raises(UsageError) as raised:
        rater(**options)
    assert message in str(raised.value)


@pytest.mark.parametrize("options", [{"scorer": ScriptedModel()}, {"checklist": "list.md"}, {"timeout": 3}])
def test_the_embedded_judge_takes_nothing_that_it_would_ignore(options: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match=f"the embedded judge takes no {next(iter(options))}: name a VLM"):
        AutoRater(**options)


def test_the_public_names() -> None:
    assert sorted(autorater.__all__) == autorater.__all__
    for name in autorater.__all__:
        assert inspect.getdoc(getattr(autorater, name)), name
    with pytest.raises(AttributeError, match="has no attribute 'AutoRate'"):
        _ = autorater.AutoRate  # type: ignore[attr-defined]
