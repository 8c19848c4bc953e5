"""Training sets in the formats that trainers read, and the way back from a row to its request and verdict."""

from autorater_evals.exports.exported import Exported, read_export, read_rows
from autorater_evals.exports.exporting import export
from autorater_evals.exports.formats import FORMATS
from autorater_evals.exports.reading import ReadBack, read_back, shown_prompt

__all__ = ["FORMATS", "Exported", "ReadBack", "export", "read_back", "read_export", "read_rows", "shown_prompt"]
