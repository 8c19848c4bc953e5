"""Run a judge on a benchmark: recorded, resumable, replayable without the data.

Labels are never told to the judge: a request has the prompt, the images and, where there are any, the questions.
"""

import json
import random
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

from autorater.cli_options import JudgeOptions
from autorater.errors import BudgetExceeded, RecordError, UsageError, one_line
from autorater.judge import end
from autorater.judgment import Judgment
from autorater.progress import progress_bar
from autorater.replay import areplay
from autorater.runlog import RunLog
from autorater.sync import run_sync
from autorater_evals.benchmark import Benchmark, Loaded, get_benchmark
from autorater_evals.item import Item
from autorater_evals.recorded import Evaluated, Header, open_run, write_items, write_whole
from autorater_evals.seen import note_training

if TYPE_CHECKING:
    from autorater.autorater import AutoRater

PROBLEMS = "unusable.jsonl"
"""Beside the log: the items whose images could not be read, and why, in the last run."""


def prepare(benchmark: Benchmark, loaded: Loaded, *, limit: int | None = None, data: Path) -> tuple[Header, list[Item]]:
    """The items that will be judged, and the header that says where they come from.

    Raises UsageError when not one image of them is there.
    """
    chosen = [item for items in loaded.items.values() for item in sample(items, limit)]
    folder = data if data.is_dir() else data.parent
    wanted = list(dict.fromkeys(path for item in chosen for path in (*item.images, *item.sources)))
    missing = [path for path in wanted if not (folder / path).is_file()]
    if len(missing) == len(wanted):
        raise UsageError(
            f"none of the {len(wanted):,} images of {benchmark.name} is in {str(folder)!r}; the first would be "
            f"{missing[0]!r}: the labels alone can be counted (autorater eval check), not judged"
        )
    header = Header(
        benchmark=benchmark.name,
        title=benchmark.meta.title,
        card=benchmark.card.digest,
        data=loaded.digest,
        licence=benchmark.meta.licence,
        training_allowed=benchmark.meta.training_allowed,
        parts=tuple(benchmark.part(name) for name in loaded.items),
        counts={name: dict(counts) for name, counts in loaded.counts.items()},
        complete=loaded.complete,
        limit=limit,
        published=benchmark.meta.published,
    )
    return header, chosen


def sample(items: Sequence[Item], limit: int | None) -> list[Item]:
    """At most `limit` items: the first whole clusters that fit, in an order drawn by seed 0.

    So a larger limit takes all that a smaller one took. When even the first cluster does not fit, its first items are
    taken.
    """
    if limit is None or len(items) <= limit:
        return list(items)
    clusters = sorted({item.cluster for item in items})
    random.Random(0).shuffle(clusters)
    members: dict[str, list[Item]] = {cluster: [] for cluster in clusters}
    for item in items:
        members[item.cluster].append(item)
    chosen: set[str] = set()
    for cluster in clusters:
        if len(chosen) + len(members[cluster]) > limit:
            break
        chosen |= {item.id for item in members[cluster]}
    chosen = chosen or {item.id for item in members[clusters[0]][:limit]}
    return [item for item in items if item.id in chosen]


def row_of(item: Item) -> dict[str, Any]:
    """The item as a row of requests: all that a judge may know of it."""
    row: dict[str, Any] = {
        "id": item.id,
        "prompt": item.prompt,
        "images": list(item.images),
        "source": list(item.sources),
        "task": item.task,
    }
    if item.questions is not None:
        row["questions"] = item.questions.model_dump(mode="json")
    return row


