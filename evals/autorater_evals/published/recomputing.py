"""All tables that a folder of released files allows."""

import sys
from collections.abc import Callable
from pathlib import Path

from autorater.errors import UsageError, one_line
from autorater_evals.published import counts, genai_bench, tifa, viescore, words
from autorater_evals.published.folders import Note, folder_of
from autorater_evals.published.row import Row

TABLES: tuple[tuple[str, tuple[str, ...], Callable[[Path, Note], list[Row]]], ...] = (
    (viescore.FOLDER, viescore.FILES, viescore.rows),
    (genai_bench.FOLDER, genai_bench.FILES, genai_bench.rows),
    (tifa.FOLDER, tifa.FILES, tifa.metric_rows),
    (tifa.FOLDER, tifa.FILES, tifa.dsg_rows),
    (words.FOLDER, words.FILES, words.rows),
    (counts.FOLDER, counts.FILES, counts.rows),
)
"""Folder, files and what reads them, in the order of the tables."""


def recompute(data: Path, *, note: Note | None = None) -> list[Row]:
    """Every published figure that the files in `data` allow, with a 95 % interval.

    `data` holds the folders viescore-per-item, genai-bench-votes, tifa160-and-dsg, agiqa3k-labels and
    other-preference-labels, or is one of them. What is absent or cannot be used is told to `note` (stderr when None),
    a line each. The same files always give the same figures.

    Raises:
        UsageError: `data` is no folder, none of the files is there, or a line of a file is not as documented.

    """
    note = note or _tell
    if not data.is_dir():
        raise UsageError(f"expected a folder of released files, got {str(data)!r}: check the path")
    found: list[Row] = []
    absent: dict[str, None] = {}
    for name, files, rows in TABLES:
        folder = folder_of(data, name=name, files=files)
        if folder is None:
            absent[name] = None
        else:
            found += rows(folder, note)
    if not found:
        names = ", ".join(dict.fromkeys(name for name, _, _ in TABLES))
        raise UsageError(f"expected one of the folders {names} with released files in {str(data)!r}, found none")
    for name in absent:
        note(f"{name}: not in the data folder, so its figures are left out")
    return found


def _tell(line: str) -> None:
    sys.stderr.write(f"{one_line(line)}\n")
