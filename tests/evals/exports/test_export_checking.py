"""An exporter that drops, adds, swaps or rewords something is stopped at the first row, which is named."""

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from exported_sets import compare, made

from autorater.errors import RecordError
from autorater_evals.exports.checking import checked_rows
from autorater_evals.exports.formats import FORMATS, Told
from autorater_evals.exports.shelf import Shelf
from autorater_evals.exports.shown import Row
from autorater_evals.trainset import Label

Breaking = Callable[[Row], None]


def drop_an_image(row: Row) -> None:
    row["images"].pop()


def swap_the_candidates(row: Row) -> None:
    row["images"][-2:] = reversed(row["images"][-2:])


def repeat_an_image(row: Row) -> None:
    row["images"][1] = row["images"][0]


def drop_a_place(row: Row) -> None:
    row["messages"][1]["content"] = row["messages"][1]["content"].replace("<image>", "", 1)


def put_all_images_first(row: Row) -> None:
    text = row["messages"][1]["content"]
    row["messages"][1]["content"] = "<image>" * text.count("<image>") + text.replace("<image>", "")


def reword_the_prompt(row: Row) -> None:
    row["messages"][1]["content"] = row["messages"][1]["content"].replace("red fox", "blue fox")


def cut_the_answer(row: Row) -> None:
    row["messages"][-1]["content"] = row["messages"][-1]["content"][:-1]


def reject_what_nobody_said(row: Row) -> None:
    row["rejected_response"] = row["messages"][-1]["content"]


def reject_the_same_images(row: Row) -> None:
    row["rejected_images"] = row["images"]


def reject_another_image(row: Row) -> None:
    row["rejected_images"] = row["images"][:1] * len(row["images"])


def choose_the_loser(row: Row) -> None:
    row["chosen_image"], row["rejected_image"] = row["rejected_image"], row["chosen_image"]


def drop_the_source(row: Row) -> None:
    row["source_images"] = []


def reword_the_request(row: Row) -> None:
    row["prompt"] = "a blue fox"


def rows_of(tmp_path: Path, how: Breaking, name: str = "ms-swift") -> list[Row]:
    """The rows of an exporter that does `how` to its second row."""
    sound = FORMATS[name]

    def rows(examples: Any, told: Told) -> Any:
        for number, (example, row) in enumerate(sound.rows(examples, told)):
            if number == 1:
                how(row)
            yield example, row

    more: dict[str, Any] = {"label": Label(preferred="a"), "rejected": [{"preference": "image_2"}]}
    examples = [compare(0, 1, name="sound", **more), compare(2, 3, name="broken", sources=(4,), **more)]
    train = made(tmp_path / "set", examples)
    told = Told(Shelf(train, tmp_path, "path"))
    return list(checked_rows(replace(sound, rows=rows), train, "train", told, Counter(), metadata=True))


def test_a_sound_exporter_passes(tmp_path: Path) -> None:
    assert len(rows_of(tmp_path, lambda row: None)) == 2


@pytest.mark.parametrize(
    ("how", "message"),
    [
        (drop_an_image, "3 places for images and 2 images"),
        (drop_a_place, "2 places for images and 3 images"),
        (swap_the_candidates, "the row's images are not the example's, or in another order"),
        (repeat_an_image, "the row's images are not the example's, or in another order"),
        (put_all_images_first, "the row's text is not the example's"),
        (reword_the_prompt, "the row's text is not the example's"),
        (cut_the_answer, "the row's text is not the example's"),
    ],
)
def test_a_broken_exporter_is_stopped_at_the_row(tmp_path: Path, how: Breaking, message: str) -> None:
    with pytest.raises(RecordError, match=f"example broken/01/free: {message}"):
        rows_of(tmp_path, how)


@pytest.mark.parametrize(
    ("name", "how", "message"),
    [
        ("ms-swift-dpo", reject_what_nobody_said, "what the row rejects is no rejected answer"),
        ("ms-swift-image-dpo", reject_the_same_images, "the images it rejects are not its own"),
        ("ms-swift-image-dpo", reject_another_image, "the images it rejects are not its own"),
        ("reward", choose_the_loser, "the row's request or choice is not"),
        ("reward", drop_the_source, "the row's request or choice is not"),
        ("reward", reword_the_request, "the row's request or choice is not"),
    ],
)
def test_a_broken_pair_is_stopped_at_the_row(tmp_path: Path, name: str, how: Breaking, message: str) -> None:
    assert len(rows_of(tmp_path / "sound", lambda row: None, name)) == 2
    with pytest.raises(RecordError, match=f"example broken/01/free: {message}"):
        rows_of(tmp_path / "broken", how, name)
