"""What an export wrote and where, in lines for the terminal."""

import json
from collections.abc import Iterator
from pathlib import Path

from autorater_evals.counting import many
from autorater_evals.exports.exported import MANIFEST, Exported
from autorater_evals.exports.shelf import FOLDER

_INFO = "dataset_info.json"


def written(exported: Exported, folder: Path) -> Iterator[str]:
    """The folder, each split with its rows and files, what lies beside them, and the names that a trainer takes."""
    yield f"written to  {folder}"
    named = {MANIFEST}
    for split, rows in exported.rows.items():
        files = sorted(path.name for path in folder.iterdir() if path.name.startswith((f"{split}.", f"{split}-")))
        named |= set(files)
        more = f" to {files[-1]}" if len(files) > 1 else ""
        yield f"{split:12}{many(rows, 'row')}" + (f" in {files[0]}{more}" if files else ": no file")
    if (folder / FOLDER).is_dir():
        yield f"images      {many(sum(1 for _ in (folder / FOLDER).iterdir()), 'file')} in {FOLDER}/"
        named.add(FOLDER)
    if others := sorted(path.name for path in folder.iterdir() if path.name not in named):
        yield f"beside      {', '.join(others)}"
    if exported.format.startswith("llamafactory"):
        names = json.loads((folder / _INFO).read_text(encoding="utf-8"))
        yield f"dataset=    {','.join(names)} (with dataset_dir={folder})"
