"""The counts of a card, made again: by the filters from the log, and by the log's and the set's own lines."""

import json
import shutil
from pathlib import Path

import pytest

from autorater import AutoRater
from autorater.errors import ReplayMiss
from autorater_evals.distillation import Plan, distill, open_source
from autorater_evals.training.recounting import recount
from autorater_evals.training.scripted_teacher import ScriptedTeacher
from autorater_evals.training.teaching import pairs_to_teach
from autorater_evals.trainset import TrainSet, open_set


def rater(log: Path) -> AutoRater:
    return AutoRater(ScriptedTeacher(), tools="none", protocol="autorater-paper", log=log, max_cost=None)


@pytest.fixture(scope="module")
def drafted(tmp_path_factory: pytest.TempPathFactory) -> TrainSet:
    folder = tmp_path_factory.mktemp("recounted")
    _, data = pairs_to_teach(folder, train=6, held_out=1)
    plan = Plan(variants=("free",), tries=2, free=3, holdout=(0.0, 0.3), allow_leakage=True)
    distill(open_source(str(data)), rater, folder / "drafted", plan=plan)
    return open_set(folder / "drafted")


def test_every_count_comes_out_again(drafted: TrainSet) -> None:
    found = {one.what: one for one in recount(drafted)}
    assert all(one.equal for one in found.values())
    # Seven pairs, each drafted in both orders, and asked three times without the label.
    assert found["usable items"].again == (7,)
    assert found["drafts asked for"].again == (14,)
    assert found["answers without the label"].again == (21,)
    assert found["cases that went through all filters"].again == found["examples"].again == (7,)


def copied(drafted: TrainSet, out: Path) -> Path:
    return Path(shutil.copytree(drafted.folder, out / "set"))


def test_a_count_that_the_log_does_not_give_is_told(drafted: TrainSet, tmp_path: Path) -> None:
    folder = copied(drafted, tmp_path)
    card = json.loads((folder / "card.json").read_text())
    [row] = [one for one in card["filters"] if one["filter"] == "swap"]
    row["came"] += 1
    card["splits"]["test"]["examples"] += 1
    (folder / "card.json").write_text(json.dumps(card))
    wrong = [one.what for one in recount(open_set(folder)) if not one.equal]
    assert wrong == ["drafts by swap", "drafts asked for", "examples of test"]


def test_an_example_or_an_answer_that_is_gone_is_told(drafted: TrainSet, tmp_path: Path) -> None:
    folder = copied(drafted, tmp_path)
    lines = (folder / "examples.jsonl").read_text().splitlines(keepends=True)
    (folder / "examples.jsonl").write_text("".join(lines[1:]))
    wrong = {one.what for one in recount(open_set(folder)) if not one.equal}
    assert {"examples", "cases that went through all filters"} <= wrong
    events = (folder / "log" / "events.jsonl").read_text().splitlines(keepends=True)
    answers = [line for line in events if json.loads(line)["kind"] == "asked"]
    (folder / "log" / "events.jsonl").write_text("".join(line for line in events if line != answers[0]))
    with pytest.raises(ReplayMiss):
        recount(open_set(folder))
