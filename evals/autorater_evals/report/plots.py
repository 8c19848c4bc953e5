"""Which plots the report has: each from the evaluations, or with the reason why it was left out."""

from collections.abc import Sequence
from dataclasses import replace

from autorater_evals.report import curves, point_plots, run_plots
from autorater_evals.report.drawing import Plot
from autorater_evals.report.reading import Seen
from autorater_evals.report.scored import Scored
from autorater_evals.report.tables import Table

MOST_RUNS = 6
"""Runs in one plot; more cannot be told apart."""


def make_plots(runs: Sequence[Scored], seen: Sequence[Sequence[Seen]], table: Table) -> tuple[Plot, ...]:
    """Every plot of the report, those without panels with the reason. `seen` are the items of each run."""
    some = runs[:MOST_RUNS]
    plots = (
        run_plots.dimension_figures(some),
        curves.matrices(some),
        curves.reliability(some),
        curves.risk(some),
        point_plots.rating_curve(some, seen[:MOST_RUNS]),
        curves.human_gaps(some),
        curves.positions(some),
        curves.generators(some),
        run_plots.costs(runs, table),
    )
    if len(runs) <= MOST_RUNS:
        return plots
    more = f" The first {MOST_RUNS} of {len(runs)} runs are shown."
    return tuple(replace(plot, caption=plot.caption + more) if plot.panels else plot for plot in plots)
