"""The front door with scripted models: comparing, rating, checklists, ranking."""

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
from judging import HASH, PROMPT, A, B, C, D, always, by, likes, questions, rater, said_to
from scripted import Script, ScriptedModel, answer

from autorater import AutoRater, Sampling, make_request
from autorater.errors import Unavailable, UsageError
from autorater.model import Question, Reply, Token, Usage

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
