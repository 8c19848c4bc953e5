"""Runs over many items for the command line: judge, resume, replay, show."""

import json
import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from itertools import chain
from pathlib import Path
from typing import Any, TextIO

from autorater.cli_options import JudgeOptions
from autorater.errors import BudgetExceeded, RecordError, UsageError, one_line
from autorater.events import Drawn, Judged, Requested
from autorater.image import Picture
from autorater.judgment import Judgment
from autorater.progress import progress_bar
from autorater.runlog import RunLog

REPORTED = 200
"""At most this many judgments go into a report; a page with more is of no use."""


def read_items(path: Path, problems: list[str]) -> Iterator[dict[str, Any]]:
    """The objects of a JSON Lines file; a line that is no object goes to `problems` with its number."""
    try:
        with path.open(encoding="utf-8-sig") as file:
            for number, line in enumerate(file, 1):
                if not line.strip():
                    continue
                try:
                    row = json.loads(line)
                    if not isinstance(row, dict):
                        raise ValueError("expected an object in braces")
                except (ValueError, RecursionError) as error:
                    problems.append(f"{path.name}, line {number}: not a JSON object: {error}")
                    continue
                yield {"id": f"{number}", **row}
    except UnicodeDecodeError as error:
        raise UsageError(f"cannot read {str(path)!r}: expected JSON Lines in UTF-8, got other bytes") from error
    except OSError as error:
        raise _unreadable(path, error) from error


def run_batch(
    items: Path, options: JudgeOptions, *, concurrency: int | None, out: Path | None, report: Path | None
) -> dict[str, Any]:
    """Judge every item; bad items are counted and named, and the rest goes on."""
    from autorater.autorater import AutoRater
    from autorater.sync import run_sync

    problems: list[str] = []
    tally = Tally()
    start = time.perf_counter()
    total = count_lines(items)
    with ExitStack() as stack:
        judge: AutoRater = stack.enter_context(options.open())
        lines = stack.enter_context(out.open("w", encoding="utf-8")) if out else None
        bar = stack.enter_context(progress_bar("judging", total))

        def reject(item: Any, error: Exception) -> None:
            problems.append(f"item {item.get('id', '?')}: {error}")
            bar.advance(problems=len(problems))

        async def work() -> None:
            stream = judge.judge_all(
                read_items(items, problems), concurrency=concurrency, on_error=reject, folder=items.parent
            )
            async for judgment in stream:
                tally.add(judgment)
                if lines:
                    _write(lines, judgment)
                bar.advance(cost=tally.cost, problems=len(problems))

        stopped = ""
        try:
            run_sync(work())
        except BudgetExceeded as error:
            stopped = str(error)
        finally:
            if judge.log is not None:
                from autorater.judge import end

                end(judge.log, "budget" if stopped else "finished" if not sys.exc_info()[0] else "failed")
    if report is not None and options.log is not None:
        report_log(options.log, report)
    for problem in problems:
        print(f"autorater: {one_line(problem)}", file=sys.stderr)
    seconds = time.perf_counter() - start
    return {**tally.summary(), "errors": problems, "stopped": stopped, "seconds": round(seconds, 2)}


def _write(lines: TextIO, judgment: Judgment) -> None:
    try:
        lines.write(judgment.model_dump_json() + "\n")
    except OSError as error:
        raise RecordError(f"cannot write to --out: {error.strerror}; free some space, --log resumes a run") from error


def count_lines(path: Path) -> int | None:
    """The number of lines, for the progress bar; None when the file can be read only once.

    Raises:
        UsageError: it cannot be read at all.

    """
    try:
        if path.exists() and not path.is_file() and not path.is_dir():
            return None
        with path.open("rb") as file:
            return sum(1 for line in file if line.strip())
    except OSError as error:
        raise _unreadable(path, error) from error


def _unreadable(path: Path, error: OSError) -> UsageError:
    return UsageError(f"cannot read the items from {str(path)!r}: {error.strerror}; check the path")


