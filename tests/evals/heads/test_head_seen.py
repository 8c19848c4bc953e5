"""An evaluation says when a head judges what it was trained on, and says it of nothing else."""

import json
import shutil
from pathlib import Path

import pytest
from command import run
from head_trials import train

from autorater.canonical import digest
from autorater.errors import RecordError
from autorater_evals import evaluate, score
from autorater_evals.comparing_runs import compare_runs
from autorater_evals.evaluation import Evaluation
from autorater_evals.grid.baselines import score_baselines
from autorater_evals.heads.data import SplitTold, read_data
from autorater_evals.heads.planted import plant_opinions, plant_pairs
from autorater_evals.heads.settings import Settings
from autorater_evals.heads.writing import card_of
from autorater_evals.recorded import open_run
from autorater_evals.seen import Fit, describe_training, write_training
from autorater_tools._reward_form import read_form


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


def test_held_out_items_that_the_base_was_trained_on_are_told(tmp_path: Path, base: Path) -> None:
    """The base may be a student, or hold an earlier head's data: what is held out from the head it may have seen."""
    data = plant_pairs(tmp_path / "data", 20)
    own = tmp_path / "student"
    shutil.copytree(base, own)
    (one,) = train(tmp_path / "first", data, own, loss="bt", lora=False, epochs=1).perspectives
    assert one.seen_by_base == 0
    images = [digest((tmp_path / "data" / f"{place}a.png").read_bytes()) for place in range(10)]
    write_training(own, describe_training("jsonl", images, ["thing number 10", "Another thing"]))
    result = train(tmp_path / "second", data, own, loss="bt", lora=False, epochs=1)
    split = SplitTold.model_validate_json((tmp_path / "second" / "head" / "split.json").read_bytes())
    met = sum(int(item.rpartition(" ")[2]) <= 10 for item in split.held_out)
    (one,) = result.perspectives
    assert 0 < met == one.seen_by_base < one.held_out == 6
    form = read_form(tmp_path / "second" / "head" / "head")
    assert f"6 examples that were held out (its base was trained on pictures or prompts of {met} of them" in (
        form.perspectives[0].told
    )
    assert f"**The base was trained on pictures or prompts of {met} of the held-out examples**" in card_of(result)


def test_the_source_of_an_edit_is_a_picture_too(tmp_path: Path) -> None:
    plant_pairs(tmp_path / "data", 3)
    (row, *_) = (tmp_path / "data" / "items.jsonl").read_text().splitlines()
    edit = {**json.loads(row), "source": "2a.png", "prompt": "make it darker"}
    (tmp_path / "data" / "items.jsonl").write_text(json.dumps(edit) + "\n")
    run = evaluate("jsonl", tmp_path / "data" / "items.jsonl", log=tmp_path / "log", criterion="sharpness.detail",
                   tools="sharpness", cache=False)  # fmt: skip
    (judgment,) = run.judgments()
    source, other = (digest((tmp_path / "data" / name).read_bytes()) for name in ("2a.png", "1a.png"))
    assert judgment.sources == (source,)
    assert Fit.of(describe_training("mine", [source], [])).has(judgment)
    assert not Fit.of(describe_training("mine", [other], ["something else"])).has(judgment)
