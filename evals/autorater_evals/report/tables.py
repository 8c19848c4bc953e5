"""The tables of the report as plain rows: one in the shape of paper 001's Table 2, and every figure of every run."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from autorater_evals.evaluation import Row
from autorater_evals.figure import Figure
from autorater_evals.report.scored import Scored
from autorater_evals.report.wording import measure_words
from autorater_evals.statistics.resampling import FEW

MOST_DIMENSIONS = 8
"""Columns of one part at most in the first table; every dimension stands in the table of all figures."""


@dataclass(frozen=True, slots=True)
class Column:
    """One headline figure: a benchmark's part, what people judged, the measure."""

    benchmark: str
    title: str
    part: str
    dimension: str
    measure: str

    @property
    def words(self) -> str:
        """The heading without the benchmark: "pairs, overall, accuracy (%)"."""
        named = [self.part, *([self.dimension.replace("_", " ")] if self.dimension else [])]
        return ", ".join([*named, measure_words(self.measure)])


@dataclass(frozen=True, slots=True)
class Line:
    """One row of the first table. `group` is the model, `name` what the row is called: the model and specialists."""

    group: str
    name: str
    cells: tuple[Figure | None, ...]
    published: bool = False


@dataclass(frozen=True)
class Table:
    """`best` and `second` are places of lines by column, among our own runs only; empty with fewer than two.

    Figures of fewer than 20 items, or without an interval (as with one prompt alone), are neither.
    """

    columns: tuple[Column, ...]
    lines: tuple[Line, ...]
    best: dict[int, int] = field(default_factory=dict[int, int])
    second: dict[int, int] = field(default_factory=dict[int, int])

    @property
    def groups(self) -> tuple[tuple[str, str, int], ...]:
        """The columns' benchmarks and parts in order, each with its number of columns: the heads above the heads."""
        heads = [(column.title, column.part) for column in self.columns]
        starts = [place for place, head in enumerate(heads) if place == 0 or heads[place - 1] != head]
        ends = [*starts[1:], len(heads)]
        return tuple((*heads[start], end - start) for start, end in zip(starts, ends, strict=True))

    @property
    def own(self) -> tuple[Line, ...]:
        """The rows of the runs."""
        return tuple(line for line in self.lines if not line.published)

    @property
    def foreign(self) -> tuple[Line, ...]:
        """The rows that others published."""
        return tuple(line for line in self.lines if line.published)


def main_table(runs: Sequence[Scored]) -> Table:
    """Rows: judge × tools, then published judges. Columns: each benchmark's headline figures of all items."""
    columns = list(dict.fromkeys(column for run in runs for column in _columns(run)))
    named: dict[tuple[str, str], dict[Column, Figure]] = {}
    published: dict[str, dict[Column, Figure]] = {}
    for run in runs:
        for row in _headlines(run):
            column = _column(run, row)
            named.setdefault(row_names(run), {}).setdefault(column, row.figure)
            for judge, value in row.published.items():
                told = Figure(measure=row.figure.measure, value=value, n=0, total=0)
                published.setdefault(judge, {}).setdefault(column, told)
    order = sorted(named, key=lambda name: list(dict.fromkeys(group for group, _ in named)).index(name[0]))
    lines = [Line(*name, tuple(named[name].get(column) for column in columns)) for name in order]
    best, second = _places(lines, columns)
    lines += [
        Line("", judge, tuple(told.get(column) for column in columns), published=True)
        for judge, told in published.items()
    ]
    return Table(tuple(columns), tuple(lines), best, second)


def _headlines(run: Scored) -> list[Row]:
    """The headline rows of all items; of a part with many dimensions the first ones."""
    rows = [row for row in run.evaluation.rows if row.headline and row.slice == "all"]
    kept: list[Row] = []
    for part in dict.fromkeys(row.part for row in rows):
        some = [row for row in rows if row.part == part]
        names = list(dict.fromkeys(row.dimension for row in some))[:MOST_DIMENSIONS]
        kept += [row for row in some if row.dimension in names]
    return kept


def _columns(run: Scored) -> list[Column]:
    return [_column(run, row) for row in _headlines(run)]


def _column(run: Scored, row: Row) -> Column:
    return Column(run.benchmark, run.run.header.title, row.part, row.dimension, row.figure.measure)


def row_name(run: Scored) -> str:
    """What stands in the run's row."""
    return row_names(run)[1]


def row_names(run: Scored) -> tuple[str, str]:
    """The model, and the row's name: paper 001 writes "+ All" below the model that it is added to."""
    model, comma, tools = run.name.rpartition(", tools ")
    if not comma:
        return run.name, run.name
    return model, model if tools == "none" else f"{model} + {tools.replace('+', ', ')}"


def _places(lines: Sequence[Line], columns: Sequence[Column]) -> tuple[dict[int, int], dict[int, int]]:
    best: dict[int, int] = {}
    second: dict[int, int] = {}
    for place in range(len(columns)):
        told = [
            (figure.value, row)
            for row, line in enumerate(lines)
            if (figure := line.cells[place]) and figure.n >= FEW and figure.interval is not None
        ]
        values = sorted({value for value, _ in told if value is not None}, reverse=True)
        if len(values) > 1:
            best[place] = next(row for value, row in told if value == values[0])
            second[place] = next(row for value, row in told if value == values[1])
    return best, second


def shared_notes(runs: Sequence[Scored]) -> dict[str, list[str]]:
    """What a reader must know before believing the figures → the runs that it is said of, each with its benchmark."""
    found: dict[str, list[str]] = {}
    for run in runs:
        for note in run.evaluation.notes:
            found.setdefault(note, []).append(f"{run.name} on {run.run.header.title}")
    return found