class Tally:
    """Counts of outcomes, tokens and money."""

    def __init__(self) -> None:
        self.outcomes: Counter[str] = Counter()
        self.preferred: Counter[str] = Counter()
        self.cost: float | None = 0.0
        self.tokens = Counter[str]()
        self.inconsistent = 0
        self.flagged = 0

    def add(self, judgment: Judgment) -> None:
        """Count one judgment."""
        self.outcomes[judgment.outcome] += 1
        if judgment.preferred:
            self.preferred[judgment.preferred] += 1
        self.cost = None if self.cost is None or judgment.cost is None else self.cost + judgment.cost
        self.tokens.update(input=judgment.usage.input, output=judgment.usage.output)
        self.inconsistent += judgment.consistent is False
        self.flagged += any(citation.flag for citation in judgment.citations)

    def summary(self) -> dict[str, Any]:
        """The counts; `coverage` is the share of items with a result, `cost` is null when a price is unknown."""
        items = sum(self.outcomes.values())
        results = self.outcomes["scored"] + self.outcomes["tie"]
        return {
            "items": items,
            "outcomes": dict(self.outcomes),
            "coverage": round(results / items, 6) if items else None,
            "preferred": dict(self.preferred),
            "orders_conflict": self.inconsistent,
            "wrong_quotes": self.flagged,
            "cost": None if self.cost is None else round(self.cost, 6),
            "tokens": dict(self.tokens),
        }


def replay_batch(folder: Path, *, report: Path | None) -> dict[str, Any]:
    """Replay a log and compare every judgment byte by byte."""
    from autorater.replay import replay

    tally, differing = Tally(), list[str]()
    start = time.perf_counter()
    with RunLog(folder) as log:
        calls, total = log.count("asked") + log.count("assessed"), log.count("judged")
    with progress_bar("replaying", total) as bar:
        for item in replay(folder):
            tally.add(item.judgment)
            if not item.identical:
                differing.append(item.judgment.id)
            bar.advance()
    if report is not None:
        report_log(folder, report)
    seconds = time.perf_counter() - start
    return {
        **tally.summary(),
        "identical": sum(tally.outcomes.values()) - len(differing),
        "differing": differing,
        "recorded_calls": calls,
        "seconds": round(seconds, 3),
    }


def judgments(log: RunLog) -> Iterator[Judgment]:
    """The last judgment of every item, in the order in which the items were taken up."""
    seen: set[str] = set()
    for line in log.lines("requested"):
        item = Requested.model_validate_json(line)
        judged = log.find(Judged, item.key)
        if judged is not None and item.key not in seen:
            seen.add(item.key)
            yield judged.judgment


def show_batch(folder: Path, item: str | None, *, report: Path | None, as_json: bool) -> None:
    """Print recorded judgments: all of them, or those of one id."""
    from autorater.replay import recorded_cards
    from autorater.screen import show_judgment

    with RunLog(folder) as log:
        cards = recorded_cards(log)
        found = (judgment for judgment in judgments(log) if item is None or judgment.id == item)
        first = next(found, None)
        if first is None:
            raise RecordError(f"no judgment{f' called {item!r}' if item else ''} in {str(folder)!r}: judge first")
        if as_json:
            _print_json(chain([first], found))
        else:
            for judgment in chain([first], found):
                show_judgment(judgment, cards)
    if report is not None:
        report_log(folder, report, item)


def _print_json(found: Iterable[Judgment]) -> None:
    """One JSON list, written as it comes so that a long log does not fill the memory."""
    for place, judgment in enumerate(found):
        sys.stdout.write(("[\n" if place == 0 else ",\n") + judgment.model_dump_json())
    sys.stdout.write("\n]\n")


def report_log(folder: Path, report: Path, item: str | None = None) -> None:
    """Write the report of a log: its first `REPORTED` judgments, with their recorded pictures."""
    from autorater.replay import recorded_cards
    from autorater.report import write_report
    from autorater.report_rows import drawn

    with RunLog(folder) as log:
        shown = [judgment for judgment in judgments(log) if item is None or judgment.id == item][:REPORTED]
        wanted = {name for judgment in shown for name in (*judgment.candidates, *judgment.sources, *drawn(judgment))}
        pictures: dict[str, Picture] = {}
        for line in log.lines("requested"):
            request = Requested.model_validate_json(line)
            for record in (*request.sources, *request.candidates):
                if record.sha256 in wanted and record.sha256 not in pictures:
                    pictures[record.sha256] = log.picture(record)
        for line in log.lines("drawn"):
            record = Drawn.model_validate_json(line).picture
            if record is not None and record.sha256 in wanted:
                pictures[record.sha256] = log.picture(record)
        write_report(report, shown, pictures, recorded_cards(log), title=f"AutoRater: {folder.name}")
