"""`autorater distill`: verified rationales from labelled data. Thin; the work is in the library."""

from collections.abc import Sequence
from dataclasses import replace
from difflib import get_close_matches
from math import isfinite
from pathlib import Path
from typing import Annotated, Any

import typer

from autorater.cli_options import IN_FLIGHT, JudgeOptions, with_judge_options
from autorater.errors import UsageError
from autorater_evals.fallback import Fallback
from autorater_evals.requirements import require_statistics


class _Sources(Fallback):
    def known(self, word: str) -> None:
        """Raise UsageError for what is no data and nearly a command."""
        from autorater_evals.benchmark import benchmark_names

        near = get_close_matches(word, self.commands, n=1)
        if near and not Path(word).exists() and word not in benchmark_names():
            raise UsageError(
                f"{word!r} is neither data (a benchmark, a .jsonl file, an evaluated run) nor a command of distill; "
                f"did you mean {near[0]!r}?"
            )


app = typer.Typer(
    cls=_Sources,
    help="Labelled data and a teacher in, a training set of verified rationales out: `autorater distill DATA …`.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
_LOCAL_TEMPERATURE = 0.7
_EMPTY = "nothing passed every filter, so the set is empty: its card says which filter stopped how many"
RESEARCH = "I train for research only: for data whose owners state no licence for more."
AsJson = Annotated[bool, typer.Option("--json", help="Print the card as JSON on stdout and nothing else there.")]


@app.command(name="run")
@with_judge_options
def distill(
    data: Annotated[
        str, typer.Argument(help="A benchmark, a .jsonl file of yours, or the folder of an evaluated run.")
    ],
    teacher: Annotated[str, typer.Option(help="provider:model; transformers:path is served here.")],
    out: Annotated[Path, typer.Option(help="The folder of the set; its log/ resumes.")],
    folder: Annotated[Path | None, typer.Option("--data", help="The folder of a benchmark's files.")] = None,
    part: Annotated[list[str] | None, typer.Option(help="Only this part of the benchmark; repeatable.")] = None,
    dimension: Annotated[str, typer.Option(help="What people judged (default: a part's first).")] = "",
    scale: Annotated[str, typer.Option(help="Ends of people's scale, LOW,HIGH, where the data do not tell.")] = "",
    limit: Annotated[int | None, typer.Option(min=1, help="At most so many items a part, by whole prompts.")] = None,
    research: Annotated[bool, typer.Option(help=RESEARCH)] = False,
    variants: Annotated[str, typer.Option(help="With assessments, without, or both: tools,free.")] = "tools,free",
    tries: Annotated[int, typer.Option(min=1, help="Drafts of an item at most; the first that passes is kept.")] = 4,
    free: Annotated[int, typer.Option(min=0, help="Answers without the label for each kept item.")] = 1,
    filters: Annotated[str, typer.Option(help="Only these filters, a,b,c (default: all).")] = "",
    without: Annotated[list[str] | None, typer.Option(help="Switch this filter off; repeatable.")] = None,
    step: Annotated[float, typer.Option(min=0, help="How far a score may be from the label, of 1 to 10.")] = 1.0,
    tie_gap: Annotated[float, typer.Option(min=0, help="Pairs whose opinions differ by no more are ties.")] = 0.0,
    holdout: Annotated[str, typer.Option(help="Shares of validation and test.")] = "0.1,0.1",
    split_seed: Annotated[int, typer.Option(help="Draws orders and splits.")] = 0,
    against: Annotated[
        list[str] | None, typer.Option(help="Decontaminate: a folder of benchmarks, or NAME=DIR; repeatable.")
    ] = None,
    allow_leakage: Annotated[bool, typer.Option(help="Write a set that the leakage classifier fails.")] = False,
    concurrency: Annotated[int | None, typer.Option(min=1, help=IN_FLIGHT)] = None,
    as_json: AsJson = False,
    *,
    options: JudgeOptions,
) -> None:
    """Draft verified rationales; the same command resumes. `run` may be left out.

    --tools are the specialists whose assessments are shown: all that apply (the default), none, or names.
    """
    require_statistics()
    from autorater_evals.distillation.against import index_folders
    from autorater_evals.distillation.distilling import check_plan
    from autorater_evals.distillation.distilling import distill as distill_source
    from autorater_evals.distillation.plan import Plan
    from autorater_evals.distillation.printing import show
    from autorater_evals.distillation.source import open_source

    _refuse_options(options)
    _check_teacher(teacher)
    told: dict[str, Any] = {"variants": _words(variants), "without": _without(filters, without or ())}
    plan = _plan(
        Plan,
        **told,
        tries=tries,
        free=free,
        step=step,
        tie_gap=tie_gap,
        holdout=_two(holdout, "--holdout"),
        seed=split_seed,
        allow_leakage=allow_leakage,
    )
    check_plan(plan)
    ends = _two(scale, "--scale") if scale else None
    source = open_source(data, folder=folder, parts=part or (), limit=limit, research=research)
    if teacher.startswith("transformers:") and tries > 1 and options.temperature is None:
        # Without one, a local model answers greedily, and every try would be the same.
        options = replace(options, temperature=_LOCAL_TEMPERATURE, seed=options.seed or 0)
    indexes = index_folders(against or (), source=source)
    if against:
        typer.echo(f"held against: {', '.join(one.benchmark for one in indexes) or 'nothing'}", err=True)
    found = distill_source(
        source,
        lambda log: replace(
            options,
            model=teacher,
            log=log,
            tools="all" if options.tools == "auto" else options.tools,
            samples=max(2, tries),  # more than one, so that drafts are drawn at the model's own temperature
        ).open(),
        out,
        plan=plan,
        against=indexes,
        dimension=dimension,
        scale=ends,
        concurrency=concurrency,
        say=lambda words: typer.echo(f"autorater: {words}", err=True),
    )
    show(found, as_json=as_json)
    if found.stopped:
        typer.echo(f"autorater: {found.stopped}", err=True)
        raise typer.Exit(3 if found.card else 1)
    if not found.card["examples"]["all"]:
        typer.echo(f"autorater: {_EMPTY}", err=True)
        raise typer.Exit(3)


@app.command()
def check(folder: Annotated[Path, typer.Argument(help="A set.")], as_json: AsJson = False) -> None:
    """Make the examples and the card again from the log alone; ends with status 3 when they differ."""
    require_statistics()
    from autorater_evals.distillation.distilling import check as check_set
    from autorater_evals.distillation.printing import show_check

    found = check_set(folder)
    show_check(found, as_json=as_json)
    if found.differing:
        raise typer.Exit(3)


def _refuse_options(options: JudgeOptions) -> None:
    plain = JudgeOptions()
    for name in ("order", "samples", "criterion", "scorer", "log", "agent_limits"):
        if getattr(options, name) != getattr(plain, name):
            option = name.replace("_", "-")
            raise UsageError(
                f"--{option} does not go with distill: orders, samples and the log are its own; leave it out"
            )
    if options.tools == "agent":
        raise UsageError("a teacher is told all assessments that apply: --tools all, none or names")


def _check_teacher(teacher: str) -> None:
    """Raise UsageError for a name that no provider has: said before anything of the data is."""
    from autorater.model import PROVIDERS
    from autorater.suggest import did_you_mean

    provider, _, model = teacher.partition(":")
    if not model:
        raise UsageError(f"--teacher is provider:model, as in openai:gpt-6.1-terra; got {teacher!r}")
    if provider not in PROVIDERS:
        raise UsageError(f"unknown provider {provider!r} in --teacher {teacher}; {did_you_mean(provider, PROVIDERS)}")


def _plan(form: Any, **told: Any) -> Any:
    from pydantic import ValidationError

    from autorater.document import describe_errors

    try:
        return form(**told)
    except ValidationError as error:
        raise UsageError(describe_errors(error)) from error


def _words(text: str) -> tuple[str, ...]:
    return tuple(word.strip() for word in text.split(",") if word.strip())


def _without(filters: str, without: Sequence[str]) -> tuple[str, ...]:
    from autorater_evals.distillation.filters import NAMES, check_names

    only = _words(filters)
    check_names((*only, *without))
    return tuple(name for name in NAMES if name in without or (only and name not in only))


def _two(text: str, option: str) -> tuple[float, float]:
    example = "1,5" if option == "--scale" else "0.1,0.1"
    try:
        first, second = (float(part) for part in text.split(","))
    except ValueError:
        raise UsageError(f"{option} is two numbers, as in {example}; got {text!r}") from None
    if option == "--scale" and not (first != second and isfinite(first) and isfinite(second)):
        raise UsageError(f"--scale has two ends that differ, as in {example}; got {text!r}")
    return first, second
