"""The typed result for the caller, and how orders and repeats are combined into it.

Only `scored` and `tie` are results; every other outcome is counted, explained and never a number.
"""

import re
from collections.abc import Sequence
from typing import Any, Literal, TypeAlias

from autorater.assessment import Assessment
from autorater.canonical import Record
from autorater.checklist import Answer, share_of_yes
from autorater.model import Usage
from autorater.request import LETTERS, Task
from autorater.verdict import Citation, Verdict, Weakness

OutcomeKind: TypeAlias = Literal["scored", "tie", "abstained", "refused", "unparsable", "unreachable"]
Preferred: TypeAlias = Literal["a", "b", "tie"]
Method: TypeAlias = Literal["votes", "logprobs", "decisions", "fitted", "reading"]
_WORST_FIRST: tuple[OutcomeKind, ...] = ("unreachable", "refused", "unparsable", "abstained")


class Pass(Record):
    """One answer of the judge to one order of the candidates."""

    order: str
    """The candidates in the order in which they were shown ("ab", "ba", "a"); "" when no order exists."""
    sample: int = 0
    outcome: OutcomeKind
    """`scored` or `tie` when there is a verdict, else why there is none."""
    detail: str = ""
    """What went wrong, in words, when there is no verdict."""
    verdict: Verdict | None = None
    probability: float | None = None
    """That the first candidate is preferred, 0 to 1 (a tie counts half)."""
    score: float | None = None
    """The expected score under the model's own distribution where one is known, else the score it wrote."""
    method: Method = "votes"
    calls: tuple[str, ...] = ()
    """Ledger keys of the calls it took: the first answer, the repair turn, the scorer."""
    usage: Usage = Usage()
    cost: float | None = None
    """US dollars; null means unknown, not zero."""
    served_by: str = ""
    warnings: tuple[str, ...] = ()


class Found(Record):
    """What came of one look of a specialist that the agent asked for."""

    candidate: str
    call: str
    """Ledger key of the specialist's call."""
    outcome: Literal["measured", "declined", "failed"]
    picture: str = ""
    """sha256 of the picture of its findings, "" when there was nothing to draw."""


class Look(Record):
    """One call of a specialist by the agent: `found` has one entry for each image, or `problem` says why none ran."""

    tool: str
    arguments: dict[str, Any] = {}
    found: tuple[Found, ...] = ()
    problem: str = ""


class Step(Record):
    """One turn of the agent: what it said and what it called."""

    call: str
    """Ledger key of the model's call."""
    thought: str = ""
    looks: tuple[Look, ...] = ()


class Chosen(Record):
    """Which specialists ran, and why."""

    how: Literal["all", "auto", "fixed", "none", "agent"]
    names: tuple[str, ...]
    reason: str = ""
    """The VLM's reason under `auto`, what the agent said last under `agent`."""
    call: str = ""
    """Ledger key of the selecting call under `auto`."""
    steps: tuple[Step, ...] = ()
    """What the agent did, in order, under `agent`."""
    usage: Usage = Usage()
    cost: float | None = 0.0
    warnings: tuple[str, ...] = ()


class Duel(Record):
    """One pair of a ranking, by the candidates' letters."""

    first: str
    second: str
    outcome: OutcomeKind
    preferred: str | None
    """The letter of the preferred candidate, "tie", or null when there is no result."""
    probability: float | None = None
    """That `first` is preferred, 0 to 1."""
    consistent: bool | None = None
    reason: str
    rationale: str = ""


class JudgedBy(Record):
    """All that decides a judgment, by name and digest."""

    model: str
    protocol: str
    autorater: str
    """Version of the distribution."""
    prompts: dict[str, str] = {}
    """Prompt name → sha256 of its file."""
    cards: dict[str, str] = {}
    """Specialist → sha256 of its card."""
    checklist: str = ""
    """sha256 of the checklist that was asked, "" when none was."""
    settings: str = ""
    """sha256 of the judge's settings."""
    request: str = ""
    """sha256 of the request."""


class Judgment(Record):
    """What AutoRater says of one request."""

    id: str
    task: Task
    prompt: str
    candidates: tuple[str, ...]
    """sha256 of each candidate, in order "a", "b", …"""
    sources: tuple[str, ...] = ()
    outcome: OutcomeKind
    reason: str
    """Why the outcome is what it is, in one sentence."""
    preferred: Preferred | None = None
    probability: float | None = None
    """That "a" is preferred to "b", 0 to 1 (a tie counts half)."""
    score: float | None = None
    """1 to 10, higher is better."""
    method: Method | None = None
    """Where `probability` or `score` comes from."""
    consistent: bool | None = None
    """Whether the two orders agree; null when only one was asked."""
    ranking: tuple[tuple[str, ...], ...] = ()
    """Best first; candidates in one group are tied."""
    duels: tuple[Duel, ...] = ()
    """The comparisons behind a ranking."""
    rationale: str = ""
    observations: dict[str, str] = {}
    weaknesses: dict[str, tuple[Weakness, ...]] = {}
    checklist: dict[str, dict[str, Answer]] = {}
    """Candidate → question → answer."""
    attributes: dict[str, str] = {}
    """Attribute → level; see `autorater.verdict`."""
    dimensions: dict[str, dict[str, float]] = {}
    """Candidate → dimension → predicted human mean, 1 to 5, higher is better; from the embedded judge only."""
    citations: tuple[Citation, ...] = ()
    assessments: tuple[Assessment, ...] = ()
    selection: Chosen
    passes: tuple[Pass, ...] = ()
    usage: Usage = Usage()
    cost: float | None = 0.0
    """US dollars for all calls; null when the price of one of them is unknown."""
    warnings: tuple[str, ...] = ()
    judged_by: JudgedBy

    @property
    def checklist_score(self) -> dict[str, float | None]:
        """Candidate → share of "yes" among its "yes" and "no" answers, 0 to 1, higher is better."""
        return {letter: share_of_yes(answers) for letter, answers in self.checklist.items()}


