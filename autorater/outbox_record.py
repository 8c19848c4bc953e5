"""Which questions lie in which batch of a provider: `batches.jsonl` beside the run log, so that none is paid twice.

One line a batch, written and synced as soon as the provider has named it. A run that goes on finds its questions here
and waits for their batch instead of sending them again.
"""

import os
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

from pydantic import ValidationError

from autorater.canonical import Record
from autorater.errors import RecordError

NAME = "batches.jsonl"


class Sent(Record):
    """One batch that a provider has taken."""

    batch: str
    """The provider's name for it."""
    model: str
    """`provider:model`."""
    at: str
    """UTC time, ISO 8601."""
    lines: tuple[str, ...]
    """The questions in it: the sha256 of what was sent, sample number included."""


def read_sent(folder: Path, model: str) -> dict[str, str]:
    """Question → the last batch of `model` that holds it; empty when nothing was sent.

    Raises:
        RecordError: the file cannot be read, or a line other than a torn last one is damaged.

    """
    path = folder / NAME
    try:
        content = path.read_bytes() if path.exists() else b""
    except OSError as error:
        raise RecordError(f"cannot read {path.name} in {str(folder)!r}: {error.strerror or error}") from error
    found: dict[str, str] = {}
    *whole, torn = content.split(b"\n")
    for number, line in enumerate([*whole, torn], 1):
        if not line:
            continue
        try:
            sent = Sent.model_validate_json(line)
        except ValidationError as error:
            if line is torn:
                continue  # the process was killed while writing it
            raise RecordError(
                f"{NAME}, line {number} names no batch: the file is damaged there; "
                "move it away and the questions that are not answered yet are sent, and paid, again"
            ) from error
        if sent.model == model:
            found |= dict.fromkeys(sent.lines, sent.batch)
    return found


def write_sent(folder: Path, model: str, batch: str, lines: Iterable[str]) -> None:
    """Add one batch; it is on the disk when this returns. Raises RecordError when it cannot be written."""
    sent = Sent(batch=batch, model=model, at=datetime.now(UTC).isoformat(timespec="seconds"), lines=tuple(lines))
    path = folder / NAME
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with path.open("ab") as file:
            begun = file.tell() and path.read_bytes()[-1:] != b"\n"  # after a torn line
            file.write((b"\n" if begun else b"") + sent.model_dump_json().encode() + b"\n")
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise RecordError(
            f"cannot write {NAME} in {str(folder)!r}: {error.strerror or error}; the batch {batch} was sent and its "
            "answers would be paid twice: free some space"
        ) from error
