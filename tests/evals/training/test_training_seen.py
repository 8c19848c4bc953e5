"""An evaluation says when a student judges what it was trained on, where its folder tells that."""

import json
import shutil
from pathlib import Path

import pytest
from tiny_sets import pairs, quick, student

from autorater.model import Sampling
from autorater_evals import evaluate, score
from autorater_evals.seen import describe_training, read_training
from autorater_evals.training.training import Running, train


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("seen") / "student"
    train(pairs(), str(student()), out, quick(steps=1), running=Running(device="cpu", evaluate=False))
    return out


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Two pairs that were trained on and one that was held out, as one's own data."""
    examples = {example.item: example for example in (*pairs().examples("train"), *pairs().examples("test"))}
    some = [*list(examples.values())[:2], list(examples.values())[-1]]
    rows = [
        {
            "id": example.item,
            "prompt": f"{example.prompt} (asked anew)",
            "images": [pairs().image(one).name for one in example.candidates],
            "preferred": "a",
        }
        for example in some
    ]
    for image in {image for example in some for image in example.candidates}:
        shutil.copy(pairs().image(image), tmp_path)
    path = tmp_path / "items.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def notes(student: Path, data: Path, log: Path) -> list[str]:
    sampling = Sampling(temperature=0.0, max_output_tokens=8)
    run = evaluate(
        "jsonl", data, log=log, model=f"transformers:{student}", tools="none", order="given", sampling=sampling,
        device="cpu",
    )  # fmt: skip
    return [note for note in score(run).notes if "trained on" in note]


def test_a_student_is_told_to_meet_what_it_was_trained_on(trained: Path, data: Path, tmp_path: Path) -> None:
    assert notes(trained, data, tmp_path / "log") == [
        "transformers:student was trained on pictures or prompts of 2 of 3 items (synthetic): "
        "their figures are not held out"
    ]
    assert str(trained) not in (tmp_path / "log" / "trained_on.json").read_text()


def test_a_folder_that_does_not_tell_is_not_spoken_of(data: Path, tmp_path: Path) -> None:
    assert notes(student(), data, tmp_path / "log") == []


def test_a_student_of_a_student_was_trained_on_both(trained: Path, tmp_path: Path) -> None:
    first = read_training(trained)
    assert first is not None
    both = describe_training("other", ["0" * 64], ["p", " p ", ""], base=first)
    assert set(first.images) < set(both.images)
    assert len(both.images) == len(first.images) + 1
    assert len(both.prompts) == len(first.prompts) + 1
    assert both.source == f"{first.source}, other"
