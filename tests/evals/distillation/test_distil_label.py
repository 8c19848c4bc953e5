"""The label is in nothing that is exported, by construction: whatever it is, the student's question is the same."""

import asyncio
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pictures import picture
from scripted import ScriptedModel
from teaching import block_of, said_to, teach, write_rows, writer

from autorater import AutoRater
from autorater.model import Question
from autorater.vlm_judge import VlmJudge
from autorater_evals.distillation import Plan
from autorater_evals.distillation.asking import Teacher
from autorater_evals.distillation.labels import words
from autorater_evals.distillation.plan import Subject
from autorater_evals.trainset import Label, open_set

LABELS = st.one_of(
    st.builds(Label, preferred=st.sampled_from(["a", "b", "tie"]), gap=st.none() | st.floats(-4, 4)),
    st.builds(Label, score=st.floats(1, 10)),
)
MARKER = 6.130975


@pytest.fixture(scope="module")
def ask(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[Label], tuple[Question, Question]]]:
    """The student's question and the teacher's, of one label."""
    model = ScriptedModel(writer())
    rater = AutoRater(model, tools="none", log=tmp_path_factory.mktemp("log"), cache=False)
    assert isinstance(rater.loop.judge, VlmJudge)
    assert rater.log is not None
    teacher = Teacher(rater.loop, rater.loop.judge, rater.log)
    records = tuple(rater.log.keep_picture(picture(number)) for number in range(2))

    def asked(label: Label) -> tuple[Question, Question]:
        two = label.preferred is not None
        fields: dict[str, Any] = {"task": "compare" if two else "rate", "candidates": records[: 1 + two]}
        subject = Subject(item="i", benchmark="b", prompt="a fox", cluster="c", label=label, **fields)
        order = (1, 0) if two else (0,)

        async def both() -> Question:
            await teacher.anchored(subject, "free", order, 0)
            return (await teacher.student(subject, "free", order))[0]

        before = len(model.asked)
        student = asyncio.run(both())
        return student, (model.asked[before:] or model.asked)[-1]

    yield asked
    rater.close()


@settings(max_examples=40)
@given(first=LABELS, second=LABELS)
def test_two_labels_of_one_item_give_one_question(
    ask: Callable[[Label], tuple[Question, Question]], first: Label, second: Label
) -> None:
    (one, _), (other, _) = ask(first), ask(second)
    if (first.preferred is None) == (second.preferred is None):
        assert one == other
    for label, question in ((first, one), (second, other)):
        assert "<<<label" not in said_to(question)
        assert words(label, (1, 0) if label.preferred else (0,)) not in said_to(question)


def test_a_label_that_occurs_nowhere_else_is_in_no_file_of_the_set_but_as_its_label(tmp_path: Path) -> None:
    """A teacher that copies the block into every field it may word is thrown out; nothing of it is exported as good."""

    def copying(told: dict[str, Any], question: Question) -> dict[str, Any]:
        if (block := block_of(question)) and question.sample == 0:
            told["observations"] = {"image_1": f"It says: {block} ({MARKER:.4f})"}
        return told

    rows = [{"id": f"r{n}", "prompt": f"fox {n}", "image": f"{n}.png", "score": MARKER} for n in range(5)]
    data = write_rows(tmp_path / "data", rows, pictures=5)
    plan = Plan(variants=("free",), without=("classifier",))
    found, model = teach(data, tmp_path / "set", script=writer(copying), plan=plan, scale=(1, 10))
    kept = list(open_set(tmp_path / "set").examples())
    assert len(kept) == 5
    assert {row["filter"]: row["came"] - row["went"] for row in found.card["filters"]}["leakage"] == 5
    marks = {mark for question in model.asked for mark in re.findall(r"<<<label (\w+)", said_to(question))}
    assert marks
    for one in kept:
        shown = "\n".join([one.system, one.prompt, one.completion, *(piece.text for piece in one.pieces)])
        for secret in ("6.13", "6.1 ", "careful people said", "<<<label", *marks):
            assert secret not in shown
        for bad in one.rejected:  # what the leaky draft said is in the log alone
            assert (bad.why, "6.1" in bad.completion) == ("verdict", False)
        assert one.label.score == pytest.approx(MARKER, abs=1e-4)
        assert "citations" in json.loads(one.completion)
