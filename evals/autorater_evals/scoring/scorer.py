"""The evaluation of a run: each part scored by its kind, with what the run took."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from autorater.card import Card
from autorater.errors import UsageError
from autorater.judgment import Judgment, total_cost
from autorater.runlog import RunLog
from autorater_evals.answers import Answer, read_answer
from autorater_evals.benchmark import Dimension, Part
from autorater_evals.counting import many
from autorater_evals.evaluation import Evaluation, Profile, Row
from autorater_evals.item import Item
from autorater_evals.recorded import Evaluated
from autorater_evals.running import unusable
from autorater_evals.scoring.ceilings import ceiling_rows
from autorater_evals.scoring.controls import concordance_rows, generator_rows
from autorater_evals.scoring.facets import left_out
from autorater_evals.scoring.pairs import clear_gap, pair_rows, position_rows
from autorater_evals.scoring.passes import Orders, read_orders
from autorater_evals.scoring.points import point_rows
from autorater_evals.scoring.questions import Answers, question_rows, read_questions
from autorater_evals.scoring.structures import pair_structures, point_structures
from autorater_evals.scoring.told import Told
from autorater_evals.seen import EMBEDDED, Fits, fits_of
from autorater_evals.structures import Structures


@dataclass
class Read:
    """Judgments reduced to what figures need, as they pass by; memory does not hold the judgments."""

    answers: dict[str, dict[str, Answer]] = field(default_factory=dict[str, dict[str, Answer]])
    """Dimension → item → answer."""
    orders: dict[str, Orders] = field(default_factory=dict[str, Orders])
    questions: dict[str, Answers | None] = field(default_factory=dict[str, Answers | None])
    outcomes: dict[str, str] = field(default_factory=dict[str, str])
    costs: list[float | None] = field(default_factory=list[float | None])
    tokens: Counter[str] = field(default_factory=Counter[str])
    specialists: Counter[str] = field(default_factory=Counter[str])
    settings: str = ""
    fits: Fits = field(default_factory=lambda: Fits({}))
    seen: set[str] = field(default_factory=set[str])
    """Items whose pictures or prompt somebody who decided was fitted or trained on."""
    met: Counter[str] = field(default_factory=Counter[str])
    """Who that was → how many items."""

    def add(self, judgment: Judgment, item: Item, dimensions: Iterable[Dimension], cards: Mapping[str, Card]) -> None:
        """Note one judgment of an item."""
        self.outcomes[item.id] = judgment.outcome
        self.costs.append(judgment.cost)
        self.tokens.update(input=judgment.usage.input, output=judgment.usage.output)
        measured = (one.specialist for one in judgment.assessments if one.outcome.kind == "measured")
        self.specialists.update(measured)
        self.settings = judgment.judged_by.settings
        for name in self.fits.met(judgment):
            self.seen.add(item.id)
            self.met[name] += 1
        if item.questions is not None:
            self.questions[item.id] = read_questions(judgment)
        for dimension in dimensions:
            self.answers.setdefault(dimension.name, {})[item.id] = read_answer(judgment, dimension.reads, cards)
        if judgment.task == "compare":
            self.orders[item.id] = read_orders(judgment)


def dimensions_of(part: Part, items: Iterable[Item]) -> tuple[Dimension, ...]:
    """The dimensions of the card, and any other that labels of the data have (of one's own data)."""
    declared = {dimension.name: dimension for dimension in part.dimensions}
    named = {name for item in items for name in (*item.opinions, *item.preferences)}
    further = [
        Dimension(name=name, meaning=name, reads=(f"dimension:{name}", f"attribute:{name}", "overall"))
        for name in sorted(named - set(declared))
    ]
    return (*(one for name, one in declared.items() if name in named), *further)


def score(run: Evaluated, judgments: Iterable[Judgment] | None = None) -> Evaluation:
    """All figures of a run, from its recorded judgments or from those given (as of a replay)."""
    dimensions = {part.name: dimensions_of(part, run.part(part.name)) for part in run.header.parts}
    read = Read(fits=fits_of(run.folder))
    for judgment in run.judgments() if judgments is None else judgments:
        item = run.items[judgment.id]
        read.add(judgment, item, dimensions[item.part], run.cards)
    for id in unusable(run):
        read.outcomes.setdefault(id, "unusable")
    rows = [row for part in run.header.parts for row in _part_rows(run, part, dimensions[part.name], read)]
    structures = [one for part in run.header.parts for one in _structures(run, part, dimensions[part.name], read)]
    return Evaluation(
        benchmark=run.header.benchmark,
        title=run.header.title,
        judge=run.judge,
        settings=read.settings,
        data=run.header.data,
        complete=run.header.complete,
        rows=tuple(_marked(run, row) for row in rows),
        profile=_profile(run, read),
        structures=tuple(structures),
        notes=tuple(_notes(run, read)),
    )


def score_answers(part: Part, items: list[Item], dimension: str, answers: Mapping[str, Answer]) -> list[Row]:
    """The rows of one dimension for answers that come from elsewhere than a log's judgments: a reading, a subset."""
    told = Told.of(dimension, items, answers)
    if part.kind == "questions":
        raise UsageError(f"{part.name} has questions, and they have no dimensions")
    return list(point_rows(part.name, told) if part.kind == "points" else pair_rows(part, told, {}))


def _part_rows(run: Evaluated, part: Part, dimensions: Iterable[Dimension], read: Read) -> Iterator[Row]:
    items = run.part(part.name)
    if part.kind == "questions":
        yield from question_rows(part.name, items, read.questions)
        return
    for dimension in dimensions:
        told = Told.of(dimension.name, items, read.answers.get(dimension.name, {}))
        if part.kind == "points":
            yield from point_rows(part.name, told)
            yield from concordance_rows(part.name, told, clear=clear_gap(part, dimension.name))
        else:
            yield from pair_rows(part, told, read.orders)
        yield from generator_rows(part.name, told)
        if fresh := _fresh(told, read):
            yield from _fresh_rows(part, fresh)
        yield from ceiling_rows(part.name, told)
    if part.kind != "points":
        yield from position_rows(part, items, read.orders)


def _structures(run: Evaluated, part: Part, dimensions: Iterable[Dimension], read: Read) -> Iterator[Structures]:
    """What is more than one number, of each dimension of pairs and of all dimensions of points together."""
    items = run.part(part.name)
    told = [Told.of(one.name, items, read.answers.get(one.name, {})) for one in dimensions]
    if part.kind == "points":
        found = point_structures(part, told)
        yield from [found] if found else []
    elif part.kind != "questions":
        yield from (pair_structures(part, one) for one in told if one.items)


def _fresh(told: Told, read: Read) -> Told | None:
    """The items that the judge was not fitted on, when it was fitted on some."""
    return told.where(lambda item: item.id not in read.seen) if read.seen else None


def _fresh_rows(part: Part, told: Told) -> Iterator[Row]:
    """The main figures of items that were not in the fit."""
    if not told.items:
        return
    rows = point_rows(part.name, told) if part.kind == "points" else pair_rows(part, told, {})
    for row in rows:
        if row.slice == "all":
            yield row.model_copy(update={"slice": "not in the fit"})


def _marked(run: Evaluated, row: Row) -> Row:
    """The row with what was published beside it, and whether the protocol reports it."""
    part = next(part for part in run.header.parts if part.name == row.part)
    measure = row.figure.measure
    whole = row.slice == "all" or measure == "group_accuracy"  # of groups there is no figure over all sizes
    told = {
        one.judge: one.value
        for one in run.header.published
        if (one.part, one.dimension, one.measure) == (row.part, row.dimension or one.dimension, measure) and whole
    }
    usual = {"points": ("pearson", "spearman"), "questions": ("accuracy",)}.get(part.kind, ("accuracy_half",))
    headline = whole and measure in (part.figures or usual)
    return row.model_copy(update={"published": told, "headline": headline})


def _profile(run: Evaluated, read: Read) -> Profile:
    outcomes = Counter(read.outcomes.get(id, "absent") for id in run.items)
    with RunLog(run.folder) as log:
        calls, assessments = log.count("asked"), log.count("assessed")
    return Profile(
        items=len(run.items),
        outcomes=dict(sorted(outcomes.items())),
        calls=calls,
        assessments=assessments,
        cost=total_cost(read.costs),
        tokens=dict(read.tokens),
        specialists=dict(sorted(read.specialists.items())),
    )


def _notes(run: Evaluated, read: Read) -> Iterator[str]:
    header = run.header
    if not header.complete:
        yield "the data are a part of the benchmark: these figures are not those of the whole"
    if header.limit is not None:
        yield f"at most {many(header.limit, 'item')} a part were judged, whole prompts drawn by seed 0"
    for name, count in sorted(read.met.items()):
        if name in EMBEDDED and run.settings.get("model") is None:
            yield (
                f"this judge was fitted on pictures or prompts of {count:,} of {many(len(run.items), 'item')}: "
                "their figures are not held out; those that are: python -m autorater_evals.embedded_accuracy"
            )
        else:
            yield (
                f"{name} was trained on pictures or prompts of {count:,} of {many(len(run.items), 'item')} "
                f"({read.fits.known[name].source}): their figures are not held out"
            )
    abstained = sum(outcome == "abstained" for outcome in read.outcomes.values())
    if abstained and "." in str(run.settings.get("criterion", "")):
        yield (
            f"{many(abstained, 'rating')} abstained, since the reading has no bounds and so no score of 1 to 10; "
            "the figures are of the reading itself"
        )
    for part in header.parts:
        yield from left_out(part.name, run.part(part.name), pairs=part.kind not in ("points", "questions"))
    missing = len(run.items) - len(read.outcomes)
    if missing:
        yield f"{many(missing, 'item')} not judged yet: run the same command again to go on"
