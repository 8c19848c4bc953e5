"""The items of all runs for the browser: a table in columns that the page reads at once, and details in packed chunks.

Only the columns stay in memory; details go to a file, a chunk of `CHUNK` items at a time, as they are made.
"""

import base64
import json
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import IO, Any

from autorater.judgment import Judgment
from autorater_evals.item import Item
from autorater_evals.report import MOST_ITEMS
from autorater_evals.report.columns import Columns
from autorater_evals.report.details import item_detail, judgment_detail
from autorater_evals.report.reading import Seen, see
from autorater_evals.report.scored import Recording, Scored, all_items, by_benchmark
from autorater_evals.report.wording import printable

CHUNK = 25
"""Items whose details are packed together."""


def inert_json(value: Any) -> str:
    """JSON that can stand in a script element: no character of it can close the element or open a comment."""
    text = json.dumps(printable(value), separators=(",", ":"), ensure_ascii=True, allow_nan=False)
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def packed(value: Any) -> str:
    """JSON, compressed (zlib), in base64: what the browser unpacks with `DecompressionStream("deflate")`."""
    data = json.dumps(printable(value), separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()
    return base64.b64encode(zlib.compress(data, 6)).decode("ascii")


@dataclass
class Gathered:
    """All that the page needs besides the details."""

    columns: Columns
    seen: list[list[Seen]]
    """Of each run, every item in order; for the plots."""
    chunks: int = 0
    items: int = 0
    """Items of all benchmarks; `shown` of them are in the browser."""
    shown: int = 0
    waiting: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])


def gather(runs: Sequence[Scored], details: IO[str], *, most: int = MOST_ITEMS) -> Gathered:
    """Read every judgment once: what plots and filters need is returned, the details are written as script elements.

    `most`: items in the browser at most, taken at even steps; 0 for none.

    Raises:
        RecordError: a log is missing or damaged.

    """
    found = Gathered(Columns(runs), [[] for _ in runs])
    total = sum(len(all_items(some)) for some in by_benchmark(runs).values())
    step = max(1.0, total / most) if most else float("inf")
    for item, told, seen in _items(runs):
        for place, one in seen.items():
            found.seen[place].append(one)
        if most and found.items >= found.shown * step:
            found.shown += 1
            found.waiting.append(_detail(runs, found.columns, item, told, seen))
            if len(found.waiting) == CHUNK:
                _flush(found, details)
        found.items += 1
    if found.waiting:
        _flush(found, details)
    return found


def _flush(found: Gathered, details: IO[str]) -> None:
    details.write(f'<script type="text/plain" id="d{found.chunks}">{packed(found.waiting)}</script>\n')
    found.chunks += 1
    found.waiting.clear()


def _items(runs: Sequence[Scored]) -> Iterator[tuple[Item, dict[int, Judgment | None], dict[int, Seen]]]:
    """Every item with the judgments of the runs that hold it, by the runs' places; None where it was not judged."""
    for some in by_benchmark(runs).values():
        places = [next(place for place, one in enumerate(runs) if one is run) for run in some]
        cards = [run.run.cards for run in some]
        with ExitStack() as stack:
            logs = [stack.enter_context(Recording(run.run)) for run in some]
            for item in all_items(some).values():
                told: dict[int, Judgment | None] = {}
                seen: dict[int, Seen] = {}
                for place, run, log, card in zip(places, some, logs, cards, strict=True):
                    if item.id in run.run.items:
                        told[place] = log.judgment(item.id)
                        seen[place] = see(run, item, told[place], card)
                yield item, told, seen


def _detail(
    runs: Sequence[Scored],
    columns: Columns,
    item: Item,
    told: Mapping[int, Judgment | None],
    seen: Mapping[int, Seen],
) -> dict[str, Any]:
    """Take up an item in the columns, and return its details."""
    columns.add(item, told, seen)
    detail = item_detail(item, runs[next(iter(seen))])
    said: list[list[Any]] = []
    for place, judgment in told.items():
        told_now: dict[str, Any] | None = None
        if judgment is not None:
            cards = runs[place].run.cards
            told_now = judgment_detail(judgment, seen[place], cards, picture=columns.pictures, mask=columns.mask)
        said.append([place, told_now])
    return detail | {"runs": said}
