"""What a user may get wrong or run into: odd labels, odd images, a full disk. None of it costs a call for nothing."""

import json
import resource
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from scripted import ScriptedModel
from teaching import pairs, teach, write_rows, writer

from autorater.errors import RecordError
from autorater_evals.distillation import Plan, check
from autorater_evals.trainset import open_set

FREE = Plan(variants=("free",), without=("classifier",))


def card_of(folder: Path) -> str:
    return (folder / "card.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(("sides", "told"), [("t", "**All of them are 'tie': "), ("a", ""), ("at", "")])
def test_labels_that_are_all_the_same_are_told(tmp_path: Path, sides: str, told: str) -> None:
    data = write_rows(tmp_path / "data", pairs(4, sides=sides), pictures=8)
    teach(data, tmp_path / "set", plan=FREE)
    [line] = [line for line in card_of(tmp_path / "set").splitlines() if line.startswith("- Labels:")]
    assert ("**All of them" in line) == bool(told)
    assert told in line


def test_one_picture_cannot_be_better_than_itself(tmp_path: Path) -> None:
    rows = pairs(3)
    rows[0] |= {"image_b": "0.png"}
    rows[1] |= {"image_b": "2.png", "preferred": "tie"}
    data = write_rows(tmp_path / "data", rows, pictures=6)
    found, _ = teach(data, tmp_path / "set", plan=FREE)
    assert found.card["unusable"] == {"its two images are the same file, and one of them is preferred": 1}
    assert {one.item for one in open_set(tmp_path / "set").examples()} == {"pairs/p1", "pairs/p2"}


def test_a_card_for_people_names_a_few_of_many_missing_images(tmp_path: Path) -> None:
    data = write_rows(tmp_path / "data", pairs(9), pictures=2)
    found, _ = teach(data, tmp_path / "set", plan=FREE)
    assert sum(found.card["unusable"].values()) == 8
    assert "and 3 for other reasons (`card.json` has all)." in card_of(tmp_path / "set")


def with_room(size: int, act: Callable[[], Any]) -> Any:
    """What `act` gives while no file may grow beyond `size` bytes, as on a disk that takes no more."""
    before, ignored = resource.getrlimit(resource.RLIMIT_FSIZE), signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        return act()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, ignored)


@pytest.mark.parametrize("size", [100, 3_000, 6_000, 20_000, 40_000])
def test_a_full_disk_is_told_in_one_line_and_the_same_command_resumes(tmp_path: Path, size: int) -> None:
    data = write_rows(tmp_path / "data", pairs(6), pictures=12)
    model = ScriptedModel(writer())
    with pytest.raises(RecordError) as told:
        with_room(size, lambda: teach(data, tmp_path / "set", plan=FREE, model=model))
    assert "\n" not in str(told.value)
    assert not (tmp_path / "set" / "examples.jsonl").exists()
    assert not list(tmp_path.rglob("*.part"))
    paid = len(model.asked)
    found, _ = teach(data, tmp_path / "set", plan=FREE, model=model)
    assert found.card["examples"]["all"] == 6
    assert len(model.asked) <= 6 * 5 + (8 if paid else 0)  # what was in flight is asked again
    assert check(tmp_path / "set").differing == ()
    assert json.loads((tmp_path / "set" / "card.json").read_text(encoding="utf-8")) == found.card
