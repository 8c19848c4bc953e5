"""The command `autorater`: thin commands over the library. Results on stdout, everything else on stderr.

Exit status: 0 a result; 1 an error; 2 a wrong call; 3 no result (refused, unparsable, unreachable, abstained; of a run:
not one result) or a replay that differs; 130 interrupted.
"""

import json
import os
import sys
from importlib.metadata import entry_points
from pathlib import Path
from typing import Annotated, Any

import typer

from autorater.cli_options import IN_FLIGHT, JudgeOptions, check_target, with_judge_options
from autorater.errors import AutoRaterError, MissingExtraError, UsageError, one_line
from autorater.tools_cli import app as tools_app

_WrongCall = typer.BadParameter.__mro__[1]
"""Typer's error of a wrong call; its home moved between versions of Typer."""

app = typer.Typer(
    name="autorater",
    help="An image judge that says why and can be checked.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)

app.add_typer(tools_app, name="tools")


def add_commands(asked: str) -> None:
    """Add the commands of installed packages: each entry point of `autorater.commands` is a Typer app or a function.

    `asked` is the first word given: when it is a command already, nothing else is imported for it.
    """
    named = {command.name or getattr(command.callback, "__name__", "") for command in app.registered_commands}
    known = named | {group.name for group in app.registered_groups}
    for point in entry_points(group="autorater.commands") if asked not in known else ():
        if point.name in known:
            continue
        command = point.load()
        if isinstance(command, typer.Typer):
            app.add_typer(command, name=point.name)
        else:
            app.command(point.name)(command)


AsJson = Annotated[bool, typer.Option("--json", help="Print JSON on stdout and nothing else there.")]
Prompt = Annotated[str, typer.Option("--prompt", "-p", help="The generation prompt or editing instruction.")]
Sources = Annotated[list[str] | None, typer.Option("--source", "-s", help="Source image of an edit; repeatable.")]
Report = Annotated[Path | None, typer.Option(help="Write a self-contained HTML report here.")]
_INTERRUPTED = 130
Folder = Annotated[Path, typer.Argument(help="A run log: the folder that --log named.")]


def _judge(
    task: str,
    images: list[str],
    prompt: str,
    source: list[str] | None,
    report: Path | None,
    as_json: bool,
    options: JudgeOptions,
) -> None:
    from autorater.request import make_request
    from autorater.screen import show_judgment
    from autorater.sync import run_sync

    check_target(report, "--report")
    request = make_request(images, prompt=prompt, source=source or None, task=task, allow_urls=options.allow_urls)  # type: ignore[arg-type]
    with options.open() as judge:
        judgment = run_sync(judge.ajudge(request))
        if as_json:
            sys.stdout.write(judgment.model_dump_json(indent=2) + "\n")
        else:
            show_judgment(judgment, judge.toolbox.cards)
        if report is not None:
            _report(report, judgment, judge.pictures(request), judge.toolbox.cards)
    if judgment.outcome not in ("scored", "tie"):
        raise typer.Exit(3)


def _report(report: Path, judgment: Any, pictures: Any, cards: Any) -> None:
    from autorater.report import write_report

    try:
        write_report(report, [judgment], pictures, cards, title="AutoRater")
    except AutoRaterError as error:  # the judgment stands on stdout already, and stays the only thing there
        typer.echo(f"autorater: {one_line(error)}", err=True)
        raise typer.Exit(1) from error
    typer.echo(f"report: {report}", err=True)


@app.command()
@with_judge_options
def compare(
    a: Annotated[str, typer.Argument(help="The first image.")],
    b: Annotated[str, typer.Argument(help="The second image.")],
    prompt: Prompt,
    source: Sources = None,
    report: Report = None,
    as_json: AsJson = False,
    *,
    options: JudgeOptions,
) -> None:
    """Compare two images of one prompt."""
    _judge("compare", [a, b], prompt, source, report, as_json, options)


@app.command()
@with_judge_options
def rate(
    image: Annotated[str, typer.Argument(help="The image.")],
    prompt: Prompt,
    source: Sources = None,
    report: Report = None,
    as_json: AsJson = False,
    *,
    options: JudgeOptions,
) -> None:
    """Rate one image from 1 to 10."""
    _judge("rate", [image], prompt, source, report, as_json, options)


@app.command()
@with_judge_options
def check(
    image: Annotated[str, typer.Argument(help="The image.")],
    prompt: Prompt,
    source: Sources = None,
    report: Report = None,
    as_json: AsJson = False,
    *,
    options: JudgeOptions,
) -> None:
    """Answer the checklist about one image, without a score (needs a VLM)."""
    _judge("check", [image], prompt, source, report, as_json, options)


@app.command()
@with_judge_options
def rank(
    images: Annotated[list[str], typer.Argument(help="Two or more images.")],
    prompt: Prompt,
    source: Sources = None,
    report: Report = None,
    as_json: AsJson = False,
    *,
    options: JudgeOptions,
) -> None:
    """Rank several images of one prompt by comparing every pair."""
    _judge("rank", images, prompt, source, report, as_json, options)


@app.command()
@with_judge_options
def run(
    items: Annotated[
        Path, typer.Argument(help="JSON Lines: prompt, image or image_a and image_b or images, source, id.")
    ],
    concurrency: Annotated[int | None, typer.Option(min=1, help=IN_FLIGHT)] = None,
    out: Annotated[Path | None, typer.Option(help="Also write the judgments here, as JSON Lines.")] = None,
    report: Report = None,
    as_json: AsJson = False,
    *,
    options: JudgeOptions,
) -> None:
    """Judge many items; with --log it resumes where it stopped and pays for no recorded call twice."""
    from autorater.batch import run_batch

    check_target(report, "--report")
    check_target(out, "--out")
    if report is not None and options.log is None:
        raise UsageError("--report of a batch is made from its log: give --log too")
    summary = run_batch(items, options, concurrency=concurrency, out=out, report=report)
    if as_json:
        sys.stdout.write(json.dumps(summary, indent=2) + "\n")
    else:
        from autorater.screen import show_summary

        show_summary(summary)
    if summary["stopped"] or summary["errors"]:
        raise typer.Exit(1)
    if summary["coverage"] == 0:
        raise typer.Exit(3)


@app.command()
def replay(folder: Folder, report: Report = None, as_json: AsJson = False) -> None:
    """Judge a recorded run again from its log alone: no network, no key, no specialist."""
    from autorater.batch import replay_batch

    check_target(report, "--report")
    summary = replay_batch(folder, report=report)
    if as_json:
        sys.stdout.write(json.dumps(summary, indent=2) + "\n")
    else:
        from autorater.screen import show_replay

        show_replay(summary)
    if summary["differing"]:
        raise typer.Exit(3)


@app.command()
def show(
    folder: Folder,
    item: Annotated[str | None, typer.Argument(help="The id of one item; all when left out.")] = None,
    report: Report = None,
    as_json: AsJson = False,
) -> None:
    """Print the judgments of a run log."""
    from autorater.batch import show_batch

    check_target(report, "--report")
    show_batch(folder, item, report=report, as_json=as_json)


@app.command()
def models(as_json: AsJson = False) -> None:
    """List the models whose limits and prices are known, and which keys are set."""
    from autorater.listing import list_models

    list_models(as_json=as_json)


@app.command()
def doctor(
    model: Annotated[str | None, typer.Option(help="Also ask this model one tiny question.")] = None,
    load: Annotated[bool, typer.Option(help="Also load every specialist and let it look at an image.")] = False,
    as_json: AsJson = False,
) -> None:
    """Check the installation: packages, specialists, keys, folders."""
    from autorater.doctor import examine

    if not examine(model=model, load=load, as_json=as_json):
        raise typer.Exit(1)


@app.command()
def demo(
    out: Annotated[Path, typer.Option(help="Where the report goes.")] = Path("report.html"),
    log: Annotated[Path | None, typer.Option(help="Keep the run log here.")] = None,
    as_json: AsJson = False,
) -> None:
    """Judge real photographs, worsened copies and edits with real specialists; no key, no GPU, no network."""
    from autorater.demo import run_demo

    check_target(out, "--out")
    run_demo(out, log=log, as_json=as_json)


def main(arguments: list[str] | None = None) -> None:
    """The command. Errors of ours are one line on stderr (with --json also an object on stdout)."""
    given = sys.argv[1:] if arguments is None else arguments
    try:
        add_commands(given[0] if given else "")
        status = app(args=given or ["--help"], standalone_mode=False)
        sys.stdout.flush()
    except AutoRaterError as error:
        status = _fail(error, as_json="--json" in given)
    except BrokenPipeError:  # who read our output has gone, and Python must not complain about it while it ends
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        status = 0
    except Exception as error:
        if not isinstance(error, _WrongCall):
            raise
        status = _fail(UsageError(f"{_told(error)} (see --help)"), as_json="--json" in given)
    if status == _INTERRUPTED:
        typer.echo(f"autorater: interrupted{_kept(given)}", err=True)
    sys.exit(status)


def _kept(given: list[str]) -> str:
    """What an interrupted command leaves behind, and how to go on."""
    if given[:1] == ["tools"] and given[1:2] != ["pull"]:
        return ": run the same command to go on" if given[1:2] == ["env"] else ""
    what = "downloaded" if given[:1] == ["tools"] else "recorded"
    return f"; what was {what} is kept: run the same command to resume"


def _told(error: Any) -> str:
    """What Typer says of a wrong call, without its box."""
    return str(error.format_message()).rstrip(".")


def _fail(error: AutoRaterError, *, as_json: bool) -> int:
    message = one_line(error)
    if as_json:
        sys.stdout.write(json.dumps({"error": {"kind": type(error).__name__, "message": message}}) + "\n")
    typer.echo(f"autorater: {message}", err=True)
    return 2 if isinstance(error, (UsageError, MissingExtraError)) else 1
