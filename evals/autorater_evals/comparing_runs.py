"""Whether two runs on the same items differ, and how small a difference could have been found."""

from collections.abc import Iterator, Mapping, Sequence
from importlib import import_module
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from autorater.canonical import Record
from autorater.errors import UsageError
from autorater.suggest import did_you_mean
from autorater_evals.answers import Answer, read_answer
from autorater_evals.benchmark import Part
from autorater_evals.counting import many
from autorater_evals.item import Item
from autorater_evals.recorded import Evaluated
from autorater_evals.scoring.questions import read_questions
from autorater_evals.scoring.scorer import dimensions_of
from autorater_evals.scoring.told import Told
from autorater_evals.seen import fits_of
from autorater_evals.statistics.agreement import coded, points
from autorater_evals.statistics.comparing import Comparison, Difference, compare, correlation_difference

Array = NDArray[np.float64]


class Compared(Record):
    """Two runs in one dimension of one part. Differences are the second run minus the first."""

    part: str
    dimension: str
    measure: str
    """accuracy (ties half), spearman or pearson."""
    items: int
    first: float | None
    second: float | None
    """On the items that both runs have a result for."""
    difference: Difference
    adjusted_p: float | None = None
    """The difference's p by Holm's method over all rows that have one (Scandinavian Journal of Statistics 6, 1979): the
    chance that luck alone puts any of these below .05 is at most .05."""
    comparison: Comparison | None = None
    """Of accuracies: the exact and the permutation test, the design effect, and the least difference to be found."""


class RunComparison(Record):
    """All that is said of two runs."""

    benchmark: str
    first: str
    second: str
    shared: int
    """Items that are in both runs."""
    only_first: int
    only_second: int
    rows: tuple[Compared, ...]
    notes: tuple[str, ...] = ()


def compare_runs(first: Evaluated, second: Evaluated, *, parts: Sequence[str] = ()) -> RunComparison:
    """Compare two runs item by item.

    Raises:
        UsageError: they are of different benchmarks, share no item, a label differs between them, or one of `parts` is
            not in both.

    """
    if first.header.benchmark != second.header.benchmark:
        raise UsageError(
            f"the runs are of different benchmarks ({first.header.benchmark} and {second.header.benchmark}): "
            "compare two runs of one"
        )
    shared = [id for id in first.items if id in second.items]
    differing = [id for id in shared if first.items[id] != second.items[id]]
    if not shared or differing:
        what = f"the label or content of {differing[0]!r} differs" if differing else "they share no item"
        raise UsageError(f"the runs cannot be compared: {what}; evaluate both on the same data")
    both = [part for part in first.header.parts if part.name in {one.name for one in second.header.parts}]
    for name in parts:
        if name not in {part.name for part in both}:
            raise UsageError(f"{name!r} is no part of both runs; {did_you_mean(name, [part.name for part in both])}")
    wanted = [part for part in both if not parts or part.name in parts]
    told = (_Told(first, set(shared)), _Told(second, set(shared)))
    rows = _adjusted([row for part in wanted for row in _rows(part, [first.items[id] for id in shared], *told)])
    return RunComparison(
        benchmark=first.header.benchmark,
        first=first.judge,
        second=second.judge,
        shared=len(shared),
        only_first=len(first.items) - len(shared),
        only_second=len(second.items) - len(shared),
        rows=rows,
        notes=(*_notes(rows), *_fits(first, told[0]), *_fits(second, told[1])),
    )


class _Told:
    """What a run says of the shared items: dimension → item → answer, and the questions' answers."""

    def __init__(self, run: Evaluated, shared: set[str]) -> None:
        self.answers: dict[str, dict[str, Answer]] = {}
        self.questions: dict[str, Mapping[str, str] | None] = {}
        self.seen = 0
        """Items that who decided was fitted or trained on."""
        fits = fits_of(run.folder)
        dimensions = {part.name: dimensions_of(part, run.part(part.name)) for part in run.header.parts}
        for judgment in run.judgments():
            if judgment.id not in shared:
                continue
            item = run.items[judgment.id]
            self.seen += any(fits.met(judgment))
            if item.questions is not None:
                self.questions[item.id] = read_questions(judgment)
            for dimension in dimensions[item.part]:
                answer = read_answer(judgment, dimension.reads, run.cards)
                self.answers.setdefault(dimension.name, {})[item.id] = answer


