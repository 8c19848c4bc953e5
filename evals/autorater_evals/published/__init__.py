"""Published tables, computed again from the files that their authors released."""

from typing import TYPE_CHECKING

from autorater_evals.lazily import lazily

if TYPE_CHECKING:
    from autorater_evals.published.recomputing import recompute
    from autorater_evals.published.row import Row
    from autorater_evals.published.verdicts import parse_verdict_text

__all__ = ["Row", "parse_verdict_text", "recompute"]

__getattr__ = lazily(
    __name__,
    {
        "Row": "row",
        "parse_verdict_text": "verdicts",
        "recompute": "recomputing",
    },
)
