"""The E-step from end to end: labels, orders, splits, variants, difficulty, what is refused, what is exported."""

import json
import shutil
from collections import Counter
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from scripted import ScriptedModel
from teaching import block_of, pairs, said_to, teach, write_rows, writer

from autorater.errors import MissingExtraError, RecordError, ReplayMiss, UsageError
from autorater.messages import Image, Text
from autorater.model import Question, Reply, Token, Usage
from autorater.prices import Price
from autorater_evals.benchmark import find_benchmarks
from autorater_evals.distillation import Plan, check, open_source
from autorater_evals.distillation.components import components, connected, split
from autorater_evals.distillation.labels import to_likert
from autorater_evals.distillation.plan import Subject
from autorater_evals.running import evaluate
from autorater_evals.trainset import Example, open_set

FREE = Plan(variants=("free",), without=("classifier",))


def examples(folder: Path) -> list[Example]:
    return list(open_set(folder).examples())


def test_pairs_and_ties_are_balanced_split_and_what_a_judge_is_shown(tmp_path: Path) -> None:
    data = write_rows(tmp_path / "data", pairs(42, sides="abt"), pictures=84)
    found, model = teach(data, tmp_path / "set", plan=FREE.model_copy(update={"holdout": (0.2, 0.1)}))
    kept = examples(tmp_path / "set")
    assert len(kept) == 42
    assert found.card["positions"]["free"] == {"pairs": 28, "better_first": 14, "share": 0.5, "balanced": True}
    assert found.card["labels"]["preferred"] == {"a": 14, "b": 14, "tie": 14}
    assert Counter(one.split for one in kept) == {"train": 29, "validation": 9, "test": 4}
    for one in kept:
        # What is exported is to the byte what the model was asked without the label.
        asked = [
            q
            for q in model.asked
            if one.candidates[one.order[0]] in str(q.conversation.canonical(model.capability.fit))
        ]
        student = [q for q in asked if not block_of(q) and q.schema_name == "comparison"]
        told = json.loads(one.completion)
        assert {"image_1": "ab"[one.order[0]], "image_2": "ab"[one.order[1]]}.get(told["preference"], "tie") == (
            one.label.preferred
        )
        for question in student:
            if [p.sha256 for p in question.conversation.pictures()] == list(one.images):
                parts = question.conversation.turns[0].parts
                texts = [
                    part.text if isinstance(part, Text) else part.picture.sha256
                    for part in parts
                    if isinstance(part, Text | Image)
                ]
                assert texts == [piece.text or piece.image for piece in one.pieces]
                assert question.conversation.system == one.system
        # Without the label the teacher prefers the greater name, and says "tie" never.
        right = one.label.preferred == "ab"[one.candidates.index(max(one.candidates))]
        assert one.difficulty == float(right)
    assert found.card["teacher"]["scripted"]
    assert "**a scripted teacher: no model looked at these images**" in (tmp_path / "set" / "card.md").read_text()
    assert check(tmp_path / "set").differing == ()


def test_the_teacher_is_asked_what_the_student_is_and_one_block_more(tmp_path: Path) -> None:
    data = write_rows(tmp_path / "data", pairs(1), pictures=2)
    _, model = teach(data, tmp_path / "set", plan=FREE)
    assert "**Nothing is in validation and test: " in (tmp_path / "set" / "card.md").read_text(encoding="utf-8")
    student = [q for q in model.asked if q.schema_name == "comparison" and not block_of(q)]
    anchored = [q for q in model.asked if block_of(q)]
    assert (len(student), len(anchored)) == (1, 2)  # one of two orders is asked without the label
    pictures = student[0].conversation.pictures()
    same = next(q for q in anchored if q.conversation.pictures() == pictures)
    [own], [more] = student[0].conversation.turns, same.conversation.turns
    assert more.parts[:-1] == own.parts
    assert (same.schema, same.conversation.system) == (student[0].schema, student[0].conversation.system)
    assert sorted(block_of(q) for q in anchored) == ["Image 1 is the better one.", "Image 2 is the better one."]


