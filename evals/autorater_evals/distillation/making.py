"""From subjects and a teacher's log to examples and counts: for a new run, and for a check of an old one."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace

from autorater.image import Picture
from autorater.messages import Image as Shown
from autorater.messages import Text
from autorater.work import in_parallel
from autorater_evals.distillation.asking import Teacher
from autorater_evals.distillation.classifier import LEAST, MOST, tell_apart
from autorater_evals.distillation.components import components, split
from autorater_evals.distillation.counting import Counts
from autorater_evals.distillation.draft import Context
from autorater_evals.distillation.filters import SET_LEVEL
from autorater_evals.distillation.pictures import alike
from autorater_evals.distillation.plan import Header, Subject, Variant
from autorater_evals.distillation.repeats import repeats
from autorater_evals.distillation.rounds import ANSWER, Case, active, work_out
from autorater_evals.distillation.turns import turns
from autorater_evals.distillation.wording import repeated
from autorater_evals.figure import Figure
from autorater_evals.trainset import Example, Piece, Rejected
from autorater_evals.trainset.example import Split

ALL_FREE = "of all free answers, right or wrong"


@dataclass(frozen=True)
class Made:
    """A set before it is written."""

    examples: tuple[Example, ...]
    counts: Counts
    leakage: Figure | None
    """Null when the classifier is switched off."""
    clusters: Mapping[str, str]
    """Usable item → its component; examples are of some of them."""
    splits: Mapping[str, Split]
    """Usable item → its split."""

    @property
    def leaks(self) -> bool:
        """Whether anchored rationales can be told from free ones."""
        return self.leakage is not None and self.leakage.value is not None and self.leakage.value > MOST


async def make(
    teacher: Teacher,
    header: Header,
    subjects: Sequence[Subject],
    *,
    concurrency: int = 8,
    advance: Callable[[], None] = lambda: None,
) -> Made:
    """Draft, filter, split and balance. `advance` is told that a case is done.

    Raises BudgetExceeded when the limit on money is reached, and what the ledger raises.
    """
    plan, counts = header.plan, Counts(header.plan)
    usable = counts.usable(subjects)
    pictures = {one.sha256: one for subject in usable for one in (*subject.candidates, *subject.sources)}

    def opened(name: str) -> Picture:
        return teacher.log.picture(pictures[name])

    firsts = {} if "near-duplicate" in plan.without else alike(pictures, opened)
    equal, similar = repeats(usable, firsts)
    context = Context(
        plan,
        prompts={one: index.benchmark for index in header.against for one in index.prompts},
        images={one: index.benchmark for index in header.against for one in index.images},
        equal=equal,
        alike=similar,
    )
    clusters = components(usable, firsts, shared_prompt=header.origin.shared_prompt)
    splits = split(clusters, plan)
    kept = counts.items(usable, context)
    first = turns({one.item: (one, plan.variants) for one in kept}, seed=plan.seed)
    for _ in range((len(usable) - len(kept)) * len(plan.variants)):
        advance()
    plans: list[tuple[int, Subject, Variant]] = [
        (place, one, variant) for place, one in enumerate(kept) for variant in plan.variants
    ]

    async def work(told: tuple[int, Subject, Variant]) -> tuple[tuple[int, int], Case]:
        place, subject, variant = told
        case = await work_out(teacher, subject, variant, first[subject.item], context)
        return (place, plan.variants.index(variant)), case

    found: dict[tuple[int, int], Case] = {}
    async with aclosing(in_parallel(work, plans, concurrency=concurrency)) as stream:
        async for place, case in stream:
            found[place] = case
            advance()
    cases = counts.cases([found[place] for place in sorted(found)], context)
    cases = _without_repeats(cases, context, counts)
    figure = None if SET_LEVEL in plan.without else _leakage(cases, clusters)
    examples = [
        await _example(teacher, case, order, clusters, splits)
        for case, order in _turned(cases, plan.seed, splits, context)
    ]
    return Made(tuple(examples), counts, figure, clusters, splits)


def _without_repeats(cases: Sequence[Case], context: Context, counts: Counts) -> list[Case]:
    accepted = [(case.name, case.accepted) for case in cases if case.accepted is not None]
    names = [one.name for one in active(context, "accepted")]
    if names:
        context = replace(context, rationales=repeated((name, draft.rationales) for name, draft in accepted))
    return counts.accepted(cases, context)


def _leakage(cases: Sequence[Case], clusters: dict[str, str]) -> Figure:
    """Rationales with the label in view against those without, of the same cases, one of each.

    Where enough free answers have the right verdict only they are compared: both then argue for the same outcome, and
    what tells them apart is how they do it and not a teacher who is wrong, or likes what is shown first.
    """
    pairs = [(case, case.accepted, said) for case in cases if case.accepted for said in case.free]
    right = {case.name: (case, draft, said) for case, draft, said in reversed(pairs) if not said.filter}
    every = {case.name: (case, draft, said) for case, draft, said in reversed(pairs)}
    matched = len(right) >= LEAST
    chosen = right if matched else every
    told = [chosen[case.name] for case in cases if case.name in chosen]
    groups = [clusters[case.subject.item] for case, _, _ in told]
    anchored, free = [draft.rationale for _, draft, _ in told], [said.rationale for _, _, said in told]
    found = tell_apart(anchored, free, [*groups, *groups])
    note = "of free answers with the right verdict" if matched else ALL_FREE
    return found.model_copy(update={"total": 2 * len(cases), "note": "; ".join(filter(None, (found.note, note)))})


def _turned(
    cases: Sequence[Case], seed: int, splits: dict[str, Split], context: Context
) -> list[tuple[Case, tuple[int, ...]]]:
    """Each accepted case with the order it is exported in: where both orders passed, so that positions are even."""
    both = "swap" not in context.plan.without
    groups: dict[str, tuple[Subject, list[str]]] = {}
    for case in cases:
        item = case.subject.item
        groups.setdefault(item, (case.subject, []))[1].append(case.variant)
    chosen = turns(groups, seed=seed, parts=splits) if both else {}
    return [(case, chosen.get(case.subject.item, case.accepted.order)) for case in cases if case.accepted is not None]


async def _example(
    teacher: Teacher,
    case: Case,
    order: tuple[int, ...],
    clusters: dict[str, str],
    splits: dict[str, Split],
) -> Example:
    """The student's question, rendered anew without a label, and the draft of that order."""
    subject, passed = case.subject, case.accepted
    [draft] = [one for one in (passed, passed and passed.other) if one is not None and one.order == order]
    question, _, names = await teacher.student(subject, case.variant, order)
    [turn] = question.conversation.turns
    pieces: list[Piece] = []
    for part in turn.parts:
        if isinstance(part, Text):
            pieces.append(Piece(text=part.text))
        elif isinstance(part, Shown):
            pieces.append(Piece(image=part.picture.sha256))
    return Example(
        id=f"{subject.item}/{''.join('ab'[index] for index in order)}/{case.variant}",
        item=subject.item,
        benchmark=subject.benchmark,
        task=subject.task,
        protocol=teacher.judge.protocol,
        prompt=subject.prompt,
        candidates=tuple(one.sha256 for one in subject.candidates),
        sources=tuple(one.sha256 for one in subject.sources),
        questions=subject.questions,
        order=order,
        tools=names,
        system=question.conversation.system,
        pieces=tuple(pieces),
        completion=draft.completion,
        label=subject.label,
        cluster=clusters[subject.item],
        split=splits[subject.item],
        difficulty=case.difficulty,
        rejected=_rejected(case, order),
        teacher=teacher.judge.model.name,
    )


def _rejected(case: Case, order: tuple[int, ...]) -> tuple[Rejected, ...]:
    """What was thrown out in this order, and wrong verdicts of the teacher who was not told.

    Answers that give the label away stay in the log: no exported text may hold it, not even as a bad example.
    """
    given = [one for one in (*case.attempts, *case.free) if one.filter not in ("", ANSWER)]
    fit = [one for one in given if one.order == order and not one.leaks]
    told = {one.completion: one.filter for one in reversed(fit)}  # an answer that came twice stands once
    return tuple(Rejected(completion=text, why=why) for text, why in reversed(told.items()))
