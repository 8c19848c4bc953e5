"""WebDataset (tar shards): `{key}.0.jpg`, `{key}.1.jpg`, … and `{key}.json` for each example.

The JSON has TRL's `prompt` and `completion` and, under `images`, the members' names without the key, in order. The
library `webdataset` reads any such samples. The loader of `datasets` takes the members of a shard's first samples for
all, so that it loses images where later samples hold more: give it sets of one task, or compare with the JSON.
"""

from pathlib import PurePath

from autorater_evals.exports.note import COLUMN, holder, note_of, written
from autorater_evals.exports.shelf import Shelf
from autorater_evals.exports.shown import Row, Shown
from autorater_evals.exports.trl import pieces_in, prompt_of, said, text_in
from autorater_evals.trainset import Example


def webdataset_row(example: Example, shelf: Shelf, *, number: int = 0) -> Row:
    """`{"__key__", "0.jpg": bytes, …, "json": object}`; `number` makes the key, in nine digits."""
    suffixes = [PurePath(shelf.ship(sha256).name).suffix for sha256 in example.images]
    names = [f"{place}{suffix}" for place, suffix in enumerate(suffixes)]
    told: Row = {
        "prompt": prompt_of(example),
        "completion": [said("assistant", (example.completion,))],
        "images": names,
        COLUMN: written(note_of(example, changed=shelf.changed(example.images))),
    }
    images = {name: shelf.data(sha256) for name, sha256 in zip(names, example.images, strict=True)}
    return {
        "__key__": f"{number:09d}",
        **images,
        "json": told,
    }


def read_webdataset(row: Row) -> Shown:
    """The training fields of a sample: the JSON as bytes or read, the images by the names that it gives."""
    told = holder(row)
    images = tuple(row.get(name) for name in told["images"])
    return Shown(pieces_in(told["prompt"]), images, text_in(told["completion"]))
