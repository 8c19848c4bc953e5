"""Pairs: what is wrong with the losing side, which images lose, and what people preferred."""

import json
from pathlib import Path
from typing import Any

import pytest
from exported_sets import all_back, check, compare, drawing, made, rate
from judging import HASH

from autorater.errors import RecordError
from autorater_evals.exports import FORMATS, export, read_back, read_rows
from autorater_evals.trainset import Example, Label

YES, NO = {"image_1": "yes"}, {"image_1": "no"}
B = Label(preferred="b")
DPO = [name for name, found in FORMATS.items() if found.pairs]


def kinds(tmp_path: Path, *examples: Example, **options: Any) -> list[str]:
    """The kind of every pair of a set, and the filter that rejected its losing side."""
    export(made(tmp_path / "set", examples), "ms-swift-dpo", tmp_path / "out", **options)
    return [json.loads(row["autorater"])["pair"] for row in read_rows(tmp_path / "out", "train")]


@pytest.mark.parametrize(
    ("example", "kind"),
    [
        (compare(0, 1, rejected=[{"preference": "image_2"}]), "verdict"),
        (compare(0, 1, rejected=[{"preference": "tie"}]), "verdict"),
        (compare(0, 1, rejected=[{"rationale": "worse words"}]), "rationale"),
        (compare(0, 1, order=(1, 0), rejected=[{"preference": "image_2"}]), "verdict"),
        (
            compare(0, 1, preference="image_2", label=B, rejected=[{"preference": "image_1"}]),
            "verdict",
        ),
        (rate(0, score=7, rejected=[{"score": 9}]), "verdict"),
        (rate(0, score=7, rejected=[{"score": 8}]), "rationale"),
        (rate(0, score=7, label=Label(score=6.4), rejected=[{"score": 8}]), "verdict"),
        (rate(0, score=7, label=Label(score=7.5), rejected=[{"score": 8}]), "rationale"),
        (check(0, rejected=[{"rationale": "worse words"}]), "rationale"),
        (check(0, rejected=[{"checklist": dict.fromkeys(("fox", "red", "odd"), NO)}]), "verdict"),
        (
            check(
                0,
                label=Label(answers={"fox": "yes"}),
                rejected=[{"checklist": {"fox": YES, "red": NO, "odd": NO}}],
            ),
            "rationale",
        ),
    ],
)
def test_what_is_wrong_with_the_rejected_side(tmp_path: Path, example: Example, kind: str) -> None:
    assert kinds(tmp_path, example) == [kind]


def test_one_kind_alone_and_what_makes_no_pair_is_counted(tmp_path: Path) -> None:
    wrong: dict[str, Any] = {"preference": "image_2"}
    both = compare(0, 1, rejected=[wrong, {"rationale": "worse"}, wrong, {}, "not json"])
    train = made(tmp_path / "set", [both, compare(2, 3, name="none")])
    exported = export(train, "trl-dpo", tmp_path / "out", pairs=("verdict",))
    assert exported.rows["train"] == 1
    assert exported.skipped == {
        "examples without a rejected answer": 1,
        "pairs of the kind rationale, which was not asked for": 1,
        "rejected answers that are no verdict": 1,
        "rejected answers that stand there already": 2,
    }


@pytest.mark.parametrize("name", DPO)
def test_both_sides_answer_one_prompt(tmp_path: Path, name: str) -> None:
    example = compare(0, 1, order=(1, 0), rejected=[{"preference": "image_2", "rationale": "Image 2, as <image> says"}])
    export(made(tmp_path / "set", [example]), name, tmp_path / "out")
    (back,) = all_back(tmp_path / "out", name)
    assert back.verdict.preference == "b"  # image 1 is b in this order
    assert back.rejected is not None
    assert back.rejected.preference == "a"
    assert back.rejected.rationale == "image a, as <image> says"
    assert back.candidates == (HASH["a"], HASH["b"])


def test_a_chosen_side_that_is_no_verdict_is_refused_by_name(tmp_path: Path) -> None:
    odd = compare(0, 1, name="odd").model_copy(update={"completion": "image_1"})
    with pytest.raises(RecordError, match="example odd/01/free: its completion is no verdict"):
        export(made(tmp_path / "set", [odd]), "trl-dpo", tmp_path / "out")


