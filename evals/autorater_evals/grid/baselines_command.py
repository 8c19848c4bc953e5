"""`autorater eval baselines`: every specialist's readings as judges, on the same items."""

import sys
from collections.abc import Sequence
from itertools import accumulate
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from autorater.cli_options import JudgeOptions, with_judge_options
from autorater_evals.requirements import require_statistics

if TYPE_CHECKING:
    from autorater_evals.grid.baselines import Baselines

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON on stdout and nothing else there.")]
_WIDE = 120
"""Letters of a line of the table at most; what does not fit is named below it."""


@with_judge_options
def baselines(
    benchmark: Annotated[str, typer.Argument(help="A name of `autorater eval list`, or jsonl for your own data.")],
    data: Annotated[Path, typer.Option(help="The folder with the benchmark's data (of jsonl: the file).")],
    part: Annotated[str, typer.Option(help="Only this part of the benchmark.")] = "",
    dimension: Annotated[str, typer.Option(help="Only this dimension.")] = "",
    measure: Annotated[str, typer.Option(help="This measure instead of the part's headline.")] = "",
    limit: Annotated[int | None, typer.Option(min=1, help="At most so many items a part, by whole prompts.")] = None,
    any_count: Annotated[bool, typer.Option(help="Take data whose counts differ from the registered ones.")] = False,
    concurrency: Annotated[int, typer.Option(min=1, help="Items in flight.")] = 8,
    as_json: AsJson = False,
    *,
    options: JudgeOptions,
) -> None:
    """Let single specialists judge: each reading with a direction, from one recording of all of them.

    --tools are the specialists (default: all that are ready and apply). No VLM is asked; the same command resumes.
    """
    require_statistics()
    from autorater_evals.benchmark import get_benchmark
    from autorater_evals.grid.baselines import score_baselines
    from autorater_evals.grid.judging import ready_cards, record_assessments
    from autorater_evals.grid.subsets import choose_pool
    from autorater_evals.running import default_log, prepare

    found = get_benchmark(benchmark)
    loaded = found.load(data, parts=[part] if part else (), any_count=any_count)
    header, items = prepare(found, loaded, limit=limit, data=data)
    pool, left_out = choose_pool(options.tools, ready_cards(options), items)
    for text in left_out:
        typer.echo(text, err=True)
    parts = [part] if part else []
    log = options.log or default_log(f"baselines-{found.name}", options, parts=parts, limit=limit)
    typer.echo(f"{found.name}: {len(items):,} items, {len(pool)} specialists, recorded in {log}", err=True)
    run = record_assessments(header, items, pool, options, data=data, log=log, concurrency=concurrency)
    result = score_baselines(run, part=part, dimension=dimension, measure=measure)
    if as_json:
        sys.stdout.write(result.model_dump_json(indent=1) + "\n")
    else:
        _show(result)


def _show(result: "Baselines") -> None:
    from autorater_evals.printing import legend, lines, say

    heading, *table = _table(result)
    fitting = _fitting([heading, *table])
    say(f"{result.title}: single readings as judges, {result.items:,} items", "")
    say(*lines(heading[:fitting], [row[:fitting] for row in table]), "")
    if left := heading[fitting:]:
        say(f"not shown: {', '.join(left)}; see --json, or ask for one by --part and --dimension")
    say(*(f"note: {note}" for note in result.notes))
    say(legend("prompts"), "--json has every measure of each reading.")


def _table(result: "Baselines") -> list[list[str]]:
    """The heading, a row a reading, then rows of others: what it is, and the headline of each part and dimension."""
    from autorater_evals.printing import number, with_interval

    cells = [cell for cell in result.rows[0].cells if cell.headline] if result.rows else []
    columns = [" ".join(filter(None, (cell.part, cell.dimension, cell.figure.measure))) for cell in cells]
    table = [["reading", "better", "measured", *columns]]
    for row in result.rows:
        shown = [cell.figure for cell in row.cells if cell.headline]
        figures = [f"{with_interval(one)}" + ("" if one.n == one.total else f" (n = {one.n:,})") for one in shown]
        table.append([row.reading, row.better, f"{row.measured:,} of {row.total:,}", *figures])
    for judge, told in result.published.items():
        values = [number(told.get(f"{cell.part} {cell.figure.measure}")) for cell in cells]
        table.append([f"{judge} (published)", "", "", *values])
    return table


def _fitting(table: Sequence[Sequence[str]]) -> int:
    """How many of the first columns fit a terminal; at least one figure."""
    widths = [max(map(len, column)) + 2 for column in zip(*table, strict=True)]
    return max(4, sum(end <= _WIDE + 2 for end in accumulate(widths)))
