"""The answers of recorded judgments read otherwise: by a threshold for ties, by weighted questions, by a panel."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace

from autorater.errors import UsageError
from autorater.judgment import Judgment
from autorater.request import LETTERS
from autorater_evals.answers import Answer
from autorater_evals.grid.changes import Reduce
from autorater_evals.grid.target import Told
from autorater_evals.item import Side, side_of

ROUNDING = 1e-9
"""Differences of means that are nothing but rounding."""


def with_threshold(told: Told, threshold: float | None) -> Told:
    """The answer with margins up to `threshold` as ties; one without a margin stays as it is."""
    if threshold is None or not isinstance(told, Answer) or not told.there or told.side is None:
        return told
    if told.margin is None:
        return told
    side = "tie" if abs(told.margin) <= threshold else side_of(told.margin)
    return replace(told, outcome="tie" if side == "tie" else "scored", side=side)


def by_checklist(judgment: Judgment, weights: Mapping[str, float]) -> Answer:
    """What the recorded answers to the checklist say when the weighted share of "yes" decides.

    Among a candidate's "yes" and "no" answers; a question without a weight has 1 when `weights` is empty, else 0.
    """
    shares: list[float] = []
    for letter in LETTERS[: len(judgment.candidates)]:
        decided = {name: said for name, said in judgment.checklist.get(letter, {}).items() if said in ("yes", "no")}
        counted = {name: weights.get(name, 0.0) if weights else 1.0 for name in decided}
        total = sum(counted.values())
        if judgment.outcome not in ("scored", "tie") or not total:
            return Answer("unread" if judgment.outcome in ("scored", "tie") else judgment.outcome, "checklist")
        shares.append(sum(weight for name, weight in counted.items() if decided[name] == "yes") / total)
    if len(shares) == 1:
        return Answer("scored", "checklist", score=shares[0])
    gap = shares[0] - shares[1]
    side = "tie" if abs(gap) < ROUNDING else side_of(gap)
    return Answer("tie" if side == "tie" else "scored", "checklist", side=side, margin=gap)


def by_panel(members: Sequence[Told], *, reduce: Reduce) -> Told:
    """What several judges say together of one item; one that has no result leaves none to the panel.

    "mean_prob": the mean probability of a pair (a judge that gives none has 1, 0.5 or 0), the mean score of an image.
    "majority": the side that most judges choose, a tie where two are equal; of images that is not defined.

    Raises:
        UsageError: scores of different things, or a majority of scores.

    """
    if not all(isinstance(one, Answer) for one in members):
        return _by_majority([one for one in members if not isinstance(one, Answer)], among=len(members))
    answers = [one for one in members if isinstance(one, Answer)]
    if missing := next((one for one in answers if not one.there), None):
        return missing
    if answers[0].side is None:
        return _mean_score(answers, reduce)
    if reduce == "majority":
        counts = Counter[Side](one.side for one in answers if one.side is not None).most_common()
        chosen: Side = "tie" if len(counts) > 1 and counts[0][1] == counts[1][1] else counts[0][0]
        return Answer("tie" if chosen == "tie" else "scored", "panel", side=chosen)
    mean = sum(_probability(one) for one in answers) / len(answers)
    gap = 0.0 if abs(mean - 0.5) < ROUNDING else mean - 0.5
    side = side_of(gap)
    return Answer("tie" if side == "tie" else "scored", "panel", side=side, margin=gap, probability=mean)


def _probability(answer: Answer) -> float:
    return {"a": 1.0, "b": 0.0}.get(answer.side or "", 0.5) if answer.probability is None else answer.probability


def _mean_score(answers: Sequence[Answer], reduce: Reduce) -> Answer:
    if reduce == "majority":
        raise UsageError("a majority is of pairs: ratings of several judges are averaged (--reduce mean_prob)")
    sources = {one.source for one in answers}
    scores = [one.score for one in answers if one.score is not None]
    if len(sources) > 1 or len(scores) < len(answers):
        what = " and ".join(sorted(sources))
        raise UsageError(f"the panel's ratings are of different things ({what}): their mean would mean nothing")
    return Answer("scored", "panel", score=sum(scores) / len(scores))


def _by_majority(members: Sequence[Mapping[str, str] | None], *, among: int) -> Mapping[str, str] | None:
    """Question → the answer that most judges give, "cannot_tell" where two are equal."""
    told = [one for one in members if one is not None]
    if len(told) < among:
        return None
    found: dict[str, str] = {}
    for question in told[0]:
        counts = Counter(one.get(question, "cannot_tell") for one in told).most_common()
        tied = len(counts) > 1 and counts[0][1] == counts[1][1]
        found[question] = "cannot_tell" if tied else counts[0][0]
    return found
