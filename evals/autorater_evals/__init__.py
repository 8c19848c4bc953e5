"""Evaluations of judges against people: benchmarks, statistics, grid search, published tables, reports."""

from typing import TYPE_CHECKING

from autorater_evals.lazily import lazily

if TYPE_CHECKING:
    from autorater_evals.comparing_runs import compare_runs
    from autorater_evals.recorded import open_run
    from autorater_evals.running import evaluate
    from autorater_evals.scoring import score

__all__ = ["compare_runs", "evaluate", "open_run", "score"]

__getattr__ = lazily(
    __name__,
    {
        "compare_runs": "comparing_runs",
        "evaluate": "running",
        "open_run": "recorded",
        "score": "scoring",
    },
)
