"""An evaluated run: a run log with the items and labels of its benchmark beside it, so that it stands on its own.

`benchmark.jsonl` in the log's folder has a header line and then one item a line, labels included.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ValidationError

from autorater.batch import judgments
from autorater.canonical import Record, digest_of
from autorater.card import Card
from autorater.document import describe_errors
from autorater.errors import RecordError
from autorater.events import Started
from autorater.judgment import Judgment
from autorater.replay import recorded_cards
from autorater.runlog import RunLog
from autorater_evals.benchmark import Part, Published
from autorater_evals.files import put_whole, read_lines
from autorater_evals.item import Item

NAME = "benchmark.jsonl"
Kept = TypeVar("Kept", bound=Record)


class Header(Record):
    """What was evaluated."""

    benchmark: str
    title: str
    card: str
    """The sha256 of the benchmark's card."""
    data: str
    """The sha256 of all items that were loaded, before `limit`."""
    licence: str
    training_allowed: bool
    parts: tuple[Part, ...]
    counts: dict[str, dict[str, int]]
    """Part → what was counted in the data."""
    complete: bool
    """Whether the data have all registered counts."""
    limit: int | None = None
    """Items a part at most (whole clusters drawn by seed 0), where the caller wanted fewer than there are."""
    published: tuple[Published, ...] = ()


@dataclass(frozen=True)
class Evaluated:
    """One run, read from its folder. `items` are by id, in the order of the benchmark."""

    folder: Path
    header: Header
    items: Mapping[str, Item]

    @cached_property
    def settings(self) -> Mapping[str, Any]:
        """The settings that the log was made with; empty before the first judgment."""
        with RunLog(self.folder) as log:
            started = next(log.events(), None)
        return started.settings if isinstance(started, Started) else {}

    @cached_property
    def cards(self) -> Mapping[str, Card]:
        """The cards that were on offer."""
        with RunLog(self.folder) as log:
            return recorded_cards(log)

    @property
    def judge(self) -> str:
        """Who judged, in a few words: the model or reading, and the specialists."""
        return judge_words(self.settings)

    def judgments(self) -> Iterator[Judgment]:
        """The last judgment of every item that is judged, in the order of the log."""
        with RunLog(self.folder) as log:
            yield from (judgment for judgment in judgments(log) if judgment.id in self.items)

    def part(self, name: str) -> list[Item]:
        """The items of one part, in order."""
        return [item for item in self.items.values() if item.part == name]


def judge_words(settings: Mapping[str, Any]) -> str:
    """Who judged, in a few words, from the settings of a log."""
    model, criterion = settings.get("model"), str(settings.get("criterion", "overall"))
    told = settings.get("tools", {})
    if model is None:
        return criterion if "." in criterion else "embedded" if criterion == "overall" else f"embedded ({criterion})"
    tools = "+".join(told.get("names", ())) or str(told.get("how", "none"))
    return f"{model['name']}, tools {tools}"


def digest_of_items(items: Iterable[Item]) -> str:
    """The sha256 of items with their labels."""
    return digest_of([item.model_dump(mode="json") for item in items])


def write_items(folder: Path, header: Header, items: Iterable[Item]) -> None:
    """Put the items beside the log, whole or not at all.

    When some are there they must be the same, or the first of these under a smaller limit: a sample may grow.

    Raises RecordError when the folder belongs to another evaluation or cannot be written.
    """
    path = folder / NAME
    lines = [header.model_dump_json(), *(item.model_dump_json() for item in items)]
    try:
        known = read_lines(path) if path.exists() else []
        if known and known != lines and not _grows(known, header, lines):
            raise RecordError(
                f"{str(folder)!r} holds the evaluation of other items ({_first(known)}): use the same data and parts, "
                "and no smaller limit, to resume, or choose another --log"
            )
    except (OSError, UnicodeDecodeError) as error:
        raise RecordError(f"cannot read {NAME} of {str(folder)!r}: {error}; choose another --log") from error
    if known != lines:
        write_whole(path, "".join(f"{line}\n" for line in lines))


def write_whole(path: Path, text: str) -> None:
    """Write a file beside a log, whole or not at all. Raises RecordError when it cannot be written."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        put_whole(path, text.encode())
    except OSError as error:
        raise RecordError(
            f"cannot write {path.name} to {str(path.parent)!r}: {error.strerror or error}; free some space or choose "
            "another folder, and run the same command again"
        ) from error


def _grows(known: Sequence[str], header: Header, lines: Sequence[str]) -> bool:
    try:
        before = Header.model_validate_json(known[0])
    except ValidationError:
        return False
    return before.model_copy(update={"limit": header.limit}) == header and set(known[1:]) < set(lines[1:])


def _first(known: Sequence[str]) -> str:
    try:
        header = json.loads(known[0])
        return f"{header['benchmark']}, limit {header.get('limit')}"
    except (ValueError, KeyError, TypeError, AttributeError):
        return "unreadable"


def open_run(folder: str | Path) -> Evaluated:
    """Read an evaluated run.

    Raises RecordError when the folder holds none, or it is damaged.
    """
    path = Path(folder) / NAME
    try:
        first, *lines = read_lines(path)
    except (OSError, UnicodeDecodeError) as error:
        raise RecordError(
            f"no evaluated run at {str(folder)!r}: expected {NAME} in it, as `autorater eval BENCHMARK` writes"
        ) from error
    if not first:
        raise RecordError(f"{path.name} of {str(folder)!r} is empty: delete the folder and evaluate again")
    items = [_read(Item, line, number) for number, line in enumerate(lines, 2)]
    return Evaluated(Path(folder), _read(Header, first, 1), {item.id: item for item in items})


def _read(kind: type[Kept], line: str, number: int) -> Kept:
    try:
        return kind.model_validate_json(line)
    except ValidationError as error:
        raise RecordError(f"{NAME}, line {number}: {describe_errors(error)}: the file is damaged") from error
