"""The rows as text of at most 100 columns: published beside recomputed, per table and task."""

from collections.abc import Iterator, Sequence
from itertools import groupby

from autorater.errors import one_line
from autorater_evals.published.numbers import SOURCES
from autorater_evals.published.row import Row

WIDTH = 100
_COUNTS = frozenset({"ImageReward"})
_HEADING = ("judge", "measure", "published", "recomputed", "differs", "95 % interval", "n")
_LEFT, _RIGHT = (24, 20), (9, 11, 10, 17, 7)


def text_of(rows: Sequence[Row]) -> str:
    """All rows but those of single generators, which --json has."""
    return "\n".join(line.rstrip() for line in _lines(rows))


def _lines(rows: Sequence[Row]) -> Iterator[str]:
    single = sum("/" in row.task for row in rows)
    for table, of_table in groupby(rows, key=lambda row: row.table):
        yield f"{table}"
        yield from _folded(f"published: {SOURCES[table]}")
        for task, of_task in groupby((row for row in of_table if "/" not in row.task), key=lambda row: row.task):
            yield ""
            yield f"  {_short(task, WIDTH - 2)}"
            yield _cells(_HEADING)
            judge = ""
            for row in of_task:
                yield _line(row, judge)
                judge = row.judge
        yield ""
    compared = [row for row in rows if row.published is not None and row.value is not None]
    yield f"{len(compared):,} of {len(rows):,} figures have a published one beside them."
    if single:
        yield f"{single:,} figures of single generators are in --json only."
    yield "95 % intervals: bootstrap of prompts (images where each has its own), Wilson or Fisher's z."


def _line(row: Row, before: str) -> str:
    digits = 0 if row.table in _COUNTS else 4
    measure = row.measure if row.average is None else f"{row.measure} ({row.average})"
    difference = None if row.published is None or row.value is None else row.value - row.published
    interval = f"{row.ci95[0]:.3f} to {row.ci95[1]:.3f}" if row.ci95 else "-"
    judge = "" if row.judge == before else _short(row.judge, 23)
    numbers = (_number(row.published, digits), _number(row.value, digits), _number(difference, digits, sign=True))
    return _cells((judge, measure, *numbers, interval, f"{row.n:,}"))


def _cells(cells: Sequence[str]) -> str:
    """The cells on one line; numbers stand right in their columns."""
    text = "".join(cell.ljust(width) for cell, width in zip(cells[:2], _LEFT, strict=True))
    return "  " + text + "".join(cell.rjust(width) for cell, width in zip(cells[2:], _RIGHT, strict=True))


def _number(value: float | None, digits: int, *, sign: bool = False) -> str:
    if value is None:
        return "-"
    return f"{value:{'+z' if sign else ''}.{digits}f}"


def _short(text: str, most: int) -> str:
    plain = one_line(text)
    return plain if len(plain) <= most else f"{plain[: most - 1]}…"


def _folded(text: str) -> Iterator[str]:
    import textwrap

    yield from textwrap.wrap(text, WIDTH)
