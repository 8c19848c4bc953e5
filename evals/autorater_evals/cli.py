"""The command `autorater eval`: run a judge on a benchmark, replay, compare. Thin; the work is in the library."""

import json
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer

from autorater.cli_options import IN_FLIGHT, JudgeOptions, with_judge_options
from autorater.errors import UsageError, one_line
from autorater_evals.fallback import Fallback
from autorater_evals.grid.baselines_command import baselines
from autorater_evals.grid.counterfactual_command import counterfactual
from autorater_evals.published.command import published
from autorater_evals.requirements import require_statistics

_TOLD = 10
"""Unusable items that are named on the terminal."""


class _Benchmarks(Fallback):
    def known(self, word: str) -> None:
        """Raise UsageError when a word is neither a command nor a benchmark."""
        from autorater.suggest import did_you_mean
        from autorater_evals.benchmark import benchmark_names

        names = benchmark_names()
        if word not in names:
            known = did_you_mean(word, [*self.commands, *names])
            raise UsageError(f"{word!r} is neither a benchmark nor a command of eval; {known}")


app = typer.Typer(
    cls=_Benchmarks,
    help="Judges against people: `autorater eval BENCHMARK --data DIR --model …` runs, records, resumes and scores.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)

app.command(name="published")(published)
app.command(name="baselines")(baselines)
app.command(name="counterfactual")(counterfactual)

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON on stdout and nothing else there.")]
Full = Annotated[bool, typer.Option("--full", help="Print every figure, with bounds and how its interval was made.")]
Run = Annotated[Path, typer.Argument(help="An evaluated run: the folder that --log named.")]
Data = Annotated[Path, typer.Option(help="The folder with the benchmark's data (of jsonl: the file).")]
AnyCount = Annotated[bool, typer.Option(help="Take data whose counts differ from the registered ones.")]
Download = Annotated[bool, typer.Option(help="Fetch the benchmark from the Hugging Face hub into --data first.")]
Parts = Annotated[list[str] | None, typer.Option("--part", help="Only this part of the benchmark; repeatable.")]


@app.command(name="run")
@with_judge_options
def run_benchmark(
    benchmark: Annotated[str, typer.Argument(help="A name of `autorater eval list`, or jsonl for your own data.")],
    data: Data,
    part: Parts = None,
    limit: Annotated[int | None, typer.Option(min=1, help="At most so many items a part, by whole prompts.")] = None,
    any_count: AnyCount = False,
    download: Download = False,
    concurrency: Annotated[int | None, typer.Option(min=1, help=IN_FLIGHT)] = None,
    full: Full = False,
    as_json: AsJson = False,
    *,
    options: JudgeOptions,
) -> None:
    """Judge a benchmark and print agreement with people; the same command resumes. `run` may be left out."""
    require_statistics()
    from autorater_evals.benchmark import get_benchmark
    from autorater_evals.printing import show_evaluation
    from autorater_evals.recorded import write_whole
    from autorater_evals.running import default_log, judge_items, prepare, unusable
    from autorater_evals.scoring import score

    found = get_benchmark(benchmark)
    if download:
        from autorater_evals.benchmarks._hub import fetch

        fetch(found, data)
    loaded = found.load(data, parts=part or (), any_count=any_count)
    header, items = prepare(found, loaded, limit=limit, data=data)
    log = options.log or default_log(found.name, options, parts=part or (), limit=limit)

    def opened() -> Any:
        judge = replace(options, log=log).open()  # refuses wrong options: nothing is recorded then
        typer.echo(f"{found.name}: {len(items):,} items, recorded in {log}", err=True)
        return judge

    run, stopped = judge_items(header, items, opened, data=data, log=log, concurrency=concurrency)
    _tell_unusable(unusable(run))
    evaluation = score(run)
    write_whole(run.folder / "evaluation.json", evaluation.model_dump_json(indent=1) + "\n")
    if as_json:
        sys.stdout.write(evaluation.model_dump_json(indent=1) + "\n")
    else:
        show_evaluation(evaluation, full=full)
    if stopped:
        typer.echo(f"autorater: {stopped}", err=True)
        raise typer.Exit(1)
    if not set(evaluation.profile.outcomes) & {"scored", "tie"}:
        raise typer.Exit(3)


def _tell_unusable(found: Mapping[str, str]) -> None:
    """The first items whose images could not be read, and why; all stand beside the log."""
    for id, why in list(found.items())[:_TOLD]:
        typer.echo(f"unusable: {one_line(id)}: {why}", err=True)
    if len(found) > _TOLD:
        typer.echo(f"and {len(found) - _TOLD:,} more that cannot be used: see unusable.jsonl in the log", err=True)


@app.command(name="list")
def list_benchmarks(as_json: AsJson = False) -> None:
    """List the benchmarks: what they hold, their licence, and whether they may be trained on."""
    from autorater_evals.benchmark import find_benchmarks
    from autorater_evals.printing import show_benchmarks

    known = find_benchmarks()
    if as_json:
        told = [{"name": name, **one.meta.model_dump(mode="json")} for name, one in known.items()]
        sys.stdout.write(json.dumps(told, indent=1) + "\n")
    else:
        show_benchmarks(known)


@app.command()
def describe(benchmark: Annotated[str, typer.Argument(help="A benchmark.")], as_json: AsJson = False) -> None:
    """Print the card of a benchmark: files, protocol, counts, licence, traps, published figures."""
    from autorater_evals.benchmark import get_benchmark
    from autorater_evals.printing import show_card

    found = get_benchmark(benchmark)
    if as_json:
        told = {"name": found.name, **found.meta.model_dump(mode="json"), "body": found.card.body}
        sys.stdout.write(json.dumps(told, indent=1) + "\n")
    else:
        show_card(found)


@app.command()
def show(run: Run, full: Full = False, as_json: AsJson = False) -> None:
    """Print the figures of a run again, from its record."""
    require_statistics()
    from autorater_evals.printing import show_evaluation
    from autorater_evals.recorded import open_run
    from autorater_evals.scoring import score

    evaluation = score(open_run(run))
    if as_json:
        sys.stdout.write(evaluation.model_dump_json(indent=1) + "\n")
    else:
        show_evaluation(evaluation, full=full)


@app.command()
def replay(run: Run, full: Full = False, as_json: AsJson = False) -> None:
    """Judge a run again from its log alone, and print the figures: no data, network, key or specialist.

    Ends with status 3 when a judgment or a figure differs from the record.
    """
    require_statistics()
    from autorater_evals.printing import show_evaluation
    from autorater_evals.recorded import open_run
    from autorater_evals.running import replayed
    from autorater_evals.scoring import score

    opened = open_run(run)
    judgments, differing = replayed(opened)
    again, before = score(opened, judgments), score(opened)
    same = again == before and not differing
    if as_json:
        told = {"identical": same, "differing": differing, "evaluation": again.model_dump(mode="json")}
        sys.stdout.write(json.dumps(told, indent=1) + "\n")
    else:
        show_evaluation(again, full=full)
        verdict = "identical to the record, to the digit" if same else f"{len(differing):,} of them differ"
        also = ", and so do figures" if again != before else ""
        of = "" if len(judgments) == len(opened.items) else f" of {len(opened.items):,} items"
        typer.echo(f"replayed {len(judgments):,} judgments{of}: {verdict}{also}", err=True)
        for id in differing[:_TOLD]:
            typer.echo(f"differs: {one_line(id)}", err=True)
    if not same:
        raise typer.Exit(3)


@app.command()
def compare(
    first: Annotated[Path, typer.Argument(help="An evaluated run.")],
    second: Annotated[Path, typer.Argument(help="Another run on the same items.")],
    part: Parts = None,
    as_json: AsJson = False,
) -> None:
    """Say whether two runs differ: paired differences with interval and p, and what could have been found."""
    require_statistics()
    from autorater_evals.comparing_runs import compare_runs
    from autorater_evals.printing import show_comparison
    from autorater_evals.recorded import open_run

    found = compare_runs(open_run(first), open_run(second), parts=part or ())
    if as_json:
        sys.stdout.write(found.model_dump_json(indent=1) + "\n")
    else:
        show_comparison(found)


@app.command()
def check(
    benchmark: Annotated[str, typer.Argument(help="A benchmark, or a .jsonl file of your own.")],
    data: Annotated[Path | None, typer.Option(help="The folder with its data.")] = None,
    images: Annotated[bool, typer.Option(help="Also open every image (of your own file it is always done).")] = False,
    as_json: AsJson = False,
) -> None:
    """Count the data of a benchmark, or find every wrong line of your own file; nothing is judged."""
    from autorater_evals.checking import check_data
    from autorater_evals.printing import show_check

    if data is None and not benchmark.endswith((".jsonl", ".jsonl.gz")):
        raise UsageError("expected --data DIR with the benchmark's files, or a .jsonl file of your own")
    found = check_data(benchmark, data, images=images)
    if as_json:
        sys.stdout.write(found.model_dump_json(indent=1) + "\n")
    else:
        show_check(found)
    if found.problems:
        raise typer.Exit(1)
