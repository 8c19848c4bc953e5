"""The command: published figures beside recomputed ones, on stdout; what is absent or unusable on stderr."""

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

Data = Annotated[Path, typer.Option("--data", help="The folder with the released files' folders, or one of these.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one list of objects on stdout, and nothing else there.")]


def published(data: Data, as_json: AsJson = False) -> None:
    """Recompute published tables from released per-item files, and print both and the difference."""
    from autorater_evals.published.recomputing import recompute
    from autorater_evals.published.screen import text_of

    rows = recompute(data)
    if as_json:
        sys.stdout.write(json.dumps([row.model_dump(mode="json") for row in rows], indent=1) + "\n")
    else:
        sys.stdout.write(text_of(rows) + "\n")
