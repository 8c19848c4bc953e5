"""Read the labelled pictures of a data set through specialists; what the evaluations of measures share."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from autorater.assessment import Measured
from autorater.errors import UsageError
from autorater.image import Picture, open_picture
from autorater.progress import progress_bar
from autorater.toolbox import BATCH, Toolbox, View


def folder(data: Path, name: str) -> Path:
    """The folder of a data set. Raises UsageError when it is not there."""
    if not (data / name).is_dir():
        raise UsageError(f"{data} has no folder {name}: --data names the folder that holds the data sets")
    return data / name


def rows(path: Path) -> list[dict[str, Any]]:
    """The records of a JSON Lines file."""
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def pictures(root: Path, names: Sequence[str]) -> dict[str, Picture]:
    """Name → opened picture; each is opened once, so that what was computed of it is kept."""
    return {name: open_picture(root / name) for name in sorted(set(names))}


def readings(toolbox: Toolbox, name: str, views: Sequence[View]) -> list[dict[str, float] | None]:
    """The readings of one specialist for each view, by quantity; None where it declined or failed."""
    toolbox.require([name])
    found: list[dict[str, float] | None] = []
    with progress_bar(name, len(views)) as bar:
        for start in range(0, len(views), BATCH):
            futures = [toolbox.submit(name, view) for view in views[start : start + BATCH]]
            for future in futures:
                outcome = future.result()[0]
                values = (
                    {one.quantity: one.value for one in outcome.readings} if isinstance(outcome, Measured) else None
                )
                found.append(values)
                bar.advance()
    return found
