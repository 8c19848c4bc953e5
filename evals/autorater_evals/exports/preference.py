"""DPO and ORPO pairs, in the forms of TRL, LLaMA-Factory, ms-swift and InternVL's MPO.

Both sides answer the same prompt. `ms-swift-image-dpo` is the other way round: one answer, and images under which it is
right (`images`) or wrong (`rejected_images`), which are the same two candidates with their places changed.
"""

from collections import Counter
from typing import Any

from autorater_evals.exports.escaping import escape
from autorater_evals.exports.internvl import AROUND
from autorater_evals.exports.note import COLUMN, note_of, written
from autorater_evals.exports.pairs import Pair, is_right, verdict_of
from autorater_evals.exports.sharegpt import prompt_messages, read_sharegpt, sharegpt_row, user_text
from autorater_evals.exports.shelf import FOLDER, HASH, Shelf
from autorater_evals.exports.shown import Row, Shown, unflat
from autorater_evals.exports.trl import image_cell, pieces_in, prompt_of, said, text_in
from autorater_evals.trainset import Example


def trl_pair(example: Example, pair: Pair, shelf: Shelf) -> Row:
    """`{"prompt", "chosen", "rejected", "images", "autorater"}` of TRL's DPOTrainer (parquet)."""
    return {
        "prompt": prompt_of(example),
        "chosen": [said("assistant", (example.completion,))],
        "rejected": [said("assistant", (pair.rejected,))],
        "images": [image_cell(sha256, shelf) for sha256 in example.images],
        COLUMN: _note(example, pair, shelf),
    }


def read_trl_pair(row: Row) -> Shown:
    """The training fields of a row of `trl_pair`."""
    return Shown(pieces_in(row["prompt"]), tuple(row["images"]), text_in(row["chosen"]), text_in(row["rejected"]))


def llamafactory_pair(example: Example, pair: Pair, shelf: Shelf) -> Row:
    """`{"conversations", "chosen", "rejected", "images", "autorater"}` with LLaMA-Factory's default tags (JSONL)."""
    names = {"system": "system", "user": "human"}
    turns = [{"from": names[turn["role"]], "value": turn["content"]} for turn in prompt_messages(example)]
    return {
        "conversations": turns,
        "chosen": {"from": "gpt", "value": escape(example.completion)},
        "rejected": {"from": "gpt", "value": escape(pair.rejected)},
        "images": [shelf.reference(sha256) for sha256 in example.images],
        COLUMN: _note(example, pair, shelf),
    }


def read_llamafactory_pair(row: Row) -> Shown:
    """The training fields of a row of `llamafactory_pair`."""
    user = row["conversations"][-1]["value"]
    return Shown(unflat(user), tuple(row["images"]), row["chosen"]["value"], row["rejected"]["value"])


def pair_info(name: str, splits: dict[str, int]) -> dict[str, Row]:
    """LLaMA-Factory's `dataset_info.json` for pairs."""
    columns = {"messages": "conversations", "chosen": "chosen", "rejected": "rejected", "images": "images"}
    return {
        f"{name}_{split}": {
            "file_name": f"{split}.jsonl",
            "formatting": "sharegpt",
            "ranking": True,
            "columns": columns,
        }
        for split in splits
    }


def swift_pair(example: Example, pair: Pair, shelf: Shelf) -> Row:
    """The row of `sharegpt_row` and ms-swift's `rejected_response` (JSONL)."""
    row = sharegpt_row(example, shelf)
    return {**row, "rejected_response": escape(pair.rejected), COLUMN: _note(example, pair, shelf)}


def read_swift_pair(row: Row) -> Shown:
    """The training fields of a row of `swift_pair`."""
    shown = read_sharegpt(row)
    return Shown(shown.pieces, shown.images, shown.completion, row["rejected_response"])


def internvl_pair(example: Example, pair: Pair, shelf: Shelf) -> Row:
    """`{"image", "question", "chosen", "rejected", "autorater"}` as in MMPR, InternVL's data for MPO (JSONL)."""
    images = [shelf.reference(sha256, inside="") for sha256 in example.images]
    return {
        "image": images[0] if len(images) == 1 else images,
        "question": user_text(example, around=AROUND, with_system=True),
        "chosen": escape(example.completion),
        "rejected": escape(pair.rejected),
        COLUMN: _note(example, pair, shelf),
    }


def read_internvl_pair(row: Row) -> Shown:
    """The training fields of a row of `internvl_pair`."""
    images = [row["image"]] if isinstance(row["image"], str) else row["image"]
    references = tuple(one if one.startswith(HASH) else f"{FOLDER}/{one}" for one in images)
    return Shown(unflat(row["question"], around=AROUND), references, row["chosen"], row["rejected"])


def swift_image_pair(example: Example, shelf: Shelf, skipped: Counter[str]) -> Row | None:
    """The row of `sharegpt_row` and `rejected_images`, the candidates in each other's places (JSONL); None without one.

    Only of a decided comparison, and only where no specialist's words or drawings tell which image is which.
    """
    sources, shown = len(example.sources), list(example.images)
    reason = ""
    if example.task != "compare":
        reason = "examples that are no comparison"
    elif example.tools or len(shown) != sources + 2:
        reason = "examples that show specialists' findings, which belong to one order of the images"
    elif (verdict := verdict_of(example, example.completion)).preference == "tie":
        reason = "ties, which hold in both orders"
    elif not is_right(verdict, example, verdict):
        reason = "examples whose own verdict is not people's"
    elif example.candidates[0] == example.candidates[1]:
        reason = "examples whose two images are one"
    if reason:
        skipped[reason] += 1
        return None
    swapped = [*shown[:sources], shown[sources + 1], shown[sources]]
    note = note_of(example, changed=shelf.changed(example.images), pair="images")
    row = sharegpt_row(example, shelf)
    return {**row, "rejected_images": [shelf.reference(sha256) for sha256 in swapped], COLUMN: written(note)}


def read_swift_image_pair(row: Row) -> Shown:
    """The training fields of a row of `swift_image_pair`."""
    shown = read_sharegpt(row)
    rejected: list[Any] = row["rejected_images"]
    return Shown(shown.pieces, shown.images, shown.completion, rejected_images=tuple(rejected))


def _note(example: Example, pair: Pair, shelf: Shelf) -> str:
    note = note_of(example, changed=shelf.changed(example.images), pair=pair.kind, why=pair.why)
    return written(note)