def evaluate(
    benchmark: str,
    data: str | Path,
    *,
    log: str | Path,
    parts: Sequence[str] = (),
    limit: int | None = None,
    any_count: bool = False,
    concurrency: int | None = None,
    **judge: Any,
) -> Evaluated:
    """Judge a benchmark into the folder `log` and return the run; `autorater_evals.scoring.score` makes its figures.

    `data` is the benchmark's folder, `limit` the most items of a part (whole prompts); a later call on the same log may
    have a larger one. What is recorded already is not judged again. Further keywords are those of `AutoRater`: model,
    tools, order, max_cost, …

    Raises:
        UsageError, MissingExtraError: wrong settings, or data that are not there or not as registered.
        RecordError: the log belongs to another run, is being written, or cannot be written.
        BudgetExceeded: the limit on money is reached; call again to go on.

    """
    from autorater.autorater import AutoRater

    found, folder = get_benchmark(benchmark), Path(data)
    loaded = found.load(folder, parts=parts, any_count=any_count)
    header, items = prepare(found, loaded, limit=limit, data=folder)
    run, stopped = judge_items(
        header, items, lambda: AutoRater(log=log, **judge), data=folder, log=Path(log), concurrency=concurrency
    )
    if stopped:
        raise BudgetExceeded(stopped)
    return run


def judge_items(
    header: Header,
    items: Sequence[Item],
    open_judge: "Callable[[], AutoRater]",
    *,
    data: Path,
    log: Path,
    concurrency: int | None = None,
) -> tuple[Evaluated, str]:
    """Judge every item by the judge that `open_judge` opens on `log`.

    Returns the run, and why it stopped early ("" when it did not). Items whose images cannot be read are counted.
    """
    folder = data if data.is_dir() else data.parent
    problems: dict[str, str] = {}
    stopped = ""
    with ExitStack() as stack:
        judge = stack.enter_context(open_judge())  # owns the log from here on, or an error says who does
        write_items(log, header, items)
        note_training(judge, log)
        bar = stack.enter_context(progress_bar(f"judging {header.benchmark}", len(items)))

        def reject(item: Any, error: Exception) -> None:
            problems[str(item["id"])] = one_line(error)
            bar.advance(problems=len(problems))

        async def work() -> None:
            rows = (row_of(item) for item in items)
            async for _ in judge.judge_all(rows, concurrency=concurrency, on_error=reject, folder=folder):
                bar.advance(cost=None if judge.log is None else judge.log.spent, problems=len(problems))

        try:
            run_sync(work())
        except BudgetExceeded as error:
            stopped = str(error)
        finally:
            _write_problems(log, problems)
            if judge.log is not None:
                end(judge.log, "budget" if stopped else "failed" if sys.exc_info()[0] else "finished")
    return open_run(log), stopped


def _write_problems(log: Path, problems: Mapping[str, str]) -> None:
    rows = ({"id": id, "why": why} for id, why in problems.items())
    write_whole(log / PROBLEMS, "".join(f"{json.dumps(row)}\n" for row in rows))


def unusable(run: Evaluated) -> dict[str, str]:
    """Item → why its images could not be read, in the last run. Raises RecordError when the file is damaged."""
    path = run.folder / PROBLEMS
    if not path.is_file():
        return {}
    try:
        rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
        return {row["id"]: row["why"] for row in rows if row["id"] in run.items}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise RecordError(f"{PROBLEMS} of {str(run.folder)!r} is damaged: run the same command again") from error


def replayed(run: Evaluated) -> tuple[list[Judgment], list[str]]:
    """Every judgment of a run, judged again from the log alone, and the ids of those that differ from the record.

    Raises ReplayMiss and RecordError.
    """
    found: list[Judgment] = []
    differing: list[str] = []
    with RunLog(run.folder) as log:
        total = log.count("judged")

    async def work() -> None:
        async for item in areplay(run.folder):
            bar.advance()
            if item.judgment.id in run.items:
                found.append(item.judgment)
                if not item.identical:
                    differing.append(item.judgment.id)

    with progress_bar("replaying", total) as bar:
        run_sync(work())
    return found, differing


def default_log(benchmark: str, options: JudgeOptions, *, parts: Sequence[str], limit: int | None) -> Path:
    """`runs/…`, named by what was asked, so that the same command resumes and another one begins anew."""
    named = [benchmark, *parts, *([f"first{limit}"] if limit else []), options.model, options.tools]
    named += [options.criterion] if options.criterion != "overall" else []
    named += [str(options.order)] if options.order else []
    text = "-".join("".join(c if c.isalnum() or c in "._" else "-" for c in str(name)) for name in named)
    return Path("runs") / text[:120]
