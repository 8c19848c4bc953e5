"""A student as the teacher of the next round: it is opened from its folder, drafts, and the filters look at that."""

import os
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from autorater.errors import UsageError
from autorater_evals.training.command import train as command
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


def test_the_first_set_holds_the_teachers_questions_and_its_held_out_pairs_do_not(tmp_path: Path) -> None:
    first, data = pairs_to_teach(tmp_path, train=8, held_out=2)
    kinds = [one.id.rpartition("/")[2] for one in first.examples("train")]
    assert (kinds.count("free"), kinds.count("told"), kinds.count("read")) == (8, 1, 4)
    assert [one.id.rpartition("/")[2] for one in first.examples("test")] == ["free", "free"]
    assert len(data.read_text(encoding="utf-8").splitlines()) == 10