def test_scores_are_mapped_to_ten_and_need_a_scale_that_is_known(tmp_path: Path) -> None:
    rows = [
        {"id": f"r{n}", "prompt": f"fox {n}", "image": f"{n}.png", "score": score}
        for n, score in enumerate((1, 2.5, 5))
    ]
    data = write_rows(tmp_path / "data", rows, pictures=3)
    with pytest.raises(UsageError, match="the scale of 'overall' is not known: give its ends"):
        teach(data, tmp_path / "set", plan=FREE)
    assert not (tmp_path / "set").exists()
    with pytest.raises(UsageError, match="overall is 5, outside of its scale from 1 to 4"):
        teach(data, tmp_path / "set", plan=FREE, scale=(1, 4))
    _, model = teach(data, tmp_path / "set", plan=FREE, scale=(1, 5))
    kept = examples(tmp_path / "set")
    assert [(one.label.score, json.loads(one.completion)["score"]) for one in kept] == [(1, 1), (4.375, 4), (10, 10)]
    assert sorted({block_of(q) for q in model.asked} - {""})[0] == "The score of Image 1 is 1.0 of 10."
    assert to_likert(1, (1, 5), better="lower") == 10


def test_questions_are_distilled_too(tmp_path: Path) -> None:
    questions = [
        {"text": "Is there a fox?", "answer": "yes", "id": "fox"},
        {"text": "Is it red?", "answer": "no", "id": "red"},
    ]
    data = write_rows(
        tmp_path / "data", [{"id": "q", "prompt": "a fox", "image": "0.png", "questions": questions}], pictures=1
    )
    teach(data, tmp_path / "set", plan=FREE)
    [kept] = examples(tmp_path / "set")
    assert (kept.task, kept.label.answers) == ("check", {"fox": "yes", "red": "no"})
    assert json.loads(kept.completion)["checklist"] == {"fox": {"image_1": "yes"}, "red": {"image_1": "no"}}
    assert check(tmp_path / "set").differing == ()


def test_the_tries_stop_at_the_first_that_passes_and_what_was_thrown_out_is_kept_with_its_filter(
    tmp_path: Path,
) -> None:
    def late(told: dict[str, Any], question: Question) -> dict[str, Any]:
        if block_of(question) and question.sample < 2:
            told |= (
                {"preference": "tie"} if question.sample == 0 else {"rationale": "By the ground truth. All in all tie."}
            )
        return told

    data = write_rows(tmp_path / "data", pairs(6), pictures=12)
    found, model = teach(data, tmp_path / "set", script=writer(late), plan=FREE.model_copy(update={"free": 0}))
    kept = examples(tmp_path / "set")
    assert {question.sample for question in model.asked} == {0, 1, 2}
    assert len(model.asked) == 6 * (1 + 1 + 2 + 2)  # wrong; leaky; both orders; both read again
    told = {
        name: [row["came"], row["went"]]
        for row in found.card["filters"]
        if (name := row["filter"]) in ("verdict", "leakage")
    }
    assert told == {"verdict": [18, 12], "leakage": [12, 6]}
    drafted = [[one.sha256 for one in asked.conversation.pictures()] for asked in model.asked if asked.sample == 0]
    # Exported in the order that was drafted first, an example has what was thrown out; in the other order it has not.
    assert [bool(one.rejected) for one in kept] == [list(one.images) in drafted for one in kept]
    assert 0 < sum(bool(one.rejected) for one in kept) < 6
    for one in [one for one in kept if one.rejected]:
        assert [bad.why for bad in one.rejected] == ["verdict"]  # the leaky one stays in the log
        assert json.loads(one.rejected[0].completion)["preference"] == "tie"
        assert one.difficulty is None
    never, _ = teach(data, tmp_path / "none", script=writer(late), plan=FREE.model_copy(update={"tries": 1}))
    assert never.card["lost"] == {"verdict": 6}
    assert examples(tmp_path / "none") == []


