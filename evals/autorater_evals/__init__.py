"""Evaluations of judges against people: benchmarks, statistics, grid search, published tables, reports."""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from autorater_evals.comparing_runs import compare_runs
    from autorater_evals.recorded import open_run
    from autorater_evals.running import evaluate
    from autorater_evals.scoring import score

__all__ = ["compare_runs", "evaluate", "open_run", "score"]

_HOME = {
    "compare_runs": "autorater_evals.comparing_runs",
    "evaluate": "autorater_evals.running",
    "open_run": "autorater_evals.recorded",
    "score": "autorater_evals.scoring",
}


def __getattr__(name: str) -> object:
    # As in `autorater`: a public name is imported when it is first used.
    if name in _HOME:
        return getattr(import_module(_HOME[name]), name)
    raise AttributeError(f"module 'autorater_evals' has no attribute {name!r}")
