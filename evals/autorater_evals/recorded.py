"""An evaluated run: a run log with the items and labels of its benchmark beside it, so that it stands on its own.

`benchmark.jsonl` in the log's folder has a header line and then one item a line, labels included.
"""

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
    items: int | None = None
    """Lines that follow, which tells a file that was cut at the end of one; null in older files."""


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
    path, listed = folder / NAME, list(items)
    header = header.model_copy(update={"items": len(listed)})
    lines = [header.model_dump_json(), *(item.model_dump_json() for item in listed)]
    try:
        known = read_lines(path) if path.exists() else []
    except (OSError, UnicodeDecodeError) as error:
        raise RecordError(f"cannot read {NAME} of {str(folder)!r}: {error}; choose another --log") from error
    if known and known != lines and (why := _obstacle(known, header, listed)):
        raise RecordError(f"{str(folder)!r} {why} to resume, or choose another --log")
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


def _obstacle(known: Sequence[str], header: Header, items: Sequence[Item]) -> str:
    """Why an evaluation with these lines cannot go on as this one, and what to do; nothing where it can."""
    try:
        before = _read(Header, known[0], 1)
        there = [_read(Item, line, number) for number, line in enumerate(known[1:], 2)]
    except RecordError as error:
        return f"holds a damaged file ({error}): delete that file"
    wanted = {item.id: item for item in items}
    told = {name for name in Header.model_fields if getattr(before, name) != getattr(header, name)}
    told -= {"limit", "items"}  # a sample may grow
    others = any(wanted.get(item.id) != item for item in there) or {"benchmark", "data"} & told
    if others or [part.name for part in before.parts] != [part.name for part in header.parts]:
        return (
            f"holds the evaluation of other items ({before.benchmark}, limit {before.limit}): use the same data and "
            "parts, and no smaller limit,"
        )
    if "card" in told:
        return f"was begun with another version of the card of {header.benchmark}: use that version"
    return f"was begun with another {' and '.join(sorted(told))} of {header.benchmark}: use the same" if told else ""


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
    header = _read(Header, first, 1)
    items = [_read(Item, line, number) for number, line in enumerate(lines, 2)]
    if header.items not in (None, len(items)):
        raise RecordError(
            f"{NAME} of {str(folder)!r} holds {len(items):,} of its {header.items:,} items: the file was cut; run the "
            "command that made it again"
        )
    return Evaluated(Path(folder), header, {item.id: item for item in items})


def _read(kind: type[Kept], line: str, number: int) -> Kept:
    try:
        return kind.model_validate_json(line)
    except ValidationError as error:
        raise RecordError(f"{NAME}, line {number}: {describe_errors(error)}: the file is damaged") from error