class Combined(Record):
    """The part of a judgment that follows from its passes."""

    outcome: OutcomeKind
    reason: str
    preferred: Preferred | None = None
    probability: float | None = None
    score: float | None = None
    method: Method | None = None
    consistent: bool | None = None


def combine(passes: Sequence[Pass], *, task: Task) -> Combined:
    """One outcome from all passes. A pass without a verdict decides the outcome: it is never outvoted into a score."""
    failed = [item for item in passes if item.verdict is None]
    for kind in _WORST_FIRST:
        if found := [item for item in failed if item.outcome == kind]:
            shown = f" (order {found[0].order})" if len(passes) > 1 else ""
            return Combined(outcome=kind, reason=f"{found[0].detail}{shown}")
    if not passes:
        return Combined(outcome="abstained", reason="no judge was asked")
    if task == "check":
        return Combined(outcome="scored", reason="the checklist was answered")
    return _combine_scores(passes) if task == "rate" else _combine_preferences(passes)


def _combine_scores(passes: Sequence[Pass]) -> Combined:
    scores = [item.score for item in passes if item.score is not None]
    mean = round(sum(scores) / len(scores), 6)
    several = f", the mean of {len(scores)} answers" if len(scores) > 1 else ""
    return Combined(outcome="scored", reason=f"scored {mean:g} of 10{several}", score=mean, method=_method(passes))


def _method(passes: Sequence[Pass]) -> Method:
    """Where all of the numbers come from; those of different origin are called votes, the weakest."""
    first = passes[0].method
    return first if all(item.method == first for item in passes) else "votes"


def _combine_preferences(passes: Sequence[Pass]) -> Combined:
    chances = [item.probability for item in passes if item.probability is not None]
    probability = round(sum(chances) / len(chances), 6) if chances else None
    by_order: dict[str, list[float]] = {}
    for item in passes:
        vote = {"a": 1.0, "b": 0.0}.get((item.verdict.preference if item.verdict else None) or "tie", 0.5)
        by_order.setdefault(item.order, []).append(vote)
    leanings: dict[str, Preferred] = {order: _lean(sum(votes) / len(votes)) for order, votes in by_order.items()}
    sides = set(leanings.values())
    consistent = len(sides) == 1 if len(leanings) > 1 else None
    preferred: Preferred = "tie"
    if len(sides) == 1:
        preferred = sides.pop()
        word = "tie" if preferred == "tie" else f"image {preferred} is preferred"
        reason = word + {True: " in both orders", False: "", None: ""}[consistent]
    else:
        said = ", ".join(f"shown as {order}: {lean}" for order, lean in leanings.items())
        reason = f"the two orders disagree ({said}), which counts as a tie"
    return Combined(
        outcome="tie" if preferred == "tie" else "scored",
        reason=reason,
        preferred=preferred,
        probability=probability,
        method=_method(passes),
        consistent=consistent,
    )


def _lean(share: float) -> Preferred:
    return "a" if share > 0.5 else "b" if share < 0.5 else "tie"


def spokesman(passes: Sequence[Pass], preferred: Preferred | None) -> Pass | None:
    """The pass whose words the judgment shows: the first that agrees with the outcome, else the first that answered."""
    told = [item for item in passes if item.verdict is not None]
    agreeing = [item for item in told if item.verdict and item.verdict.preference == preferred]
    return next(iter([*agreeing, *told]), None)


_NAMED = re.compile(
    r"(?<=\b[Ii]mage )[ab]\b|(?<=\bP\()a(?= preferred)|(?<=\()a(?= against b\))|(?<=\(a against )b(?=\))"
    r"|(?<=\bshown as )[ab]{2}\b|(?<=\bshown as [ab]{2}: )[ab]\b|(?<=\(order )[ab]{2}\b"
)
"""Where the words about a pair name its candidates."""


def in_duel(text: str, first: str, second: str) -> str:
    """`text` about the pair a, b with the letters that the two have in their ranking."""
    return _NAMED.sub(lambda named: named[0].translate({ord("a"): first, ord("b"): second}), text)


def rank_by_wins(count: int, results: Sequence[tuple[int, int, float]]) -> tuple[tuple[str, ...], ...]:
    """Copeland order of `count` candidates from (i, j, points of i against j: 1, 0.5 or 0); equal points are tied."""
    points = [0.0] * count
    for first, second, won in results:
        points[first] += won
        points[second] += 1 - won
    levels = sorted(set(points), reverse=True)
    return tuple(tuple(LETTERS[i] for i in range(count) if points[i] == level) for level in levels)


def total_cost(costs: Sequence[float | None]) -> float | None:
    """The sum in US dollars, or None when one of them is unknown."""
    known = [cost for cost in costs if cost is not None]
    return round(sum(known), 10) if len(known) == len(costs) else None
