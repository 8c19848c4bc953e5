"""Training sets in the formats that trainers read, and the way back from a row to its request and verdict."""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from autorater_evals.exports.exported import Exported, read_export, read_rows
    from autorater_evals.exports.exporting import export
    from autorater_evals.exports.formats import FORMATS
    from autorater_evals.exports.reading import ReadBack, read_back, shown_prompt

__all__ = ["FORMATS", "Exported", "ReadBack", "export", "read_back", "read_export", "read_rows", "shown_prompt"]

_HOME = {
    "FORMATS": "formats",
    "Exported": "exported",
    "ReadBack": "reading",
    "export": "exporting",
    "read_back": "reading",
    "read_export": "exported",
    "read_rows": "exported",
    "shown_prompt": "reading",
}


def __getattr__(name: str) -> object:
    # As in `autorater`: a public name is imported when it is first used, so that `--help` pays for none.
    if name in _HOME:
        return getattr(import_module(f"autorater_evals.exports.{_HOME[name]}"), name)
    raise AttributeError(f"module 'autorater_evals.exports' has no attribute {name!r}")
