"""The whole chain by its command, on a handful of real pictures and labels; the teacher is a script and says so."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from tiny_sets import pairs, quick

from autorater_evals.exports import export, read_back, read_rows
from autorater_evals.training.chain import DATA, Chain, main, says_the_same
from autorater_evals.training.evaluating import Asking
from autorater_evals.training.phases import asked_name, first_items
from autorater_evals.training.scripted_teacher import NAME
from autorater_evals.training.tiny import build_student
from autorater_evals.training.weights import digest_of_student

SHARED = Path(__file__).parents[3].parent / "shared" / "data"
real = pytest.mark.skipif(
    not all((SHARED / name).is_dir() for name in DATA.values()), reason="no ../shared/data: real data are not here"
)


@real
def test_real_labels_become_a_student_and_a_report(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "out"
    words = ["--data", str(SHARED), "--out", str(out), "--limit", "12", "--steps", "2"]
    words += ["--max-output-tokens", "8"]  # after two steps no answer makes sense: the shorter the better
    assert main([*words, "--json"]) == 0
    chain = Chain.model_validate_json(capsys.readouterr().out)
    assert "not of a judge" in chain.note
    assert [link.benchmark for link in chain.links] == list(DATA)
    for link in chain.links:
        assert link.teacher == NAME
        assert NAME.startswith("scripted:")
        assert link.checked == ()
        assert all(one.equal for one in link.counts)
        told = {one.what: one.card for one in link.counts}
        assert link.exported == {"trl": told["examples"][0], "llamafactory": told["examples"][0]}
        assert link.training.research is (link.benchmark == "biq2021")
        assert link.training.held_out == told["examples of test"][0] > 0
        for phase in (link.training.before, link.training.after):
            assert phase is not None
            assert [way.tools for way in phase.judged] == [(), ("sharpness", "colour", "exposure")]
    assert json.loads((out / "biq2021" / "set" / "card.json").read_text())["source"]["research"] is True
    page = (out / "report.html").read_text(encoding="utf-8")
    assert "scripted teacher, tiny student: no judge" in page
    assert str(tmp_path) not in page
    before = {path: path.stat().st_mtime_ns for path in out.rglob("model.safetensors")}
    assert main(words) == 0
    again = capsys.readouterr()
    assert "distill check: the same" in again.out
    assert "is trained already (2 steps)" in again.err
    assert before == {path: path.stat().st_mtime_ns for path in out.rglob("model.safetensors")}


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--limit", "20"], "was begun with --limit None, now 20: give the same to go on"),
        (["--limit", "0"], "expected a number from 1 up, got --limit 0"),
        (["--steps", "0"], "expected a number from 1 up, got --steps 0"),
    ],
)
def test_wrong_options_are_told_before_anything_is_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], words: list[str], message: str
) -> None:
    for name in DATA.values():
        (tmp_path / "data" / name).mkdir(parents=True)
    base = ["--data", str(tmp_path / "data"), "--out", str(tmp_path / "out")]
    assert main(base) == 2  # the folders are empty
    kept = sorted(tmp_path.rglob("*"))
    capsys.readouterr()
    assert main([*base, *words]) == 2
    assert message in capsys.readouterr().err
    assert sorted(tmp_path.rglob("*")) == kept


def test_data_that_are_not_there_are_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--data", str(tmp_path / "nowhere"), "--out", str(tmp_path / "out")]) == 2
    assert "nowhere" in capsys.readouterr().err


def test_a_row_with_another_verdict_or_image_is_not_what_its_example_says(tmp_path: Path) -> None:
    out = tmp_path / "out"  # a folder that one is in is not exported to
    export(pairs(), "trl", out, splits=("test",))
    told = [read_back("trl", row, folder=out) for row in read_rows(out, "test")]
    examples = {one.id: one for one in pairs().examples("test")}
    assert all(says_the_same(one, examples[one.id]) for one in told)
    assert len(told) == 6
    one = told[0]
    turned = "b" if one.verdict.preference == "a" else "a"
    assert not says_the_same(
        replace(one, verdict=one.verdict.model_copy(update={"preference": turned})), examples[one.id]
    )
    assert not says_the_same(replace(one, candidates=one.candidates[::-1]), examples[one.id])


def test_a_tiny_student_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    (tmp_path / ".tiny.part").mkdir()
    (tmp_path / ".tiny.part" / "cut").touch()  # as a kill leaves it
    for seed in (0, 1):
        build_student(tmp_path / "tiny", pairs().examples(), seed=seed)
    assert [one.name for one in tmp_path.iterdir()] == ["tiny"]
    build_student(tmp_path / "other", pairs().examples(), seed=1)
    assert digest_of_student(str(tmp_path / "tiny")) == digest_of_student(str(tmp_path / "other"))


def test_what_was_asked_is_named_by_all_that_changes_the_answers() -> None:
    examples, asking = list(pairs().examples("test")), Asking()
    name = asked_name(examples, asking, quick())
    assert name == asked_name(examples, asking, quick(seed=1, max_pixels=1000))  # neither is of the base
    assert name != asked_name(examples, asking, quick(dtype="bfloat16"))
    assert name != asked_name(examples, Asking(max_output_tokens=8), quick())
    assert name != asked_name(first_items(examples, 2), asking, quick())
