"""LLaVA (one JSON list): `id`, `image` and `conversations`; `--image_folder` is `images` in the export's folder.

From docs/Finetune_Custom_Data.md of haotian-liu/LLaVA: one image in LLaVA-1.5, whose loader moves `<image>` to the
front; several, as a list, in LLaVA-OneVision. There is no system role, so the system text begins the first turn.
"""

from autorater_evals.exports.internvl import conversation
from autorater_evals.exports.note import COLUMN, note_of, written
from autorater_evals.exports.shelf import Shelf
from autorater_evals.exports.shown import Row
from autorater_evals.trainset import Example


def llava_row(example: Example, shelf: Shelf) -> Row:
    """`{"id", "image", "conversations", "autorater"}`; `image` is a list when there are several."""
    images = [shelf.reference(sha256, inside="") for sha256 in example.images]
    return {
        "id": example.id,
        "image": images[0] if len(images) == 1 else images,
        "conversations": conversation(example),
        COLUMN: written(note_of(example, changed=shelf.changed(example.images))),
    }
