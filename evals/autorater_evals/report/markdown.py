"""The report as Markdown for a paper: the tables and notes of the page, with its plots as files beside it.

Plots are written as SVG, which GitHub shows, and as PDF, which LaTeX takes; both are vectors, so no PNG is needed.
"""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from autorater.errors import RecordError
from autorater_evals.figure import Figure
from autorater_evals.printing import star
from autorater_evals.report.drawing import Plot, pdf_file, svg_file
from autorater_evals.report.scored import Scored
from autorater_evals.report.tables import Line, Table, main_table, shared_notes
from autorater_evals.report.wording import cost_text, interval_text, measure_words, number, outcomes_text, plain_line

_SPECIAL = re.compile(r"([\\`*_{}\[\]()#+\-!|~$@:])")


def write_markdown(path: str | Path, runs: Sequence[Scored], plots: Sequence[Plot], *, title: str) -> tuple[str, ...]:
    """Write the report to `path` and its plots to the folder `NAME-figures` beside it; return their relative paths.

    Raises:
        RecordError: a file cannot be written.

    """
    target = Path(path)
    folder = target.with_name(f"{target.stem}-figures")
    drawn = [plot for plot in plots if plot.panels]
    try:
        if drawn:
            folder.mkdir(exist_ok=True)
        for plot in drawn:
            (folder / f"{plot.name}.svg").write_bytes(svg_file(plot))
            (folder / f"{plot.name}.pdf").write_bytes(pdf_file(plot))
        text = "\n".join(_lines(runs, plots, folder=folder.name, title=title))
        target.write_text(text + "\n", encoding="utf-8", newline="\n")
    except OSError as error:
        raise RecordError(
            f"cannot write the report {target.name!r} to the folder {str(target.parent)!r}: "
            f"{error.strerror or error}; choose a folder that exists and has room"
        ) from error
    return tuple(f"{folder.name}/{plot.name}.{kind}" for plot in drawn for kind in ("svg", "pdf"))


def escape(text: object) -> str:
    """A text of others as one line of Markdown that shows it as it is: no markup, no cell border, no HTML."""
    line = plain_line(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return _SPECIAL.sub(r"\\\1", line)


def _lines(runs: Sequence[Scored], plots: Sequence[Plot], *, folder: str, title: str) -> Iterator[str]:
    yield f"# {escape(title)}"
    yield from ("", "## Agreement with people", "")
    yield (
        "Shares in percent, correlations from −1 to 1; in brackets the 95 % interval; n is the items with a result and "
        "a label (of all). Items without a result are left out and counted."
    )
    yield ""
    table = main_table(runs)
    yield from _main(table)
    yield ""
    if any(figure and star(figure) for line in table.own for figure in line.cells):
        yield "- \\* Resampled over fewer than 20 prompts: the interval is too narrow."
    if table.best:
        yield (
            "- **Bold** and *italic*: highest and second highest of our own runs, of 20 items or more and with an "
            "interval; that is no test of a difference."
        )
    if table.foreign:
        yield "- † As published, by others and on their data and settings; not measured here."
    for note, names in shared_notes(runs).items():
        who = f" ({escape('; '.join(names))})" if len(runs) > 1 else ""
        yield f"- {escape(note)}{who}"
    yield from ("", "## Runs", "")
    yield from _runs(runs)
    yield from ("", "## Plots")
    for plot in plots:
        yield from _plot(plot, folder)
    yield from ("", "## All figures")
    for run in runs:
        yield from _figures(run)


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _main(table: Table) -> Iterator[str]:
    yield _row(["Judge", *(f"{escape(column.title)}: {escape(column.words)}" for column in table.columns)])
    yield _row(["---", *("---:" for _ in table.columns)])
    for place, line in enumerate(table.own):
        yield _row([escape(line.name), *_cells(table, line, place)])
    for line in table.foreign:
        yield _row([f"{escape(line.name)} †", *_cells(table, line, -1)])


def _cells(table: Table, line: Line, place: int) -> Iterator[str]:
    for at, (column, figure) in enumerate(zip(table.columns, line.cells, strict=True)):
        if figure is None:
            yield "–"
            continue
        mark = "**" if table.best.get(at) == place else "*" if table.second.get(at) == place else ""
        yield f"{mark}{number(figure.value, column.measure)}{mark}{_stands_on(figure)}"


def _stands_on(figure: Figure) -> str:
    if not figure.total:
        return ""
    interval = f" \\[{interval_text(figure).replace(' to ', ', ')}\\]" if figure.interval else ""
    interval += "\\*" if star(figure) else ""
    of = f" of {figure.total:,}" if figure.total != figure.n else ""
    return f"{interval}, n {figure.n:,}{of}"


def _runs(runs: Sequence[Scored]) -> Iterator[str]:
    heads = ("Judge", "Benchmark", "Items", "Outcomes", "Model calls", "Assessments", "Cost", "Settings", "Data")
    yield _row(heads)
    yield _row(["---", "---", "---:", "---", "---:", "---:", "---:", "---", "---"])
    for run in runs:
        told = run.evaluation
        numbers = (f"{told.profile.calls:,}", f"{told.profile.assessments:,}", escape(cost_text(told.profile.cost)))
        digests = (f"`{told.settings[:12]}`", f"`{told.data[:12]}`")
        named = (escape(run.name), escape(run.run.header.title), f"{told.profile.items:,}", outcomes_text(told))
        yield _row([*named, *numbers, *digests])


def _plot(plot: Plot, folder: str) -> Iterator[str]:
    yield from ("", f"### {escape(plot.title)}", "")
    if plot.panels:
        yield from (f"![{escape(plot.title)}]({_link(folder, plot, 'svg')})", "")
        yield f"{escape(plot.caption)} (\\[[PDF]({_link(folder, plot, 'pdf')})\\])"
    else:
        yield escape(plot.caption)


def _link(folder: str, plot: Plot, kind: str) -> str:
    """A relative link that holds no space and no bracket."""
    from urllib.parse import quote

    return f"{quote(folder)}/{plot.name}.{kind}"


def _figures(run: Scored) -> Iterator[str]:
    yield from ("", f"### {escape(run.name)} on {escape(run.run.header.title)}", "")
    yield _row(["Part", "Dimension", "Items", "Measure", "Value", "95 % interval", "n of all", "Bounds", "Note"])
    yield _row(["---", "---", "---", "---", "---:", "---:", "---:", "---:", "---"])
    for row in run.evaluation.rows:
        figure, measure = row.figure, row.figure.measure
        bounds = " … ".join(number(one, measure) for one in figure.bounds) if figure.bounds else ""
        named = (escape(row.part), escape(row.dimension), escape(row.slice), escape(measure_words(measure)))
        value = f"**{number(figure.value, measure)}**" if row.headline else number(figure.value, measure)
        counted = f"{figure.n:,} / {figure.total:,}"
        yield _row([*named, value, interval_text(figure), counted, bounds, escape(figure.note)])
