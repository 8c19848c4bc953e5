"""Items without a result: counted, excluded from the mean, and bounded as if all had gone wrong or right."""

import numpy as np

from autorater_evals.figure import Figure
from autorater_evals.statistics.resampling import DRAWS, Array, Clusters, cluster_numbers, mean_interval


def mean_figure(
    values: Array,
    *,
    measure: str,
    clusters: Clusters = None,
    unit: str = "clusters",
    worst: float | Array | None = 0.0,
    best: float | Array | None = 1.0,
    held: str = "",
    note: str = "",
    draws: int = DRAWS,
) -> Figure:
    """The mean of `values` (n,), a share when they are 0 or 1; not a number where an item has no result.

    `worst` and `best` are the values that a missing item could have had, one for all or (n,); None: no bounds.
    `clusters`: the cluster of every item, missing ones too; `unit`: what they are, in the plural.
    """
    there = ~np.isnan(values)
    kept = None if clusters is None else cluster_numbers(clusters, n=len(values), kept=there)[0]
    found = values[there]
    interval, remark = mean_interval(found, clusters=kept, unit=unit, held=held, draws=draws)
    return Figure(
        measure=measure,
        value=float(found.mean()) if len(found) else None,
        n=len(found),
        total=len(values),
        interval=interval,
        bounds=None if worst is None or best is None else missing_bounds(values, worst=worst, best=best),
        note=notes(note, remark),
    )


def missing_bounds(
    values: Array, *, worst: float | Array = 0.0, best: float | Array = 1.0
) -> tuple[float, float] | None:
    """The mean of `values` (n,) with `worst`, then with `best` where they are not a number; None when none is missing.

    For an error (Brier score, flip rate) `worst` is the greater one, and the lower bound comes first all the same.
    """
    gone = np.isnan(values)
    if not gone.any():
        return None
    one, other = (float(np.where(gone, filled, values).mean()) for filled in (worst, best))
    return min(one, other), max(one, other)


def undefined(measure: str, *, total: int, note: str) -> Figure:
    """The figure of what cannot be computed, with the reason."""
    return Figure(measure=measure, value=None, n=0, total=total, note=note)


def notes(*parts: str) -> str:
    """The notes that say something, as one."""
    return "; ".join(part for part in parts if part)