def test_the_difficulty_is_the_chance_of_the_right_answer_without_the_label(tmp_path: Path) -> None:
    def unsure(question: Question) -> Any:
        text = writer()(question)
        if block_of(question) or question.schema_name != "comparison":
            return text
        head, _, _ = text.rpartition('"image_') if '"preference": "image_' in text else (text, "", "")
        top = {"image_1": -0.2231436, "image_2": -1.6094379}  # 0.8 and 0.2
        tokens = (Token(text=head + '"', logprob=0.0), Token(text="image_1", logprob=top["image_1"], top=top))
        return Reply(
            text=head + '"image_1"}', finish="stop", usage=Usage(), tokens=(*tokens, Token(text='"}', logprob=0))
        )

    data = write_rows(tmp_path / "data", pairs(8), pictures=16)
    teach(data, tmp_path / "set", script=unsure, plan=FREE.model_copy(update={"without": ("classifier", "swap")}))
    for one in examples(tmp_path / "set"):
        shown_first = "ab"[one.order[0]] == one.label.preferred
        assert one.difficulty == pytest.approx(0.8 if shown_first else 0.2)
        assert [bad.why for bad in one.rejected] == ([] if shown_first else ["verdict"])


def test_the_same_items_with_and_without_tools(tmp_path: Path) -> None:
    data = write_rows(tmp_path / "data", pairs(4), pictures=8)

    def quoting(told: dict[str, Any], question: Question) -> dict[str, Any]:
        first = next((line for line in said_to(question).splitlines() if line.startswith("- E1")), "")
        if first:
            told["citations"] = [{"assessment": "E1", "quote": first.partition(" = ")[2].split(" ")[0]}]
        return told

    plan = Plan(without=("classifier",))
    found, _ = teach(data, tmp_path / "set", script=writer(quoting), tools="sharpness", plan=plan)
    kept = examples(tmp_path / "set")
    assert Counter(one.id.rpartition("/")[2] for one in kept) == {"tools": 4, "free": 4}
    assert found.card["examples"]["items_in_both_variants"] == 4
    for one in kept:
        text = "".join(piece.text for piece in one.pieces)
        assert ("sharpness.detail" in text) == (one.tools == ("sharpness",)) == one.id.endswith("/tools")
    assert found.card["specialists"]["sharpness"]["licence"] == "Apache-2.0"
    assert {one["share"] for one in found.card["positions"].values()} == {0.5}
    assert check(tmp_path / "set").differing == ()  # no specialist runs for it
    bare, _ = teach(data, tmp_path / "bare", plan=plan)
    assert (bare.card["without_evidence"], bare.card["examples"]["by_variant"]) == (4, {"free": 4})


def test_a_component_is_in_one_split_whatever_connects_it() -> None:
    def subject(item: str, prompt: str, *images: str, cluster: str = "") -> Subject:
        from autorater.events import PictureRecord

        told = [
            PictureRecord(sha256=name, media_type="image/png", width=1, height=1, plain=True, size=1) for name in images
        ]
        return Subject(
            item=item, benchmark="b", task="rate", prompt=prompt, cluster=cluster or item, candidates=tuple(told)
        )

    told = [
        subject("1", "A fox.", "x"),
        subject("2", "a fox", "y"),  # the prompt of 1
        subject("3", "a cat", "y"),  # the image of 2
        subject("4", "a dog", "z"),  # looks like x
        subject("5", "a cow", "w", cluster="3"),  # the cluster of 3
        subject("6", "a hen", "v"),
    ]
    found = components(told, {"z": "x"})
    assert found == {"1": "1", "2": "1", "3": "1", "4": "1", "5": "1", "6": "6"}
    many = components([subject(str(n), f"prompt {n // 2}", f"image {n}") for n in range(200)], {})
    places = split(many, Plan(holdout=(0.1, 0.2)))
    assert Counter(places.values()) == {"train": 140, "validation": 20, "test": 40}
    assert all(places[str(n)] == places[str(n + 1)] for n in range(0, 200, 2))
    assert places != split(many, Plan(holdout=(0.1, 0.2), seed=1))


def test_words_that_stand_in_place_of_a_prompt_connect_nothing() -> None:
    assert connected({"2": ["x"], "1": ["x", "y"], "3": ["z"], "4": []}) == {"2": "1", "1": "1", "3": "3", "4": "4"}
    told = [
        Subject(item=item, benchmark="b", task="rate", prompt="a photograph", cluster=cluster)
        for item, cluster in (("1", "x"), ("2", "y"), ("3", "x"))
    ]
    assert components(told, {}) == {"1": "1", "2": "1", "3": "1"}
    assert components(told, {}, shared_prompt=True) == {"1": "1", "2": "2", "3": "1"}


