"""What is measured: one part of a benchmark, one dimension, one measure; and a judge's marks in it, unit by unit.

A unit is what is counted: a pair, an image, a group of pairs, or one question about an image.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias, cast

import numpy as np

from autorater.card import Card
from autorater.errors import UsageError
from autorater.judgment import Judgment
from autorater.suggest import did_you_mean
from autorater_evals.answers import Answer, read_answer
from autorater_evals.benchmark import Dimension, Kind, Part
from autorater_evals.figure import Figure
from autorater_evals.item import Item
from autorater_evals.scoring.questions import read_questions
from autorater_evals.scoring.scorer import dimensions_of
from autorater_evals.statistics.agreement import TieRule, choice_codes, points
from autorater_evals.statistics.comparing import Difference, correlation_difference, difference
from autorater_evals.statistics.correlation import correlation
from autorater_evals.statistics.missing import mean_figure
from autorater_evals.statistics.resampling import Array, Mask

MEASURES: Mapping[Kind, tuple[str, ...]] = {
    "pairs": ("accuracy_half", "accuracy_strict", "accuracy_drop", "accuracy_three_way"),
    "groups": ("group_accuracy",),
    "points": ("pearson", "spearman", "kendall_b"),
    "questions": ("accuracy",),
}
"""Kind of a part → its measures, the default first (paper 001: Pearson for points)."""
CORRELATIONS = MEASURES["points"]
Told: TypeAlias = Answer | Mapping[str, str] | None
"""What a judgment says: an answer; of questions, question → answer, or None without a result."""


@dataclass(frozen=True)
class Target:
    """One figure to be had from a run. All arrays and tuples are over units, in the benchmark's order."""

    part: Part
    dimension: Dimension | None
    measure: str
    units: tuple[str, ...]
    clusters: tuple[str, ...]
    people: Array
    """Pairs: 1, 0 or -1 for a, tie or b. Points: the mean opinion, higher is better. Groups and questions: ones."""
    places: Mapping[str, tuple[int, ...]]
    """Item → its units (a group holds several items, an item several questions)."""
    truths: Mapping[str, Any]
    """Item → the preferred side, or its questions' answers; empty for points."""

    @property
    def correlates(self) -> bool:
        """Whether the measure is a correlation, which no single unit has a part in."""
        return self.measure in CORRELATIONS

    @property
    def words(self) -> str:
        """The target in words."""
        return " ".join(filter(None, (self.part.name, self.dimension.name if self.dimension else "", self.measure)))

    def read(self, judgment: Judgment, cards: Mapping[str, Card]) -> Told:
        """What a judgment says in this dimension; `cards` are those on offer to the judge."""
        if self.part.kind == "questions":
            return read_questions(judgment)
        assert self.dimension is not None
        return read_answer(judgment, self.dimension.reads, cards)

    def marks(self, judgments: Iterable[Judgment], cards: Mapping[str, Card]) -> Array:
        """What each unit got, (units,): 0 to 1, or a score where the measure is a correlation; NaN without a result."""
        return self.marks_of({one.id: self.read(one, cards) for one in judgments if one.id in self.places})

    def marks_of(self, told: Mapping[str, Told]) -> Array:
        """As `marks`, from item → what its judgment says."""
        if self.part.kind == "questions":
            return self._answered({id: one for id, one in told.items() if not isinstance(one, Answer)})
        answers = {id: one for id, one in told.items() if isinstance(one, Answer) and id in self.places}
        if self.part.kind == "points":
            found = np.full(len(self.units), np.nan)
            for item, answer in answers.items():
                if answer.score is not None:
                    found[self.places[item][0]] = answer.score
            return found
        if self.part.kind == "groups":
            return self._grouped({item: answer.side for item, answer in answers.items()})
        sides: list[str | None] = [None] * len(self.units)
        for item, answer in answers.items():
            sides[self.places[item][0]] = answer.side
        rule = cast(TieRule, self.measure.removeprefix("accuracy_"))
        return points(self.people, choice_codes(sides, who="the judge"), rule=rule)

    def _grouped(self, sides: Mapping[str, str | None]) -> Array:
        """1 where all pairs of a group are right (ties counted), NaN where one is missing."""
        found = np.ones(len(self.units))
        for item, (place,) in self.places.items():
            side = sides.get(item)
            right = np.nan if side is None else float(side == self.truths[item])
            found[place] = found[place] * right
        return found

    def _answered(self, told: Mapping[str, Mapping[str, str] | None]) -> Array:
        """As in `scoring.questions`: "cannot tell" is wrong, and a judgment without a result is missing."""
        found = np.full(len(self.units), np.nan)
        for item, said in told.items():
            if said is not None:
                truths = self.truths.get(item, {}).items()
                for place, (question, truth) in zip(self.places.get(item, ()), truths, strict=True):
                    found[place] = float(said.get(question) == truth)
        return found

    def figure(self, marks: Array, among: Mask | None = None, *, draws: int | None = None) -> Figure:
        """The measure over the units of `among` (all of them), with its interval by prompt from so many `draws`."""
        kept = np.ones(len(marks), np.bool_) if among is None else among
        clusters = [name for name, there in zip(self.clusters, kept, strict=True) if there]
        many: dict[str, Any] = {} if draws is None else {"draws": draws}
        if self.correlates:
            kind = cast(Literal["pearson", "spearman", "kendall_b"], self.measure)
            return correlation(marks[kept], self.people[kept], measure=kind, clusters=clusters, **many)
        return mean_figure(marks[kept], measure=self.measure, clusters=clusters, **many)

    def difference(self, one: Array, other: Array, among: Mask | None = None) -> Difference:
        """`other` minus `one` on the units that both have, with its interval and p by prompt."""
        kept = np.ones(len(one), np.bool_) if among is None else among
        clusters = [name for name, there in zip(self.clusters, kept, strict=True) if there]
        if self.correlates:
            kind = cast(Literal["pearson", "spearman", "kendall"], self.measure.removesuffix("_b"))
            people = self.people[kept]
            return correlation_difference(people, one[kept], other[kept], kind=kind, clusters=clusters, unit="prompts")
        return difference(one[kept], other[kept], clusters=clusters, unit="prompts")


