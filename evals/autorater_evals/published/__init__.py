"""Published tables, computed again from the files that their authors released."""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from autorater_evals.published.recomputing import recompute
    from autorater_evals.published.row import Row
    from autorater_evals.published.verdicts import parse_verdict_text

__all__ = ["Row", "parse_verdict_text", "recompute"]

_HOME = {"Row": "row", "parse_verdict_text": "verdicts", "recompute": "recomputing"}


def __getattr__(name: str) -> object:
    # The command's module is imported for every --help: what computes is imported when it is first used.
    if name in _HOME:
        return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