# --- what is refused -------------------------------------------------------------------------------------------------


def named(training: str) -> list[str]:
    return [name for name, one in find_benchmarks().items() if one.meta.training == training]


@pytest.mark.parametrize("name", named("forbidden"))
def test_data_that_may_not_be_trained_on_are_refused_with_the_reason(tmp_path: Path, name: str) -> None:
    note = find_benchmarks()[name].meta.training_note
    with pytest.raises(UsageError, match=f"{name} may not be trained on: ") as told:
        open_source(name, folder=tmp_path, research=True)
    assert note in str(told.value)


@pytest.mark.parametrize("name", named("research"))
def test_data_without_a_licence_are_for_research_and_that_is_to_be_said(tmp_path: Path, name: str) -> None:
    with pytest.raises(UsageError, match=f"{name} may be trained on for research only: ") as told:
        open_source(name, folder=tmp_path)
    assert find_benchmarks()[name].meta.training_note in str(told.value)
    assert "say --research" in str(told.value)
    assert "\n" not in str(told.value)


def test_what_is_for_evaluation_alone_is_not_opened_for_research() -> None:
    assert named("research") == ["biq2021", "evalmi50k"]
    assert {"psr", "mmrb2", "tifa160", "dsg", "edit-judge-12factor", "attributes"} < set(named("forbidden"))


def test_an_unusable_item_is_counted_and_costs_nothing(tmp_path: Path) -> None:
    rows = [*pairs(3), {"id": "gone", "prompt": "x", "image_a": "90.png", "image_b": "0.png", "preferred": "a"}]
    data = write_rows(tmp_path / "data", rows, pictures=6)
    found, _ = teach(data, tmp_path / "set", plan=FREE)
    assert found.card["filters"][0] | {"meaning": ""} == {
        "filter": "usable", "level": "items", "came": 4, "went": 3, "off": False, "meaning": "",
    }  # fmt: skip
    [why] = found.card["unusable"]
    assert "90.png" in why
    assert str(tmp_path) not in json.dumps(found.card)


def test_a_set_whose_rationales_give_the_label_away_is_refused_unless_that_is_allowed(tmp_path: Path) -> None:
    def tell(told: dict[str, Any], question: Question) -> dict[str, Any]:
        told["rationale"] = ("Clearly so: " if block_of(question) else "") + told["rationale"]
        return told

    data = write_rows(tmp_path / "data", pairs(24), pictures=48)
    plan = Plan(variants=("free",))
    refused, _ = teach(data, tmp_path / "set", script=writer(tell), plan=plan)
    assert "a classifier tells rationales written with the label from those without (AUC 0." in refused.stopped
    assert "ask for more answers without the label (--free)" in refused.stopped
    assert refused.card["leakage"]["passed"] is False
    assert "of all free answers, right or wrong" in refused.card["leakage"]["auc"]["note"]  # too few are right
    assert not (tmp_path / "set" / "examples.jsonl").exists()
    allowed = plan.model_copy(update={"allow_leakage": True})
    written, asked = teach(data, tmp_path / "set", script=writer(tell), plan=allowed)
    assert (written.stopped, asked.asked) == ("", [])
    assert "**above the limit, and allowed by --allow-leakage**" in (tmp_path / "set" / "card.md").read_text()


def test_another_plan_goes_on_from_the_same_log_and_other_data_do_not(tmp_path: Path) -> None:
    data = write_rows(tmp_path / "data", pairs(3), pictures=6)
    first, model = teach(data, tmp_path / "set", plan=FREE)
    again, _ = teach(data, tmp_path / "set", plan=FREE, model=replace(model, asked=[]))
    assert again.card == first.card
    assert model.asked
    more, fresh = teach(data, tmp_path / "set", plan=FREE.model_copy(update={"free": 2}))
    assert (more.card["plan"]["free"], len(fresh.asked)) == (2, 3)
    assert check(tmp_path / "set").differing == ()
    rows = pairs(3)
    rows[0]["preferred"] = "tie"
    with pytest.raises(RecordError, match="belongs to a distillation of other data"):
        teach(write_rows(tmp_path / "data", rows), tmp_path / "set", plan=FREE)


