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


def rows_of(tmp_path: Path, how: Breaking) -> list[Row]:
    """The rows of an exporter that does `how` to its second row."""
    sound = FORMATS["ms-swift"]

    def rows(examples: Any, told: Told) -> Any:
        for number, (example, row) in enumerate(sound.rows(examples, told)):
            if number == 1:
                how(row)
            yield example, row

    train = made(tmp_path / "set", [compare(0, 1, name="sound"), compare(2, 3, name="broken", sources=(4,))])
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
