"""Rejection sampling: draft an item until one draft passes every filter, and ask without the label how hard it is."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from autorater.distribution import label_distribution
from autorater.model import Token
from autorater.verdict import SCALE
from autorater.work import together
from autorater_evals.distillation.asking import Teacher
from autorater_evals.distillation.draft import NOTHING, Context, Draft
from autorater_evals.distillation.filters import FILTERS, Filter, leakage, verdict
from autorater_evals.distillation.plan import Subject, Variant

ANSWER = "answer"
"""What counts the drafts that cannot be read (refused, cut off, not of the schema); it cannot be switched off."""
_LABELS = {"compare": ("image_1", "image_2", "tie"), "rate": tuple(str(n) for n in range(SCALE[0], SCALE[1] + 1))}


@dataclass(frozen=True)
class Answer:
    """What is kept of an answer that is no example: of one thrown out by a filter, or given without the label."""

    order: tuple[int, ...]
    completion: str
    rationale: str
    filter: str
    """The filter that it fails, "" when it fails none; of answers without the label only "verdict" is asked."""
    why: str = ""
    leaks: bool = False
    """Whether it gives the label away, whatever filter it failed first."""


@dataclass(frozen=True)
class Case:
    """What came of one item in one variant."""

    subject: Subject
    variant: Variant
    attempts: tuple[Answer, ...] = ()
    """The drafts that were thrown out."""
    accepted: Draft | None = None
    """The draft that passed, with that of the other order in it."""
    free: tuple[Answer, ...] = ()
    """Those given without the label that could be read."""
    difficulty: float | None = None
    without_evidence: bool = False
    """In the variant with tools: no specialist had anything to say, so there is no such example."""

    @property
    def name(self) -> tuple[str, Variant]:
        """What distinguishes it."""
        return self.subject.item, self.variant


def active(context: Context, level: str) -> list[Filter]:
    """The filters of a level that are not switched off, in order."""
    return [one for one in FILTERS if one.level == level and one.name not in context.plan.without]


async def work_out(
    teacher: Teacher, subject: Subject, variant: Variant, order: tuple[int, ...], context: Context
) -> Case:
    """Try up to `plan.tries` drafts; the first that passes ends it. Raises what the ledger raises."""
    if variant == "tools":
        evidence, _ = await teacher.evidence(teacher.request(subject), variant, order)
        if not evidence.lines:
            return Case(subject, variant, without_evidence=True)
    attempts: list[Answer] = []
    for sample in range(context.plan.tries):
        if teacher.ledger.batched:
            await _ask_ahead(teacher, subject, variant, order, sample, context)
        draft, fault = await _try(teacher, subject, variant, order, sample, context)
        if fault is None:
            free, difficulty = await _unanchored(teacher, draft, context)
            return Case(subject, variant, tuple(attempts), _slim(draft), free, difficulty)
        attempts.append(_answer(draft, context, *fault))
    return Case(subject, variant, tuple(attempts))


async def _ask_ahead(
    teacher: Teacher, subject: Subject, variant: Variant, order: tuple[int, ...], sample: int, context: Context
) -> None:
    """Ask at once what would be asked one after the other: the answers are then in the log.

    For a batch is waited long, and an answer that is not needed after all costs half.
    """
    swapped = subject.task == "compare" and any(one.name == "swap" for one in active(context, "drafts"))
    orders = (order, order[::-1]) if swapped else (order,)
    free = _free_orders(subject, order, context) if sample == 0 else []
    await together(
        [
            *(teacher.anchored(subject, variant, one, sample) for one in orders),
            *(teacher.unanchored(subject, variant, one, number) for one, number in free),
        ]
    )


async def _try(
    teacher: Teacher, subject: Subject, variant: Variant, order: tuple[int, ...], sample: int, context: Context
) -> tuple[Draft, tuple[str, str] | None]:
    """One draft, and which filter throws it out; what a filter needs is asked only when all before it have passed."""
    draft = await teacher.anchored(subject, variant, order, sample)
    if not draft.completion:
        return draft, (ANSWER, draft.problem)
    for one in active(context, "drafts"):
        if one.name == "swap" and subject.task == "compare":
            other = await teacher.anchored(subject, variant, order[::-1], sample)
            draft = replace(draft, other=other, other_problem=_problem(other, context))
        elif one.name == "rederivation":
            read = await together(teacher.rederived(one) for one in (draft, draft.other) if one is not None)
            other = draft.other and replace(draft.other, rederived=read[1])
            draft = replace(draft, other=other, rederived=read[0])
        if (why := one.reason(draft, context)) is not None:
            return draft, (one.name, why)
    return draft, None


def _problem(draft: Draft, context: Context) -> str:
    """What the filters of one draft alone say against it."""
    if not draft.completion:
        return draft.problem
    alone = [one for one in active(context, "drafts") if one.name not in ("swap", "rederivation")]
    found = ((one.name, one.reason(draft, context)) for one in alone)
    return next((f"{name}: {why}" for name, why in found if why is not None), "")


def _slim(draft: Draft) -> Draft:
    """The draft without what only filters read: there may be very many."""
    other = draft.other and _slim(draft.other)
    told = {"rationale": draft.rationale}
    return replace(draft, told=told, verdict=None, evidence=NOTHING, shown="", rederived=None, other=other)


def _answer(draft: Draft, context: Context, name: str, why: str) -> Answer:
    leaks = leakage.reason(draft, context) is not None
    return Answer(draft.order, draft.completion, draft.rationale, name, why, leaks)


async def _unanchored(teacher: Teacher, draft: Draft, context: Context) -> tuple[tuple[Answer, ...], float | None]:
    """Answers without the label, the orders in turn, and the mean chance that they gave the right answer."""
    subject, answers, chances = draft.subject, list[Answer](), list[float]()
    for order, sample in _free_orders(subject, draft.order, context):
        said, tokens = await teacher.unanchored(subject, draft.variant, order, sample)
        if said.completion:
            wrong = verdict.reason(said, context)
            answers.append(_answer(said, context, "" if wrong is None else "verdict", wrong or ""))
            chances.append(chance(said, tokens, context))
    return tuple(answers), round(sum(chances) / len(chances), 6) if chances else None


def _free_orders(subject: Subject, order: tuple[int, ...], context: Context) -> list[tuple[tuple[int, ...], int]]:
    """Order and sample number of every answer without the label; the orders of a pair in turn."""
    orders = [order] if subject.task != "compare" else [order, order[::-1]]
    return [(orders[number % len(orders)], number // len(orders)) for number in range(context.plan.free)]


def chance(draft: Draft, tokens: Sequence[Token], context: Context) -> float:
    """The probability of the right answer, by the model's own distribution where it gives one; else 0 or 1."""
    label, subject = draft.subject.label, draft.subject
    told: dict[str, float] | None = None
    right: set[str] = set()
    if subject.task == "compare" and label.preferred is not None:
        place = "tie" if label.preferred == "tie" else f"image_{draft.order.index('ab'.index(label.preferred)) + 1}"
        told, right = label_distribution(tokens, "preference", _LABELS["compare"]), {place}
    elif subject.task == "rate" and (score := label.score) is not None:
        step = context.plan.step
        told = label_distribution(tokens, "score", _LABELS["rate"])
        right = {one for one in _LABELS["rate"] if abs(int(one) - score) <= step}
    if told is not None:
        return sum(share for one, share in told.items() if one in right)
    return float(verdict.reason(draft, context) is None)
