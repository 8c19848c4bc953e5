"""The command `autorater report`."""

import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from autorater.cli_options import check_target
from autorater.errors import UsageError
from autorater_evals.report import MOST_ITEMS
from autorater_evals.requirements import require_statistics


def report(
    runs: Annotated[list[Path], typer.Argument(help="Evaluated runs: the folders that --log named.")],
    out: Annotated[Path, typer.Option(help="The HTML file to write.")] = Path("report.html"),
    markdown: Annotated[
        Path | None, typer.Option(help="Write the same as Markdown here, with plots as SVG and PDF beside it.")
    ] = None,
    title: Annotated[str, typer.Option(help="The heading.")] = "",
    items: Annotated[
        int, typer.Option(min=0, help="Items in the browser at most, taken at even steps; figures are of all.")
    ] = MOST_ITEMS,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON on stdout and nothing else there.")] = False,
) -> None:
    """Make one HTML file of evaluated runs: tables, plots, and every item to look at; it opens without a server."""
    require_statistics()
    from autorater_evals.report.markdown import write_markdown
    from autorater_evals.report.page import write_page
    from autorater_evals.report.scored import open_scored

    check_target(out, "--out")
    check_target(markdown, "--markdown")
    if markdown is not None and markdown.resolve() == out.resolve():
        raise UsageError("--out and --markdown name the same file: choose two")
    scored = open_scored(runs)
    heading = title or " and ".join(dict.fromkeys(run.run.header.title for run in scored))
    written = write_page(out, scored, title=heading, most=items)
    figures = write_markdown(markdown, scored, written.plots, title=heading) if markdown is not None else ()
    told: dict[str, Any] = {
        "report": str(out),
        "bytes": written.bytes,
        "items": written.items,
        "items_shown": written.shown,
        "pictures": written.pictures,
        "pictures_left_out": written.left_out,
        "side": written.side,
        "plots": [plot.name for plot in written.plots if plot.panels],
        "plots_left_out": {plot.name: plot.caption for plot in written.plots if not plot.panels},
        "markdown": None if markdown is None else str(markdown),
        "figures": list(figures),
    }
    if as_json:
        sys.stdout.write(json.dumps(told, indent=1) + "\n")
        return
    sys.stdout.write(f"{out}: {written.shown:,} of {written.items:,} items, {written.bytes / 1e6:.1f} MB\n")
    if markdown is not None:
        sys.stdout.write(f"{markdown}: {len(figures) // 2} plots beside it\n")
    if written.left_out:
        typer.echo(f"{written.left_out:,} pictures could not be read, or were left out for size", err=True)
