"""What should win against what: a right verdict against a wrong one, a kept rationale against a rejected one."""

from collections import Counter
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Literal, TypeAlias

from autorater.errors import RecordError, ReplyError
from autorater.verdict import Verdict, parse_verdict
from autorater_evals.exports.questions import checklist_of
from autorater_evals.exports.shown import pieces_of
from autorater_evals.trainset import Example

Kind: TypeAlias = Literal["verdict", "rationale"]
KINDS: tuple[Kind, ...] = ("verdict", "rationale")
STEP = 1
"""A score within one Likert step of the label is right, as in the filter of paper 001's rationales."""


@dataclass(frozen=True)
class Pair:
    """The completion of an example against one that was rejected."""

    rejected: str
    kind: Kind
    why: str


def pairs_of(example: Example, kinds: Collection[Kind], skipped: Counter[str]) -> Iterator[Pair]:
    """The pairs of an example, each rejected text once; what makes no pair is counted in `skipped`.

    Raises RecordError when the example's own completion is no verdict.
    """
    try:
        chosen = verdict_of(example, example.completion)
    except ReplyError as error:
        raise RecordError(f"example {example.id}: its completion is no verdict: {error}; make the set again") from error
    if not is_right(chosen, example, chosen):  # possible in a set made without the filter of verdicts
        skipped["examples whose own verdict is not people's"] += 1
        return
    if not example.rejected:
        skipped["examples without a rejected answer"] += 1
    seen = {example.completion}
    for rejected in example.rejected:
        if rejected.completion in seen:
            skipped["rejected answers that stand there already"] += 1
            continue
        seen.add(rejected.completion)
        try:
            verdict = verdict_of(example, rejected.completion)
        except ReplyError:
            skipped["rejected answers that are no verdict"] += 1
            continue
        kind: Kind = "rationale" if is_right(verdict, example, chosen) else "verdict"
        if kind in kinds:
            yield Pair(rejected.completion, kind, rejected.why)
        else:
            skipped[f"pairs of the kind {kind}, which was not asked for"] += 1


def verdict_of(example: Example, completion: str) -> Verdict:
    """A completion read as the judge reads it. Raises ReplyError."""
    return parse_verdict(
        completion,
        task=example.task,
        checklist=checklist_of(example.questions, pieces_of(example), edit=bool(example.sources)),
        order=example.order,
        bare=example.protocol == "autorater-paper" and example.task != "check",
    )


def is_right(verdict: Verdict, example: Example, chosen: Verdict) -> bool:
    """Whether it decides as people did, or as `chosen` did where no label is known."""
    label = example.label
    if example.task == "rate":
        if verdict.score is None or chosen.score is None:
            return False
        return abs(verdict.score - (chosen.score if label.score is None else label.score)) <= STEP
    if example.task == "check":
        told = verdict.checklist.get("a", {})
        wanted = label.answers or chosen.checklist.get("a", {})
        return all(told.get(question) == answer for question, answer in wanted.items())
    return verdict.preference == (label.preferred or chosen.preference)