def _rows(part: Part, items: Sequence[Item], first: _Told, second: _Told) -> Iterator[Compared]:
    own = [item for item in items if item.part == part.name]
    if part.kind == "questions":
        yield from _question_rows(part.name, own, first, second)
        return
    for dimension in dimensions_of(part, own):
        one, other = (Told.of(dimension.name, own, told.answers.get(dimension.name, {})) for told in (first, second))
        if not one.items:
            continue
        if part.kind == "points":
            yield _correlated(part.name, one, other, "spearman")
            yield _correlated(part.name, one, other, "pearson")
        else:
            values = [points(*coded(told.people, told.sides), rule="half") for told in (one, other)]
            decided = np.array([side != "tie" for side in one.people])
            clusters = [name for name, kept in zip(one.clusters, decided, strict=True) if kept]
            yield _accurate(part.name, dimension.name, values[0][decided], values[1][decided], clusters)


def _question_rows(part: str, items: Sequence[Item], first: _Told, second: _Told) -> Iterator[Compared]:
    asked = [(item, question, answer) for item in items for question, answer in item.answers.items()]
    values: list[Array] = []
    for told in (first, second):
        given = [(told.questions.get(item.id), question, answer) for item, question, answer in asked]
        values.append(
            np.array([np.nan if own is None else float(own.get(question) == answer) for own, question, answer in given])
        )
    if asked:
        yield _accurate(part, "", values[0], values[1], [item.cluster for item, _, _ in asked])


def _accurate(part: str, dimension: str, one: Array, other: Array, clusters: Sequence[str]) -> Compared:
    found = compare(one, other, clusters=clusters)
    both = np.isfinite(one) & np.isfinite(other)
    return Compared(
        part=part,
        dimension=dimension,
        measure="accuracy_half" if dimension else "accuracy",
        items=int(both.sum()),
        first=float(one[both].mean()) if both.any() else None,
        second=float(other[both].mean()) if both.any() else None,
        difference=found.difference,
        comparison=found,
    )


def _correlated(part: str, one: Told, other: Told, kind: Literal["spearman", "pearson"]) -> Compared:
    from autorater_evals.statistics.correlation import correlation

    both = np.isfinite(one.scores) & np.isfinite(other.scores)
    people = np.where(both, one.means, np.nan)
    values = [correlation(told.scores, people, measure=kind, draws=2).value for told in (one, other)]
    found = correlation_difference(one.means, one.scores, other.scores, kind=kind, clusters=one.clusters)
    return Compared(
        part=part,
        dimension=one.dimension,
        measure=kind,
        items=int(both.sum()),
        first=values[0],
        second=values[1],
        difference=found,
    )


def _adjusted(rows: Sequence[Compared]) -> tuple[Compared, ...]:
    """The rows with Holm's p."""
    multitest: Any = import_module("statsmodels.stats.multitest")
    known = [row.difference.p for row in rows if row.difference.p is not None]
    adjusted = iter(multitest.multipletests(known, method="holm")[1].tolist() if known else [])
    return tuple(
        row if row.difference.p is None else row.model_copy(update={"adjusted_p": next(adjusted)}) for row in rows
    )


def _fits(run: Evaluated, told: _Told) -> Iterator[str]:
    if told.seen:
        met = many(told.seen, "item")
        yield f"{run.judge} was fitted on pictures or prompts of {met}: its figures are not held out"


def _notes(rows: Sequence[Compared]) -> Iterator[str]:
    tested = sum(row.adjusted_p is not None for row in rows)
    if tested > 1:
        yield f"{tested} differences are tested: one p in twenty is below .05 by luck alone, which Holm's p allows for"
    if any(row.items < row.difference.figure.total for row in rows):
        yield "items without a result in a run are left out of the difference; its bounds tell what they could do"
