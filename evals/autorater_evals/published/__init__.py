"""Published tables, computed again from the files that their authors released."""

from autorater_evals.published.recomputing import recompute
from autorater_evals.published.row import Row
from autorater_evals.published.verdicts import parse_verdict_text

__all__ = ["Row", "parse_verdict_text", "recompute"]
