"""Training sets in the formats that trainers read, and the way back from a row to its request and verdict."""

from typing import TYPE_CHECKING

from autorater_evals.lazily import lazily

if TYPE_CHECKING:
    from autorater_evals.exports.exported import Exported, read_export, read_rows
    from autorater_evals.exports.exporting import export
    from autorater_evals.exports.formats import FORMATS
    from autorater_evals.exports.reading import ReadBack, read_back, shown_prompt

__all__ = ["FORMATS", "Exported", "ReadBack", "export", "read_back", "read_export", "read_rows", "shown_prompt"]

__getattr__ = lazily(
    __name__,
    {
        "FORMATS": "formats",
        "Exported": "exported",
        "ReadBack": "reading",
        "export": "exporting",
        "read_back": "reading",
        "read_export": "exported",
        "read_rows": "exported",
        "shown_prompt": "reading",
    },
)
