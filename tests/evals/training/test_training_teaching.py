"""A student as the teacher of the next round: it is opened from its folder, drafts, and the filters look at that."""

import os
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from autorater.errors import UsageError
from autorater.model import open_model
from autorater_evals.training.command import train as command
from autorater_evals.training.drafting import Drawing
from autorater_evals.training.teaching import pairs_to_teach, print_taught, teach_a_student
from autorater_evals.training.tiny import build_student
from autorater_evals.trainset import open_set


@pytest.mark.skipif(
    not os.environ.get("SLOW_PROOFS"),
    reason="two trainings of minutes: SLOW_PROOFS=1, or python -m autorater_evals.training.proof --rounds",
)
def test_a_student_that_has_learnt_to_judge_teaches_the_next(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    taught = teach_a_student(tmp_path)
    passed = {name: (came, went) for name, came, went in taught.filters}
    assert passed["rationale"][1] == taught.rounds.rounds[1].fitted.examples > 100
    figures: list[float] = []
    for training in taught.rounds.rounds:
        assert training.after is not None
        [way] = training.after.judged
        [figure] = [row.figure for row in way.evaluation.rows if row.figure.measure == "accuracy_half"][:1]
        assert figure.value is not None
        figures.append(figure.value)
    assert min(figures) >= 0.9
    print_taught(taught)
    assert "log p(rationale)" in capsys.readouterr().out


def test_a_student_that_has_learnt_nothing_teaches_nothing_and_this_is_said(tmp_path: Path) -> None:
    first, data = pairs_to_teach(tmp_path / "first", train=6, held_out=2)
    base = build_student(tmp_path / "base", first.examples())
    app = typer.Typer()
    app.command()(command)
    words = [str(first.folder), "--student", str(base), "--out", str(tmp_path / "out"), "--device", "cpu", "--full"]
    words += ["--steps", "1", "--batch", "4", "--accumulate", "1", "--max-output-tokens", "16"]
    words += ["--rounds", "2", "--teacher-data", str(data)]
    found = CliRunner().invoke(app, words)
    assert isinstance(found.exception, UsageError)
    assert "no draft of round-1 passed every filter" in str(found.exception)
    drafted = open_set(tmp_path / "out" / "set-2")
    assert drafted.card["teacher"]["name"] == "transformers:round-1"
    assert drafted.card["teacher"]["calls"] > 0
    assert drafted.card["items"] == 6  # what is held out is not drafted


def test_every_question_is_drawn_by_a_seed_of_its_own(tmp_path: Path) -> None:
    """Pictures hardly change what a network of random weights says: with one seed all its answers would be the same."""
    from autorater.image import open_picture
    from autorater.messages import Conversation, Image, Text, Turn
    from autorater.model import Question, Sampling
    from autorater.sync import run_sync

    first, _ = pairs_to_teach(tmp_path / "first", train=4, held_out=1)
    model = open_model(f"transformers:{build_student(tmp_path / 'base', first.examples())}", device="cpu")
    schema: dict[str, Any] = {"type": "object", "properties": {"score": {"type": "integer", "minimum": 0}}}
    schema |= {"required": ["score"], "additionalProperties": False}
    sampling = Sampling(temperature=1.0, seed=0, max_output_tokens=12)

    def answers(asked: Any) -> list[str]:
        pictures = [open_picture(path) for path in list(first.files.values())[:4]]
        parts = [(Image(picture), Text("How bright?")) for picture in pictures]
        questions = [
            Question(Conversation("", (Turn("user", two),)), "score", schema, sampling=sampling) for two in parts
        ]
        return [run_sync(asked.ask(question)).text for question in questions]

    own = answers(Drawing(model))
    assert len(set(own)) == 4
    assert own == answers(Drawing(model))
    assert len(set(answers(model))) < 4


def test_the_first_set_holds_the_teachers_questions_and_its_held_out_pairs_do_not(tmp_path: Path) -> None:
    first, data = pairs_to_teach(tmp_path, train=8, held_out=2)
    kinds = [one.id.rpartition("/")[2] for one in first.examples("train")]
    assert (kinds.count("free"), kinds.count("told"), kinds.count("read")) == (8, 1, 4)
    assert [one.id.rpartition("/")[2] for one in first.examples("test")] == ["free", "free"]
    assert len(data.read_text(encoding="utf-8").splitlines()) == 10
