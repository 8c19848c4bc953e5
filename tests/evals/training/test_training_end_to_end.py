"""One training and several rounds from end to end, by the library and by the command; what is kept, and served."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import typer
from tiny_sets import pairs, quick, student, textures
from typer.testing import CliRunner

from autorater import AutoRater
from autorater.errors import UsageError
from autorater_evals import open_run
from autorater_evals.training.command import train as command
from autorater_evals.training.evaluating import Asking
from autorater_evals.training.rounds import run_rounds
from autorater_evals.training.training import Running, Training, train
from autorater_evals.trainset import TrainSet, write_set

SHORT = Asking(max_output_tokens=24)
HERE = Running(device="cpu", asking=SHORT)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Training]:
    out = tmp_path_factory.mktemp("trained") / "student"
    return out, train(textures(), str(student()), out, quick(steps=2), running=HERE)


def test_a_training_keeps_everything_that_it_says(trained: tuple[Path, Training]) -> None:
    out, found = trained
    text = (out / "training.json").read_text(encoding="utf-8")
    assert Training.model_validate_json(text) == found
    assert str(out.parent) not in text  # no path of this machine
    assert (found.split, found.held_out, found.student) == ("test", 6, "transformers:student")
    assert found.fitted.examples == 12
    for phase in (found.before, found.after):
        assert phase is not None
        assert [(way.protocol, way.tools) for way in phase.judged] == [
            ("autorater-paper", ()),
            ("autorater-paper", ("sharpness",)),
        ]
        assert all(way.evaluation.profile.items == 3 for way in phase.judged)
        assert phase.likelihood.label.n == 6
    assert found.before is not None
    assert found.after is not None
    assert found.before.likelihood != found.after.likelihood


def test_the_specialists_of_the_examples_look_while_they_are_judged(trained: tuple[Path, Training]) -> None:
    _, found = trained
    assert found.after is not None
    free, aware = (way.evaluation.profile for way in found.after.judged)
    assert (free.specialists, aware.specialists) == ({}, {"sharpness": 3})


def test_what_is_judged_shows_the_student_the_text_of_the_example(trained: tuple[Path, Training]) -> None:
    """Training and judging cannot part: the question of the log is the example's, specialists' lines included."""
    from autorater.events import Asked
    from autorater.runlog import RunLog

    out, _ = trained
    (log,) = (out / "evaluation").glob("after-*/autorater-paper-sharpness")
    with RunLog(log) as events:
        asked = [event.request["turns"][0]["parts"] for event in events.events() if isinstance(event, Asked)]
    wanted = [one for one in textures().examples("test") if one.tools]
    for example in wanted:
        parts = [{"image": piece.image} if piece.image else {"text": piece.text} for piece in example.pieces]
        found = [[{k: v for k, v in part.items() if k in ("text", "image")} for part in one] for one in asked]
        assert parts in found


def test_the_student_is_served_at_once_and_its_runs_replay(trained: tuple[Path, Training]) -> None:
    from autorater_evals.running import replayed

    out, _ = trained
    with AutoRater(f"transformers:{out}", device="cpu", protocol="autorater-paper", tools="none", cache=False) as judge:
        example = next(textures().examples("test"))
        judgment = judge.rate(textures().image(example.candidates[0]), prompt=example.prompt)
    assert judgment.judged_by.model == "transformers:student"
    run = open_run(next((out / "evaluation").glob("after-*/autorater-paper-free")))
    judgments, differing = replayed(run)
    assert (len(judgments), differing) == (3, [])


def test_a_finished_training_is_not_done_again(trained: tuple[Path, Training]) -> None:
    out, found = trained
    again = train(
        textures(),
        str(student()),
        out,
        quick(steps=2),
        running=Running(device="cpu", asking=SHORT),
    )
    assert again == found


def test_nothing_held_out_is_said_before_the_training(tmp_path: Path) -> None:
    examples = list(pairs().examples("train"))
    images = {sha256: ("image/png", path.read_bytes()) for sha256, path in pairs().files.items()}
    alone = write_set(tmp_path / "set", examples, images, {}, described="")
    with pytest.raises(UsageError, match="the set has no held-out example"):
        train(alone, str(student()), tmp_path / "out", quick(), running=HERE)
    found = train(alone, str(student()), tmp_path / "out", quick(steps=1), running=Running("cpu", evaluate=False))
    assert found.before is found.after is None
    with pytest.raises(UsageError, match="expected cpu, cuda or mps"):
        train(alone, str(student()), tmp_path / "two", quick(), running=Running("cuda:1", evaluate=False))


def test_the_student_of_a_round_drafts_the_set_of_the_next(tmp_path: Path) -> None:
    teachers: list[str] = []

    def draft(items: Any, teacher: str, /, *, out: Path) -> TrainSet:
        teachers.append(teacher)
        assert items == "the items"
        images = {sha256: ("image/png", path.read_bytes()) for sha256, path in pairs().files.items()}
        # It drafts all items anew, those that are held out too: these must not be trained on.
        told = [
            one.model_copy(update={"teacher": teacher.rpartition("/")[2], "split": "train"})
            for one in pairs().examples()
        ]
        return write_set(out, told, images, {}, described="")

    found = run_rounds(
        pairs(), "the items", draft, str(student()), tmp_path / "out", quick(steps=2), rounds=2, running=HERE
    )
    assert teachers == [f"transformers:{tmp_path / 'out' / 'round-1'}"]
    one, two = found.rounds
    assert (one.fitted.examples, one.fitted.left_out) == (12, 0)
    assert (two.fitted.examples, two.fitted.left_out) == (12, 6)
    assert one.before == two.before  # the base, on the same held-out examples
    for training in found.rounds:
        assert training.after is not None
        assert training.after.likelihood.rationale.n == training.after.likelihood.label.n == 6
    assert json.loads((tmp_path / "out" / "rounds.json").read_text())["rounds"][1]["held_out"] == 6
    # Another student in the place of the first would be taken for the one whose answers are recorded.
    shutil.rmtree(tmp_path / "out" / "round-1")
    with pytest.raises(UsageError, match=r"'set-2' in 'out' was drafted by a student that 'round-1' does not hold"):
        run_rounds(
            pairs(), "the items", draft, str(student()), tmp_path / "out", quick(steps=1), rounds=2, running=HERE
        )
    with pytest.raises(UsageError, match="at least 1 round, got 0"):
        run_rounds(pairs(), "the items", draft, str(student()), tmp_path / "none", rounds=0)


def run(*arguments: object) -> Any:
    app = typer.Typer()
    app.command()(command)
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def test_the_command_prints_what_it_did(tmp_path: Path) -> None:
    told = [pairs().folder, "--student", student(), "--out", tmp_path / "out", "--device", "cpu", "--limit", 2]
    told += ["--steps", 1, "--batch", 4, "--accumulate", 1, "--rank", 2, "--max-output-tokens", 24]
    found = run(*told)
    assert found.exit_code == 0, found.output
    assert "method=lora" in found.stderr
    for setting in ("steps=1 ", "dtype=float32", "checkpointing=False", "save_every=epoch", "alpha=4", "device=cpu"):
        assert setting in found.stderr
    assert "epochs=" not in found.stderr  # not in force
    assert "held-out items=2 at most  max_output_tokens=24" in found.stderr
    assert "12 examples, 1 step, " in found.stdout
    assert "log_likelihood_label" in found.stdout
    assert "accuracy_half" in found.stdout
    assert "2 unparsable" in found.stdout
    again = run(*told, "--json")
    kept = json.loads(again.stdout)
    assert (kept["held_out"], kept["limit"], kept["max_output_tokens"], kept["device"]) == (2, 2, 24, "cpu")
    assert run(*told, "--max-output-tokens", 8, "--json").exit_code == 0  # asked anew, not trained anew
    other = run(pairs().folder, "--student", student(), "--out", pairs().folder, "--device", "cpu")
    assert "holds card.json, card.md, examples.jsonl, of something else" in str(other.exception)
    refused = run(*told, "--seed", 1)
    assert isinstance(refused.exception, UsageError)
    assert "begun with another seed (0, now 1)" in str(refused.exception)
    alone = run(*told, "--rounds", 2)
    assert "--rounds needs --teacher-data" in str(alone.exception)