def targets_of(
    parts: Sequence[Part], items: Iterable[Item], *, part: str = "", dimension: str = "", measure: str = ""
) -> list[Target]:
    """Every target that is asked for; "" means all parts, all dimensions, and each part's own measure.

    Raises:
        UsageError: there is no such part, dimension or measure, or nobody judged one of the items in it.

    """
    listed = list(items)
    if part and part not in {each.name for each in parts}:
        raise UsageError(f"no part is called {part!r}; {did_you_mean(part, [each.name for each in parts])}")
    found: list[Target] = []
    for each in parts:
        own = [item for item in listed if item.part == each.name]
        if own and part in ("", each.name):
            dimensions = [one for one in dimensions_of(each, own) if dimension in ("", one.name)]
            fitting = measure_of(each, measure) if part or not measure or measure in MEASURES[each.kind] else ""
            for one in dimensions if each.kind != "questions" else [None]:
                if fitting:
                    found.append(make_target(each, one, fitting, own))
    if not found:
        known = ", ".join(sorted({name for item in listed for name in (*item.opinions, *item.preferences)}))
        raise UsageError(f"--dimension {dimension!r} with --measure {measure!r} asks for nothing; dimensions: {known}")
    return found


def measure_of(part: Part, name: str = "") -> str:
    """The measure of this name, or the part's own: its first headline that is one of ours, else the kind's default."""
    known = MEASURES[part.kind]
    if name and name not in known:
        raise UsageError(f"{part.name} is {part.kind}: --measure is one of {', '.join(known)}; got {name!r}")
    return name or next((figure for figure in part.figures if figure in known), known[0])


def make_target(part: Part, dimension: Dimension | None, measure: str, items: Sequence[Item]) -> Target:
    """The units of these items. Pairs on which people tie are left out unless ties are a class of their own."""
    if part.kind == "questions":
        return _of_questions(part, measure, items)
    assert dimension is not None
    units: dict[str, str] = {}
    number: dict[str, int] = {}
    places: dict[str, tuple[int, ...]] = {}
    people: list[float] = []
    truths: dict[str, Any] = {}
    for item in items:
        value: float
        if part.kind == "points":
            if dimension.name not in item.opinions:
                continue
            mean = item.opinions[dimension.name].mean
            value = mean if dimension.better == "higher" else -mean
        else:
            if dimension.name not in item.preferences:
                continue
            truths[item.id] = item.preferences[dimension.name].preferred
            value = {"a": 1.0, "b": -1.0, "tie": 0.0}[truths[item.id]]
            if value == 0 and part.kind == "pairs" and measure != "accuracy_three_way":
                continue
        unit = (item.group or item.id) if part.kind == "groups" else item.id
        if unit not in units:
            units[unit], number[unit] = item.cluster, len(units)
            people.append(1.0 if part.kind == "groups" else value)
        places[item.id] = (number[unit],)
    if not units:
        raise UsageError(f"no item of {part.name} has a label in {dimension.name}: choose another --dimension")
    return Target(part, dimension, measure, tuple(units), tuple(units.values()), np.array(people), places, truths)


def _of_questions(part: Part, measure: str, items: Sequence[Item]) -> Target:
    units: list[str] = []
    clusters: list[str] = []
    places: dict[str, tuple[int, ...]] = {}
    for item in items:
        places[item.id] = tuple(range(len(units), len(units) + len(item.answers)))
        units += [f"{item.id}/{question}" for question in item.answers]
        clusters += [item.cluster] * len(item.answers)
    if not units:
        raise UsageError(f"no question of {part.name} has people's answer")
    truths = {item.id: dict(item.answers) for item in items}
    return Target(part, None, measure, tuple(units), tuple(clusters), np.ones(len(units)), places, truths)
