"""Where the released files lie, and the channel for what could not be used."""

from collections.abc import Callable
from pathlib import Path

Note = Callable[[str], None]
"""Takes one line on what is absent or was left out."""


def file_in(folder: Path, name: str) -> Path | None:
    """`name` in `folder`, gzipped or not; None when it is not there."""
    for place in (folder / f"{name}.gz", folder / name):
        if place.is_file():
            return place
    return None


def folder_of(data: Path, *, name: str, files: tuple[str, ...]) -> Path | None:
    """The folder `name` in `data`, or `data` itself when it holds one of `files`; None when neither is so."""
    for folder in (data / name, data):
        if any(file_in(folder, file) for file in files):
            return folder
    return None


def counted(note: Note, table: str, what: str, number: int, *, of: int | None = None) -> None:
    """Say how many there are of what was left out, or needs to be known, when there are any."""
    if number:
        note(f"{table}: {what}: {number:,}" + ("" if of is None else f" of {of:,}"))
