"""Plots of the figures of whole runs: agreement by dimension, and cost against agreement."""

from collections.abc import Sequence

from autorater_evals.report.drawing import Panel, Plot, Series
from autorater_evals.report.pair_plots import counts, ends
from autorater_evals.report.scored import Scored
from autorater_evals.report.tables import Table, row_name
from autorater_evals.report.wording import measure_words


def dimension_figures(runs: Sequence[Scored]) -> Plot:
    """Each part with several dimensions: the first headline measure of every dimension, a series a run."""
    title, panels = "Agreement by dimension", list[Panel]()
    keys = dict.fromkeys((run.benchmark, run.run.header.title, part) for run in runs for part in run.parts)
    for benchmark, name, part in keys:
        series: list[Series] = []
        names, measure = _dimensions(runs, benchmark, part)
        if len(names) < 2:
            continue
        for place, run in enumerate(runs):
            told = {
                row.dimension: row.figure
                for row in run.evaluation.rows
                if (row.part, row.slice, row.figure.measure) == (part, "all", measure) and row.figure.value is not None
            }
            if run.benchmark == benchmark and told:
                rows = [(at, told[one]) for at, one in enumerate(names) if one in told]
                low, high = zip(*(ends(figure.interval) for _, figure in rows), strict=True)
                values = [figure.value or 0.0 for _, figure in rows]
                n = max(figure.n for _, figure in rows)
                series.append(Series(run.name, values, [at for at, _ in rows], low, high, (), place, n))
        if series:
            words = tuple(one.replace("_", " ") for one in names)
            label = measure.replace("_", " ")
            panels.append(Panel(f"{name}: {part}", label, "", tuple(series), "rows", words))
    if not panels:
        return Plot("dimensions", title, "left out: no part has a headline figure for two or more dimensions.")
    caption = "The benchmark's headline measure with 95 % intervals. " + counts(panels, "Items, at most")
    return Plot("dimensions", title, caption, tuple(panels))


def _dimensions(runs: Sequence[Scored], benchmark: str, part: str) -> tuple[list[str], str]:
    """The dimensions of a part, and the first of its headline measures."""
    rows = [
        row
        for run in runs
        if run.benchmark == benchmark
        for row in run.evaluation.rows
        if row.headline and row.part == part and row.slice == "all" and row.dimension
    ]
    measure = rows[0].figure.measure if rows else ""
    return list(dict.fromkeys(row.dimension for row in rows if row.figure.measure == measure)), measure


def costs(runs: Sequence[Scored], table: Table) -> Plot:
    """Several runs: what a thousand items cost against each benchmark's first headline figure."""
    title, panels = "Cost and agreement", list[Panel]()
    for benchmark in dict.fromkeys(run.benchmark for run in runs):
        some = [run for run in runs if run.benchmark == benchmark]
        column = next((one for one in table.columns if one.benchmark == benchmark), None)
        series: list[Series] = []
        for run in some:
            figure = column and run.evaluation.find(column.measure, part=column.part, dimension=column.dimension)
            profile = run.evaluation.profile
            if figure and figure.value is not None and profile.cost is not None and profile.items:
                low, high = ends(figure.interval)
                each, place = 1000 * profile.cost / profile.items, runs.index(run)
                name = row_name(run)
                series.append(Series(name, [each], [figure.value], [low], [high], [name], place, figure.n))
        if column and len(series) > 1:
            label = measure_words(column.measure).removesuffix(" (%)")
            heading = f"{column.title}: {column.part} {column.dimension}".replace("_", " ")
            panels.append(Panel(heading, "US dollars for 1,000 items", label, tuple(series), "points"))
    if not panels:
        return Plot("costs", title, "left out: it needs two runs of one benchmark whose cost is known.")
    caption = "All calls of models, at list prices; local specialists cost nothing here. 95 % intervals. "
    return Plot("costs", title, caption + counts(panels, "Items"), tuple(panels))
