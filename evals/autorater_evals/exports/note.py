"""What a row says about itself beside its training fields: trainers leave the column `autorater` alone."""

import json
from collections.abc import Mapping
from typing import Any, Literal

from pydantic import ValidationError

from autorater.canonical import Record, canonical_json
from autorater.checklist import Checklist
from autorater.document import describe_errors
from autorater.errors import RecordError
from autorater.request import Task
from autorater_evals.trainset import Example

COLUMN = "autorater"


class Note(Record):
    """What no training field can tell. It names neither labels nor images that are shown, so none can hide here."""

    id: str
    """The example."""
    task: Task
    protocol: str
    order: tuple[int, ...]
    """`order[i]` is the index of the candidate that is shown as image i + 1."""
    questions: Checklist | None = None
    """The request's own questions."""
    changed: dict[str, str] = {}
    """sha256 of an exported image → sha256 of the original, where the two differ (see `Shelf`)."""
    pair: Literal["", "verdict", "rationale", "images"] = ""
    """What is wrong with the rejected side of a pair."""
    why: str = ""
    """The filter that rejected it."""


def note_of(example: Example, **more: Any) -> Note:
    """The note of an example."""
    return Note(
        id=example.id,
        task=example.task,
        protocol=example.protocol,
        order=example.order,
        questions=example.questions,
        **more,
    )


def written(note: Note) -> str:
    """As JSON in one string: one type in every row, whatever the tasks, so that table readers agree on the column."""
    return canonical_json(note.model_dump(mode="json", exclude_defaults=True)).decode()


def holder(row: Mapping[str, Any]) -> Any:
    """Where a row's note is: the row itself, or the JSON of a WebDataset sample, as bytes or read."""
    if "__key__" not in row:
        return row
    told = row.get("json")
    return json.loads(told) if isinstance(told, bytes | str) else told


def read_note(row: Mapping[str, Any]) -> Note:
    """The note of a row. Raises RecordError when it has none."""
    text = holder(row).get(COLUMN)
    if not isinstance(text, str):
        raise RecordError(f"the row has no text {COLUMN!r}: export it again with metadata")
    try:
        return Note.model_validate_json(text)
    except ValidationError as error:
        raise RecordError(f"the row's {COLUMN!r} cannot be read: {describe_errors(error)}") from error
