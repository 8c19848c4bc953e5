"""Paper 001's ablation: where a specialist measures what pixels hide, training and judging with it wins."""

import os
from pathlib import Path

import pytest
from tiny_sets import pairs, quick, student, textures

from autorater.errors import UsageError
from autorater_evals.training.ablation import PAPER, ablate, main, print_ablation, synthetic_ablation
from autorater_evals.training.evaluating import Asking
from autorater_evals.training.synthetic import texture_set
from autorater_evals.training.training import Running, Training


@pytest.mark.skipif(
    not os.environ.get("SLOW_PROOFS"),
    reason="three trainings of a minute: SLOW_PROOFS=1, or python -m autorater_evals.training.ablation",
)
def test_with_specialists_beats_without(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = synthetic_ablation(tmp_path)
    values = {row.name: row.figure.value for row in found.rows}
    assert list(values) == list(PAPER)
    assert [row.figure.measure for row in found.rows] == ["pearson"] * 6
    full = found.rows[0].figure
    assert full.interval is not None
    for row in found.rows[1:]:
        assert row.figure.interval is None or row.figure.interval.high < full.interval.low
    assert full.value is not None
    assert full.value > 0.8
    print_ablation(found)
    told = capsys.readouterr().out
    assert "infer w/ tools" in told
    assert "0.8533" in told


def test_no_picture_that_is_held_out_is_among_those_trained_on(tmp_path: Path) -> None:
    """Neither the students' nor the base's, which is taught by pictures of another seed."""
    both = texture_set(tmp_path / "both", train=64, held_out=24, seed=0)
    visible = texture_set(tmp_path / "visible", train=64, held_out=0, seed=1, hidden=False)
    held = {image for one in both.examples("test") for image in one.candidates}
    trained = {image for one in (*both.examples("train"), *visible.examples()) for image in one.candidates}
    assert (len(held), len(trained), len(held & trained)) == (24, 2 * 64, 0)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--settings", "{"], "--settings: expected JSON"),
        (["--settings", "[1]"], "--settings: expected JSON"),
        (["--settings", '{"steps": 0}'], "steps"),
        ([], "no training set at"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(
    words: list[str], told: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--set", str(tmp_path / "nowhere"), "--student", "any", *words]) in (1, 2)
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("ablation: ")
    assert told in line


def test_the_rows_are_those_of_the_paper(tmp_path: Path) -> None:
    """By two steps nothing is learnt; which student is judged in which way is told all the same."""
    running = Running("cpu", asking=Asking(max_output_tokens=24))
    found = ablate(textures(), str(student()), tmp_path, quick(steps=2), running=running)
    told = {row.name: (row.tuned, row.tuned_with_tools, row.judged_with_tools) for row in found.rows}
    assert told == {
        "Full": (True, True, True),
        "1": (True, True, False),
        "2": (True, False, True),
        "3": (True, False, False),
        "4": (False, False, True),
        "5": (False, False, False),
    }
    assert all(row.figure.total == 3 for row in found.rows)
    for variant, others in (("with", False), ("without", True)):
        trained = Training.model_validate_json((tmp_path / variant / "training.json").read_text())
        assert (trained.settings.variant, trained.fitted.examples) == (variant, 6)
        assert trained.after is not None
        free, aware = trained.after.judged
        assert (free.evaluation.profile.specialists, aware.evaluation.profile.specialists) == ({}, {"sharpness": 3})
        row = found.rows[3 if others else 0]
        way = free if others else aware
        assert row.figure in [one.figure for one in way.evaluation.rows] or row.figure.value is None


def test_a_set_without_both_variants_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="the set has no example with assessments in its split train"):
        ablate(pairs(), str(student()), tmp_path, quick(), running=Running("cpu"))