def test_a_kept_answer_that_people_contradict_wins_over_nothing(tmp_path: Path) -> None:
    right: dict[str, Any] = {"preference": "image_2"}
    examples = [
        compare(0, 1, name="wrong", label=B, rejected=[right]),
        rate(0, name="far", score=7, label=Label(score=3), rejected=[{"score": 3}]),
        compare(0, 1, name="right", label=B, rejected=[{"preference": "image_1"}], **right),
    ]
    train = made(tmp_path / "set", examples)
    exported = export(train, "trl-dpo", tmp_path / "out")
    assert (exported.rows["train"], exported.skipped) == (1, {"examples whose own verdict is not people's": 2})
    exported = export(train, "ms-swift-image-dpo", tmp_path / "images")
    assert exported.rows["train"] == exported.skipped["examples whose own verdict is not people's"] == 1


def test_image_preference_changes_the_candidates_places_and_nothing_else(tmp_path: Path) -> None:
    examples = [
        compare(0, 1, name="kept", order=(1, 0), sources=(2, 3)),
        compare(0, 1, name="tie", preference="tie"),
        compare(0, 0, name="same"),
        compare(0, 1, name="tools", lines=["E1 Image 1: 3"]),
        compare(0, 1, name="drawn", drawings=[drawing(5, "a")]),
        rate(0),
    ]
    exported = export(made(tmp_path / "set", examples), "ms-swift-image-dpo", tmp_path / "out")
    assert exported.rows["train"] == 1
    assert sorted(exported.skipped.values()) == [1, 1, 1, 2]
    (row,) = read_rows(tmp_path / "out", "train")
    assert row["rejected_images"] == [row["images"][place] for place in (0, 1, 3, 2)]
    back = read_back("ms-swift-image-dpo", row, folder=tmp_path / "out")
    assert back.candidates == (HASH["a"], HASH["b"])
    assert back.rejected_candidates == (HASH["b"], HASH["a"])
    assert back.verdict.preference == "b"
    row["rejected_images"].pop()
    with pytest.raises(RecordError, match="4 places for images and 3 images"):
        read_back("ms-swift-image-dpo", row, folder=tmp_path / "out")


def test_reward_pairs_are_what_people_preferred_once_for_each_item(tmp_path: Path) -> None:
    examples = [
        compare(0, 1, name="first", label=Label(preferred="b", gap=-1.5)),
        compare(0, 1, name="first", order=(1, 0), label=Label(preferred="b", gap=-1.5)),
        compare(0, 1, name="first", lines=["E1 Image 1: 3"], label=Label(preferred="b", gap=-1.5)),
        compare(2, 3, name="edit <image>", prompt="turn it <image>", sources=(0, 1), label=Label(preferred="a")),
        compare(2, 3, name="tie", label=Label(preferred="tie")),
        compare(2, 3, name="unknown"),
        rate(0),
    ]
    exported = export(made(tmp_path / "set", examples), "reward", tmp_path / "out")
    assert exported.skipped == {
        "comparisons that people did not decide": 2,
        "examples that are no comparison": 1,
        "other orders and variants of an item": 2,
    }
    first, edit = read_rows(tmp_path / "out", "train")
    assert first["chosen_image"] == f"images/{HASH['b']}.png"
    assert first["rejected_image"] == f"images/{HASH['a']}.png"
    assert (first["margin"], first["source_images"], first["prompt"]) == (1.5, [], "a red fox")
    assert (edit["margin"], len(edit["source_images"]), edit["prompt"]) == (None, 2, "turn it <image>")
    one, other = all_back(tmp_path / "out", "reward")
    assert (one.candidates, one.verdict.preference) == ((HASH["a"], HASH["b"]), "b")
    assert (other.candidates, other.sources) == ((HASH["c"], HASH["d"]), (HASH["a"], HASH["b"]))
    assert other.verdict.preference == "a"


@pytest.mark.parametrize("mode", FORMATS["reward"].modes)
def test_reward_pairs_by_every_mode(tmp_path: Path, mode: Any) -> None:
    example = compare(0, 1, sources=(2,), label=Label(preferred="b"))
    export(made(tmp_path / "set", [example]), "reward", tmp_path / "out", images=mode)
    (back,) = all_back(tmp_path / "out", "reward")
    assert (back.candidates, back.sources) == ((HASH["a"], HASH["b"]), (HASH["c"],))
