"""`autorater grid`: which specialists to show to a judge, without fooling oneself."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from autorater.cli_options import JudgeOptions, with_judge_options
from autorater_evals.requirements import require_statistics

Data = Annotated[Path, typer.Option(help="The folder with the benchmark's files.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON on stdout and nothing else there.")]


@with_judge_options
def grid(
    benchmark: Annotated[str, typer.Argument(help="A benchmark, as `autorater eval list` names it.")],
    data: Data,
    max_size: Annotated[int, typer.Option(min=1, help="Specialists in a subset at most (paper 001: 3).")] = 3,
    part: Annotated[str, typer.Option(help="The part of the benchmark (default: its first).")] = "",
    dimension: Annotated[str, typer.Option(help="What people judged (default: the part's first).")] = "",
    measure: Annotated[str, typer.Option(help="What chooses (default: the part's headline).")] = "",
    choose_share: Annotated[float, typer.Option(help="Share of the prompts that choose; the others report.")] = 0.5,
    limit: Annotated[int | None, typer.Option(min=2, help="Items at most, whole prompts drawn by a seed.")] = None,
    any_count: Annotated[bool, typer.Option(help="Take data that do not have the registered counts.")] = False,
    concurrency: Annotated[int, typer.Option(min=1, help="Requests in flight.")] = 8,
    plan: Annotated[bool, typer.Option("--plan", help="Run the specialists, tell the cost, and stop.")] = False,
    as_json: AsJson = False,
    *,
    options: JudgeOptions,
) -> None:
    """Try subsets of specialists: choose on some prompts, report on the others.

    --tools are those to choose from (default: all that are ready, apply, and that the judge can read). Specialists look
    once at each image; every subset's run is recorded in --log, resumes and replays.
    """
    require_statistics()
    from autorater.errors import UsageError
    from autorater_evals.benchmark import get_benchmark
    from autorater_evals.counting import many
    from autorater_evals.grid.judging import open_base, read_by, ready_cards, record_assessments
    from autorater_evals.grid.printing import print_grid, show_plan
    from autorater_evals.grid.search import Search, make_plan, one_part, run_grid
    from autorater_evals.grid.subsets import choose_pool, choosing, count_subsets
    from autorater_evals.grid.target import targets_of
    from autorater_evals.running import default_log, prepare

    def tell(text: str) -> None:
        typer.echo(text, err=True)

    found = get_benchmark(benchmark)
    loaded = one_part(found.load(data, parts=[part] if part else (), any_count=any_count))
    header, items = prepare(found, loaded, limit=limit, data=data)
    target = targets_of(header.parts, items, dimension=dimension, measure=measure)[0]
    choosing(target.clusters, share=choose_share)  # better refused before the work than after it
    if options.model == "embedded" and target.part.kind == "questions":
        raise UsageError("questions are answered by a VLM: name one with --model")
    pool, left_out = choose_pool(options.tools, ready_cards(options), items, reads=read_by(options, items))
    for text in left_out:
        tell(text)
    log = options.log or default_log(f"grid-{benchmark}", options, parts=[target.part.name], limit=limit)
    subsets = count_subsets(len(pool), most=max_size)
    tell(
        f"grid in {log}: {many(len(pool), 'specialist')} ({', '.join(pool)}), {many(subsets, 'subset')}, "
        f"{many(len(items), 'item')}"
    )
    with open_base(options, pool) as base:
        run = record_assessments(
            header, items, pool, options, data=data, log=log / "assessments", concurrency=concurrency
        )
        search = Search(log, header, target, pool, max_size, choose_share, run)
        planned = make_plan(search, base)
        tell(show_plan(planned))
        if plan:
            if as_json:
                sys.stdout.write(planned.model_dump_json(indent=2) + "\n")
            return
        result = run_grid(search, base, planned, concurrency=concurrency, tell=tell)
    if as_json:
        sys.stdout.write(result.model_dump_json(indent=2) + "\n")
    else:
        print_grid(result)
    if result.choice is None:
        raise typer.Exit(3)
