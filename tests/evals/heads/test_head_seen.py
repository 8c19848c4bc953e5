"""An evaluation says when a head judges what it was trained on, and says it of nothing else."""

from pathlib import Path

import pytest
from command import run
from head_trials import train

from autorater.errors import RecordError
from autorater_evals import evaluate, score
from autorater_evals.comparing_runs import compare_runs
from autorater_evals.evaluation import Evaluation
from autorater_evals.grid.baselines import score_baselines
from autorater_evals.heads.data import read_data
from autorater_evals.heads.planted import plant_opinions, plant_pairs
from autorater_evals.heads.settings import Settings
from autorater_evals.recorded import open_run


@pytest.fixture
def pulled(tmp_path: Path, base: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A head that was trained on 14 of 20 pairs, in the store of weights."""
    train(tmp_path, plant_pairs(tmp_path / "data", 20), base, loss="bt", lora=False, epochs=1)
    monkeypatch.setenv("AUTORATER_WEIGHTS", str(tmp_path / "store"))
    found = run("tools", "pull", "reward_head", "--from", tmp_path / "head")
    assert found.status == 0, found.err
    return tmp_path / "store" / "reward_head" / "head"


def judged(data: Path, log: Path, *, criterion: str = "reward_head.score") -> Evaluation:
    tools = "none" if criterion == "overall" else criterion.partition(".")[0]
    return score(evaluate("jsonl", data / "items.jsonl", log=log, criterion=criterion, tools=tools, cache=False))


def told(evaluation: Evaluation) -> list[str]:
    return [note for note in evaluation.notes if "trained on" in note]


@pytest.mark.parametrize("criterion", ["reward_head.score", "reward_preference.preference"])
def test_a_head_is_told_to_meet_what_it_was_trained_on(tmp_path: Path, pulled: Path, criterion: str) -> None:
    found = judged(tmp_path / "data", tmp_path / "log", criterion=criterion)
    name = criterion.partition(".")[0]
    assert told(found) == [
        f"{name} was trained on pictures or prompts of 14 of 20 items (jsonl): their figures are not held out"
    ]
    (fresh,) = (row for row in found.rows if row.slice == "not in the fit" and row.figure.measure == "accuracy_half")
    assert fresh.figure.n == 6
    (pulled / "trained_on.json").unlink()
    again = open_run(tmp_path / "log")
    assert told(score(again)) == told(found), "the run tells it without the weights"
    assert any("was fitted on pictures or prompts of 14 items" in note for note in compare_runs(again, again).notes)
    assert f"{name} was trained on pictures or prompts of 14 of 20 items: its figures are not held out" in (
        score_baselines(again).notes
    )


def test_of_other_data_and_other_judges_nothing_is_said(tmp_path: Path, pulled: Path) -> None:
    assert pulled.is_dir()
    plant_pairs(tmp_path / "others", 6, seed=5)
    rows = (tmp_path / "others" / "items.jsonl").read_text().replace("thing number", "something else,")
    (tmp_path / "others" / "items.jsonl").write_text(rows)
    assert told(judged(tmp_path / "others", tmp_path / "log")) == []
    assert told(judged(tmp_path / "data", tmp_path / "log 2", criterion="sharpness.detail")) == []


def test_where_the_weights_do_not_say_it_nothing_is_said(tmp_path: Path, pulled: Path) -> None:
    (pulled / "trained_on.json").unlink()
    assert told(judged(tmp_path / "data", tmp_path / "log")) == []
    assert not (tmp_path / "log" / "trained_on.json").exists()


def test_a_damaged_note_is_told(tmp_path: Path, pulled: Path) -> None:
    assert pulled.is_dir()
    judged(tmp_path / "data", tmp_path / "log")
    (tmp_path / "log" / "trained_on.json").write_text("{")
    with pytest.raises(RecordError, match=r"trained_on\.json of 'log' is damaged"):
        score(open_run(tmp_path / "log"))


def test_only_what_gave_an_example_was_trained_on(tmp_path: Path) -> None:
    """Ties and pictures without a label were not trained on."""
    file = plant_opinions(tmp_path, 8)
    settings = Settings(loss="l1")
    data = read_data(str(file), folder=None, settings=settings)
    train_part, held = data.labelled("overall", settings)
    told_of = data.split(train_part.examples[:2])
    assert (len(told_of.trained_on.images), len(told_of.trained_on.prompts)) == (2, 2)
    assert len(told_of.held_out) == len(held.examples)
