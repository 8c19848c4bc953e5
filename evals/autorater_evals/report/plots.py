"""Which plots the report has: each from what was seen of the items, or with the reason why it was left out."""

from collections.abc import Sequence
from dataclasses import replace

from autorater_evals.report import pair_plots, point_plots, run_plots
from autorater_evals.report.drawing import Plot
from autorater_evals.report.reading import Seen
from autorater_evals.report.scored import Scored
from autorater_evals.report.tables import Table

MOST_RUNS = 6
"""Runs in one plot; more cannot be told apart."""


def make_plots(runs: Sequence[Scored], seen: Sequence[Sequence[Seen]], table: Table) -> tuple[Plot, ...]:
    """Every plot of the report, those without panels with the reason. `seen` are the items of each run."""
    shown = list(zip(runs, seen, strict=True))[:MOST_RUNS]
    plots = (
        pair_plots.reliability(shown),
        point_plots.rating_curve(shown),
        run_plots.dimension_figures(runs[:MOST_RUNS]),
        point_plots.matrices(shown),
        pair_plots.human_gaps(shown),
        pair_plots.positions(shown),
        pair_plots.generators(shown),
        run_plots.costs(runs, table),
    )
    if len(runs) <= MOST_RUNS:
        return plots
    more = f" The first {MOST_RUNS} of {len(runs)} runs are shown."
    return tuple(replace(plot, caption=plot.caption + more) if plot.panels else plot for plot in plots)
