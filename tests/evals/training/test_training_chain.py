"""The whole chain by its command, on a handful of real pictures and labels; the teacher is a script and says so."""

import json
from pathlib import Path

import pytest

from autorater_evals.training.chain import DATA, Chain, main
from autorater_evals.training.scripted_teacher import NAME

SHARED = Path(__file__).parents[3].parent / "shared" / "data"
pytestmark = pytest.mark.skipif(
    not all((SHARED / name).is_dir() for name in DATA.values()), reason="no ../shared/data: real data are not here"
)


def test_real_labels_become_a_student_and_a_report(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "out"
    words = ["--data", str(SHARED), "--out", str(out), "--limit", "12", "--steps", "2"]
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


def test_data_that_are_not_there_are_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--data", str(tmp_path / "nowhere"), "--out", str(tmp_path / "out")]) == 2
    assert "nowhere" in capsys.readouterr().err
