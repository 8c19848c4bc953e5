"""TRL 1.16 (parquet): `prompt` and `completion` in content parts, and `images` that fill the places in order.

Read in trl/data_utils.py: with content as a list of parts the images stand where the text names them; with content as
one string TRL would put all of them before the text. `prompt` and `completion` mask the prompt, `messages` would not.
Train with `max_length=None`: a cut inside image tokens is an error. Other columns are left alone.
"""

from importlib import import_module
from typing import Any

from autorater_evals.exports.escaping import escape
from autorater_evals.exports.note import COLUMN, note_of, written
from autorater_evals.exports.shelf import Shelf
from autorater_evals.exports.shown import Pieces, Row, Shown, merged, pieces_of
from autorater_evals.trainset import Example


def trl_row(example: Example, shelf: Shelf) -> Row:
    """`{"prompt", "completion", "images", "autorater"}` of TRL's SFTTrainer."""
    return {
        "prompt": prompt_of(example),
        "completion": [said("assistant", (example.completion,))],
        "images": [image_cell(sha256, shelf) for sha256 in example.images],
        COLUMN: written(note_of(example, changed=shelf.changed(example.images))),
    }


def prompt_of(example: Example) -> list[Row]:
    """The system's and the user's message in content parts."""
    system = [said("system", (example.system,))] if example.system else []
    return [*system, said("user", pieces_of(example))]


def said(role: str, pieces: Pieces) -> Row:
    """One message in content parts; an image's part has a null text, since a column has one type."""
    parts = [
        {"type": "image", "text": None} if piece is None else {"type": "text", "text": escape(piece)}
        for piece in pieces
    ]
    return {"role": role, "content": parts}


def image_cell(sha256: str, shelf: Shelf) -> Any:
    """A cell of a `datasets.Image` column, or the hash in words."""
    if shelf.mode == "hash":
        return shelf.reference(sha256)
    name = shelf.ship(sha256).name
    if shelf.mode == "path":
        return {"bytes": None, "path": shelf.reference(sha256)}
    return {"bytes": shelf.data(sha256), "path": name}


def read_trl(row: Row) -> Shown:
    """The training fields of a row of `trl_row`."""
    return Shown(pieces_in(row["prompt"]), tuple(row["images"]), text_in(row["completion"]))


def pieces_in(messages: list[Row]) -> Pieces:
    """The pieces of the user's message."""
    content: list[Row] = messages[-1]["content"]
    return merged(None if part["type"] == "image" else part["text"] for part in content)


def text_in(messages: list[Row]) -> str:
    """The text of an answer."""
    return "".join(piece or "" for piece in pieces_in(messages))


def trl_features(*answers: str, mode: str, metadata: bool) -> Any:
    """The `datasets.Features` of a table whose answers stand in the columns `answers`."""
    datasets: Any = import_module("datasets")
    texts: Any = datasets.Value("string")
    message: Any = {"role": texts, "content": datasets.List({"type": texts, "text": texts})}
    image: Any = texts if mode == "hash" else datasets.Image()
    messages: Any = {name: datasets.List(message) for name in ("prompt", *answers)}
    note: Any = {COLUMN: texts} if metadata else {}
    return datasets.Features({**messages, "images": datasets.List(image), **note})
