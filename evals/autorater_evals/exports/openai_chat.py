"""OpenAI-style chat (JSONL): `messages` whose user content is a list of texts and `image_url` parts.

The shape that Together, Fireworks and others take; OpenAI's guide says that its own fine-tuning is closed to new users.
Services differ in whether they take a key that they do not know: `metadata=False` leaves `autorater` out.
"""

from typing import Any

from autorater_evals.exports.escaping import escape
from autorater_evals.exports.note import COLUMN, note_of, written
from autorater_evals.exports.shelf import Shelf
from autorater_evals.exports.shown import Row, Shown, merged, pieces_of
from autorater_evals.trainset import Example


def openai_row(example: Example, shelf: Shelf) -> Row:
    """`{"messages", "autorater"}`; images only in the user's turn."""
    images = iter(example.images)

    def part(piece: str | None) -> dict[str, Any]:
        if piece is None:
            return {"type": "image_url", "image_url": {"url": shelf.reference(next(images))}}
        return {"type": "text", "text": escape(piece)}

    system = [{"role": "system", "content": escape(example.system)}] if example.system else []
    user = {"role": "user", "content": [part(piece) for piece in pieces_of(example)]}
    return {
        "messages": [*system, user, {"role": "assistant", "content": escape(example.completion)}],
        COLUMN: written(note_of(example, changed=shelf.changed(example.images))),
    }


def read_openai(row: Row) -> Shown:
    """The training fields of a row of `openai_row`."""
    *_, user, answer = row["messages"]
    parts: list[Row] = user["content"]
    images = tuple(part["image_url"]["url"] for part in parts if part["type"] == "image_url")
    pieces = merged(part["text"] if part["type"] == "text" else None for part in parts)
    return Shown(pieces, images, answer["content"])
