"""LLaMA-Factory 0.9.5 and ms-swift 4.6.0 (one and the same JSONL): `messages` with `<image>`, and `images`.

Read in llamafactory/data/{converter,mm_plugin}.py and swift/dataset/preprocessor/core.py. LLaMA-Factory finds the
columns in `dataset_info.json` (`dataset_dir` is the export's folder) and joins the paths with `media_dir`, by default
the same folder; it cannot read data URLs. ms-swift needs no description: ROOT_IMAGE_DIR is the export's folder.
"""

from autorater_evals.exports.escaping import escape
from autorater_evals.exports.note import COLUMN, note_of, written
from autorater_evals.exports.shelf import Shelf
from autorater_evals.exports.shown import Row, Shown, flat, merged, pieces_of, unflat
from autorater_evals.trainset import Example

TAGS = {
    "role_tag": "role",
    "content_tag": "content",
    "user_tag": "user",
    "assistant_tag": "assistant",
    "system_tag": "system",
}


def sharegpt_row(example: Example, shelf: Shelf) -> Row:
    """`{"messages", "images", "autorater"}`: system, user and assistant, one `<image>` for every image."""
    return {
        "messages": [*prompt_messages(example), {"role": "assistant", "content": escape(example.completion)}],
        "images": [shelf.reference(sha256) for sha256 in example.images],
        COLUMN: written(note_of(example, changed=shelf.changed(example.images))),
    }


def prompt_messages(example: Example) -> list[Row]:
    """The system's and the user's message, each one text."""
    system = [{"role": "system", "content": escape(example.system)}] if example.system else []
    return [*system, {"role": "user", "content": user_text(example)}]


def user_text(example: Example, *, around: str = "", with_system: bool = False) -> str:
    """The user's turn as one text: the texts escaped, and `<image>` with `around` on both sides for every image."""
    pieces = pieces_of(example, with_system=with_system)
    return flat(merged(piece if piece is None else escape(piece) for piece in pieces), around=around)


def read_sharegpt(row: Row) -> Shown:
    """The training fields of a row of `sharegpt_row`."""
    *_, user, answer = row["messages"]
    return Shown(unflat(user["content"]), tuple(row["images"]), answer["content"])


def dataset_info(name: str, splits: dict[str, int]) -> dict[str, Row]:
    """`dataset_info.json` with an entry `<name>_<split>` for each file."""
    columns = {"messages": "messages", "images": "images"}
    return {
        f"{name}_{split}": {
            "file_name": f"{split}.jsonl",
            "formatting": "sharegpt",
            "columns": columns,
            "tags": TAGS,
        }
        for split in splits
    }
