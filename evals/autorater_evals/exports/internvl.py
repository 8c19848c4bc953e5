"""InternVL's own trainer (JSONL and a meta file): conversations with `<image>`, and every image's width and height.

From its documentation (internvl.readthedocs.io, chat data format): one image as `image`, `width`, `height`; several as
a list with `width_list` and `height_list`; the answer under `value`. It has no system role that all its templates read,
so the system text begins the first turn. Paths in the meta file count from the export's folder: start the trainer
there.
"""

from autorater_evals.exports.escaping import escape
from autorater_evals.exports.note import COLUMN, note_of, written
from autorater_evals.exports.sharegpt import user_text
from autorater_evals.exports.shelf import FOLDER, HASH, Shelf
from autorater_evals.exports.shown import Row, Shown, unflat
from autorater_evals.trainset import Example

AROUND = "\n"


def internvl_row(example: Example, shelf: Shelf, *, number: int = 0) -> Row:
    """`{"id", "image", sizes, "conversations", "autorater"}`; `number` is the row's, from 0."""
    shipped = [shelf.ship(sha256) for sha256 in example.images]
    images = [shelf.reference(sha256, inside="") for sha256 in example.images]
    widths, heights = [one.width for one in shipped], [one.height for one in shipped]
    one = {"image": images[0], "width": widths[0], "height": heights[0]} if len(images) == 1 else None
    return {
        "id": number,
        **(one or {"image": images, "width_list": widths, "height_list": heights}),
        "conversations": conversation(example),
        COLUMN: written(note_of(example, changed=shelf.changed(example.images))),
    }


def conversation(example: Example) -> list[Row]:
    """The user's turn with the system text before it, and the answer, with LLaVA's names of the roles."""
    return [
        {"from": "human", "value": user_text(example, around=AROUND, with_system=True)},
        {"from": "gpt", "value": escape(example.completion)},
    ]


def read_internvl(row: Row) -> Shown:
    """The training fields of a row of `internvl_row`, and of `llava_row`, which has the same ones."""
    user, answer = row["conversations"]
    image = row.get("image", [])
    images = [image] if isinstance(image, str) else image
    references = [one if one.startswith(HASH) else f"{FOLDER}/{one}" for one in images]
    return Shown(unflat(user["value"], around=AROUND), tuple(references), answer["value"])


def internvl_meta(name: str, split: str, rows: int) -> dict[str, Row]:
    """The meta file of one split, with the trainer's own defaults for `data_augment` and `max_dynamic_patch`."""
    entry: Row = {
        "root": FOLDER,
        "annotation": f"{split}.jsonl",
        "data_augment": False,
        "max_dynamic_patch": 12,
        "repeat_time": 1,
        "length": rows,
    }
    return {f"{name}_{split}": entry}
