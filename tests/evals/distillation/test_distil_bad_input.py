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
from autorater.model import Question
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


@pytest.mark.parametrize(
    ("count", "holdout", "why"),
    [
        (1, (0.1, 0.1), "validation and test: the items hang together by prompts and images, in one component.**"),
        (
            2,
            (0.1, 0.1),
            "validation and test: the shares 0.1,0.1 are too small for 2 components; say `--holdout 0,0.3`",
        ),
        (3, (0.0, 0.1), "test: the shares 0,0.1 are too small for 3 components; say `--holdout 0,0.2`"),
        (3, (0.34, 0.1), "test: the shares 0.34,0.1 are too small for 3 components; say `--holdout "),
        (3, (0.0, 0.34), ""),
    ],
)
def test_a_split_with_nothing_in_it_is_told_with_its_reason(
    tmp_path: Path, count: int, holdout: tuple[float, float], why: str
) -> None:
    data = write_rows(tmp_path / "data", pairs(count), pictures=2 * count)
    plan = FREE.model_copy(update={"holdout": holdout})
    teach(data, tmp_path / "set", plan=plan)
    [line] = [line for line in card_of(tmp_path / "set").splitlines() if line.startswith("- Splits")]
    assert ("**Nothing is in " in line) == bool(why)
    assert f"**Nothing is in {why}" in line or not why
    if "--holdout " in line:
        first, second = line.partition("--holdout ")[2].partition("`")[0].split(",")
        better = plan.model_copy(update={"holdout": (float(first), float(second))})
        teach(data, tmp_path / "set", plan=better)
        assert "**Nothing is in " not in card_of(tmp_path / "set")


def test_a_split_whose_drafts_all_failed_is_told(tmp_path: Path) -> None:
    data = write_rows(tmp_path / "data", pairs(4), pictures=8)
    plan = FREE.model_copy(update={"holdout": (0.0, 0.3)})
    teach(data, tmp_path / "first", plan=plan)
    held = {one.candidates for one in open_set(tmp_path / "first").examples("test")}

    def spoilt(told: dict[str, Any], question: Question) -> dict[str, Any]:
        shown = {picture.sha256 for picture in question.conversation.pictures()}
        return told | ({"rationale": "By the ground truth."} if any(shown == set(one) for one in held) else {})

    teach(data, tmp_path / "set", plan=plan, script=writer(spoilt))
    assert "**Nothing is in test: of what test got no draft passed every filter.**" in card_of(tmp_path / "set")


def test_the_chance_without_the_label_is_told_in_words(tmp_path: Path) -> None:
    data = write_rows(tmp_path / "data", pairs(4), pictures=8)
    teach(data, tmp_path / "set", plan=FREE)
    card = card_of(tmp_path / "set")
    assert "- Right without the label: chance 0.25 on average of 4 examples (below 0.1: 3, 0.9 to 1: 1).\n" in card
    teach(data, tmp_path / "none", plan=FREE.model_copy(update={"free": 0}))
    assert "- Right without the label: not asked (`--free 0`).\n" in card_of(tmp_path / "none")
