"""Which questions lie in which batch of a provider: `batches.jsonl` beside the run log, so that none is paid twice.

Two lines a batch, each synced: its questions before it is sent, and its name as soon as the provider has given it one.
A run that goes on finds its questions here and waits for their batch instead of sending them again. A batch whose name
was never read (the process was killed, the connection lost) is looked for at the provider.
"""

import os
from datetime import UTC, datetime
from pathlib import Path

from autorater.canonical import Record
from autorater.errors import RecordError
from autorater.mailing import Parcel

NAME = "batches.jsonl"


class Sent(Record):
    """One step of one batch: with `lines` its questions, with `batch` its name, with neither it was not taken."""

    batch: str = ""
    """The provider's name for it."""
    parcel: str = ""
    """Our own name for it."""
    model: str
    """`provider:model`."""
    at: str
    """UTC time, ISO 8601."""
    lines: tuple[str, ...] = ()
    """The questions in it: the sha256 of what was sent, sample number included."""


def read_sent(folder: Path, model: str) -> tuple[dict[str, str], list[Parcel]]:
    """Question → the last batch of `model` that holds it, and what was sent without learning the batch's name.

    Raises:
        RecordError: the file cannot be read, or a line other than a torn last one is damaged.

    """
    found: dict[str, str] = {}
    unnamed: dict[str, Parcel] = {}
    *whole, _ = _read(folder).split(b"\n")  # after the last line end stands nothing, or what a killed process wrote
    for number, line in enumerate(whole, 1):
        if not line:
            continue
        try:
            sent = Sent.model_validate_json(line)
            at = datetime.fromisoformat(sent.at)
        except ValueError as error:
            raise RecordError(
                f"{NAME}, line {number} names no batch: the file is damaged there; "
                "move it away and the questions that are not answered yet are sent, and paid, again"
            ) from error
        if sent.model != model:
            continue
        begun = unnamed.pop(sent.parcel, None) if sent.parcel else None
        lines = sent.lines or (begun.lines if begun else ())
        if sent.batch:
            found |= dict.fromkeys(lines, sent.batch)
        elif sent.lines:
            unnamed[sent.parcel] = Parcel(sent.parcel, at, sent.lines)
    return found, list(unnamed.values())


def _read(folder: Path) -> bytes:
    path = folder / NAME
    try:
        return path.read_bytes() if path.exists() else b""
    except OSError as error:
        raise RecordError(f"cannot read {NAME} in {str(folder)!r}: {error.strerror or error}") from error


def write_parcel(folder: Path, model: str, parcel: Parcel) -> None:
    """Note what is about to be sent. Raises RecordError when it cannot be written, and then it must not be sent."""
    at = parcel.at.isoformat(timespec="seconds")
    _write(folder, Sent(parcel=parcel.name, model=model, at=at, lines=parcel.lines), "nothing was sent")


def write_name(folder: Path, model: str, parcel: Parcel, batch: str) -> None:
    """Note what the provider calls the parcel ("": it did not take it). Raises RecordError when it cannot."""
    at = datetime.now(UTC).isoformat(timespec="seconds")
    said = f"the batch {batch} was sent, and the same command finds it again" if batch else "nothing was sent"
    _write(folder, Sent(parcel=parcel.name, batch=batch, model=model, at=at), said)


def _write(folder: Path, sent: Sent, said: str) -> None:
    """Add one line in the place of a torn one; it is on the disk when this returns."""
    path = folder / NAME
    line = sent.model_dump_json(exclude_defaults=True).encode() + b"\n"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        path.touch()
        with path.open("r+b", buffering=0) as file:
            end = file.read().rfind(b"\n") + 1
            file.truncate(end)
            file.seek(end)
            if file.write(line) != len(line):
                raise OSError("the disk took only a part of the line")
            os.fsync(file.fileno())
    except OSError as error:
        raise RecordError(
            f"cannot write {NAME} in {str(folder)!r}: {error.strerror or error}; {said}: "
            "free some space and run the same command again to resume"
        ) from error
