"""Plots of the figures of whole runs: agreement by dimension, and cost against agreement."""

from collections.abc import Sequence

from autorater_evals.report.curves import counts, make_rows, make_series
from autorater_evals.report.drawing import Panel, Plot, Series
from autorater_evals.report.scored import Scored
from autorater_evals.report.tables import Table, row_name
from autorater_evals.report.wording import measure_words


def dimension_figures(runs: Sequence[Scored]) -> Plot:
    """Each part with several dimensions: the first headline measure of every dimension, a series a run."""
    title, panels = "Agreement by dimension", list[Panel]()
    keys = dict.fromkeys((run.benchmark, run.run.header.title, part) for run in runs for part in run.parts)
    for benchmark, name, part in keys:
        names, measure = _dimensions(runs, benchmark, part)
        if len(names) < 2:
            continue
        series: list[Series] = []
        for place, run in enumerate(runs):
            rows = [
                (names.index(row.dimension), row.figure)
                for row in run.evaluation.rows
                if (row.part, row.slice, row.figure.measure) == (part, "all", measure) and row.dimension in names
            ]
            if run.benchmark == benchmark and any(figure.value is not None for _, figure in rows):
                n = max(figure.n for _, figure in rows)
                places, figures = [at for at, _ in rows], [figure for _, figure in rows]
                series.append(make_rows(run.name, places, figures, colour=place, n=n))
        if series:
            words = tuple(one.replace("_", " ") for one in names)
            panels.append(Panel(f"{name}: {part}", measure.replace("_", " "), "", tuple(series), "rows", words))
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
    title, panels, free = "Cost and agreement", list[Panel](), False
    for benchmark in dict.fromkeys(run.benchmark for run in runs):
        column = next((one for one in table.columns if one.benchmark == benchmark), None)
        series: list[Series] = []
        for place, run in enumerate(runs):
            figure = column and run.evaluation.find(column.measure, part=column.part, dimension=column.dimension)
            profile = run.evaluation.profile
            known = run.benchmark == benchmark and figure is not None and figure.value is not None and profile.items
            if known and figure and profile.cost is not None:
                each, name = 1000 * profile.cost / profile.items, row_name(run)
                made = make_series(name, [each], [figure], colour=place, n=figure.n)
                series.append(Series(name, made.x, made.y, made.low, made.high, [name], place, figure.n))
        if len(series) > 1 and not any(x for one in series for x in one.x):
            free = True
        elif column and len(series) > 1:
            label = measure_words(column.measure).removesuffix(" (%)")
            heading = f"{column.title}: {column.part} {column.dimension}".replace("_", " ")
            panels.append(Panel(heading, "US dollars for 1,000 items", label, tuple(series), "points"))
    if not panels:
        why = "none of the runs cost anything" if free else "it needs two runs of one benchmark whose cost is known"
        return Plot("costs", title, f"left out: {why}.")
    caption = "All calls of models, at list prices; local specialists cost nothing here. 95 % intervals. "
    return Plot("costs", title, caption + counts(panels, "Items"), tuple(panels))