def test_a_folder_of_something_else_is_left_alone(tmp_path: Path) -> None:
    data = write_rows(tmp_path / "data", pairs(2), pictures=4)
    done, _ = teach(data, tmp_path / "done", plan=FREE)
    assert done.stopped == ""
    (tmp_path / "done" / "notes.txt").write_text("mine", encoding="utf-8")
    teach(data, tmp_path / "done", plan=FREE)  # a set with a note beside it resumes
    shutil.rmtree(tmp_path / "done" / "log")
    evaluate("jsonl", data, log=tmp_path / "run" / "log", model=ScriptedModel(), tools="none", cache=False)
    (tmp_path / "judged" / "log").mkdir(parents=True)
    shutil.copy(tmp_path / "run" / "log" / "events.jsonl", tmp_path / "judged" / "log")
    (tmp_path / "file").write_text("", encoding="utf-8")
    for name, why in (
        ("data", r"holds 0\.png, 1\.png, 2\.png …, and the distill\.jsonl of a distillation is not in its log/"),
        ("done", r"holds card\.json, card\.md, examples\.jsonl …, and"),  # a set without its log
        ("run", r"holds log/benchmark\.jsonl, log/"),
        ("judged", "holds log/ of another run, and"),
        ("file", "is a file: name a folder"),
    ):
        before = sorted(tmp_path.rglob("*"))
        model = ScriptedModel(writer())
        with pytest.raises(RecordError, match=why) as told:
            teach(data, tmp_path / name, plan=FREE, model=model)
        assert "\n" not in str(told.value)
        assert (model.asked, sorted(tmp_path.rglob("*"))) == ([], before)
    (tmp_path / "begun" / "log" / "blobs").mkdir(parents=True)  # killed before anything was asked
    (tmp_path / "begun" / "log" / "events.jsonl").write_text("", encoding="utf-8")
    assert teach(data, tmp_path / "begun", plan=FREE)[0].card["examples"]["all"] == 2


def test_the_limit_on_money_stops_and_says_how_to_go_on(tmp_path: Path) -> None:
    data = write_rows(tmp_path / "data", pairs(6), pictures=12)
    price: Any = Price(input_per_million=Decimal(10), output_per_million=Decimal(100))
    model = ScriptedModel(writer())  # a call of it is 0.6 cents
    told: dict[str, Any] = {"plan": FREE, "model": model, "price": price, "concurrency": 1}
    stopped, _ = teach(data, tmp_path / "set", max_cost=0.05, **told)
    assert "raise --max-cost and run the same command again to resume" in stopped.stopped
    assert (stopped.card, len(model.asked)) == ({}, 9)
    assert not (tmp_path / "set" / "examples.jsonl").exists()
    with pytest.raises(ReplayMiss):
        check(tmp_path / "set")
    done, _ = teach(data, tmp_path / "set", max_cost=1.0, **told)
    assert done.stopped == ""
    assert done.card["teacher"]["cost"] == pytest.approx(0.006 * len(model.asked))
    assert len(model.asked) == len({q.conversation.turns[-1].parts for q in model.asked}) == 6 * 5  # none twice


def test_a_set_that_was_changed_is_told(tmp_path: Path) -> None:
    data = write_rows(tmp_path / "data", pairs(3), pictures=6)
    teach(data, tmp_path / "set", plan=FREE)
    path = tmp_path / "set" / "examples.jsonl"
    path.write_text(path.read_text(encoding="utf-8").replace("image_1", "image_2", 1), encoding="utf-8")
    gone, changed, *_ = sorted((tmp_path / "set" / "images").iterdir())
    gone.unlink()
    changed.write_bytes(changed.read_bytes() + b"more")
    told = ("examples.jsonl", "1 image missing", "1 image of other bytes")
    assert check(tmp_path / "set").differing == told


def test_a_teacher_is_a_vlm_and_reads_all_assessments(tmp_path: Path) -> None:
    data = write_rows(tmp_path / "data", pairs(1), pictures=2)
    with pytest.raises(UsageError, match="a teacher is told all assessments that apply"):
        teach(data, tmp_path / "set", tools="auto", plan=FREE)
    with pytest.raises((UsageError, MissingExtraError)):
        teach(data, tmp_path / "set", tools="nobody", plan=FREE)
