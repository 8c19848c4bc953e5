"""What the plots and the filters need of every judged item, reduced so that all of it fits into memory."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np

from autorater.card import Card
from autorater.judgment import Judgment
from autorater_evals.answers import Answer, Missing, read_answer
from autorater_evals.item import Item
from autorater_evals.report.scored import Scored

State: TypeAlias = Literal["agree", "differ", "tie", "none"]
"""Whether judge and people say the same; "tie" where exactly one of them ties, "none" without a result or a label."""
STATES: tuple[State, ...] = ("agree", "differ", "tie", "none")
FAR = 1 / 3
"""Of one image judge and people differ when their ranks among the images of the part are farther apart than this."""
QUESTIONS = "questions"
"""The name under which answers to questions stand where others have a dimension."""


@dataclass(frozen=True, slots=True)
class Seen:
    """One item as one run judged it. `answers` are by dimension, `shares` the share of questions answered as people."""

    item: Item
    outcome: str
    answers: dict[str, Answer]
    people: dict[str, float]
    """Dimension → people's mean of one image, turned so that higher is better."""
    share: float | None


def see(scored: Scored, item: Item, judgment: Judgment | None, cards: Mapping[str, Card]) -> Seen:
    """What the judgment says of the item's labels; `judgment` is None where it was not judged."""
    absent: Missing = "absent"
    dimensions = scored.dimensions(item)
    people = {
        one.name: item.opinions[one.name].mean * (-1 if one.better == "lower" else 1)
        for one in dimensions
        if one.name in item.opinions
    }
    if judgment is None:
        return Seen(item, absent, {one.name: Answer(absent) for one in dimensions}, people, None)
    answers = {one.name: read_answer(judgment, one.reads, cards) for one in dimensions}
    share = _share(item, judgment) if item.questions is not None else None
    return Seen(item, judgment.outcome, answers, people, share)


def _share(item: Item, judgment: Judgment) -> float | None:
    """The share of people's answers that the judge gave too, 0 to 1."""
    told = judgment.checklist.get("a", {})
    same = [told[name] == answer for name, answer in item.answers.items() if name in told]
    return sum(same) / len(same) if same else None


def states(seen: Sequence[Seen], dimension: str) -> tuple[list[State], list[float]]:
    """Each item's state in a dimension, and how strongly judge and people differ, 0 to 1; -1 without a result."""
    found: list[State] = ["none"] * len(seen)
    strength = [-1.0] * len(seen)
    for place, one in enumerate(seen):
        if dimension == QUESTIONS:
            if one.share is not None:
                found[place], strength[place] = ("agree" if one.share == 1 else "differ"), 1 - one.share
        elif dimension in one.item.preferences and dimension in one.answers:
            found[place], strength[place] = _pair_state(one, dimension)
    for part in dict.fromkeys(one.item.part for one in seen):
        _point_states(seen, part, dimension, found, strength)
    return found, strength


def _pair_state(one: Seen, dimension: str) -> tuple[State, float]:
    answer, people = one.answers[dimension], one.item.preferences[dimension].preferred
    if answer.side is None:
        return "none", -1.0
    sure = 1.0 if answer.probability is None else abs(2 * answer.probability - 1)
    if answer.side == people:
        return "agree", 0.0
    return ("tie", 0.25) if "tie" in (answer.side, people) else ("differ", 0.5 + sure / 2)


def _point_states(seen: Sequence[Seen], part: str, dimension: str, found: list[State], strength: list[float]) -> None:
    """Of one image: by the distance of its ranks among the images of its part."""
    places = [
        place
        for place, one in enumerate(seen)
        if one.item.part == part and dimension in one.people and _score(one, dimension) is not None
    ]
    if len(places) < 3:
        return
    judge = _ranks([_score(seen[place], dimension) or 0.0 for place in places])
    people = _ranks([seen[place].people[dimension] for place in places])
    for place, apart in zip(places, np.abs(judge - people).tolist(), strict=True):
        found[place], strength[place] = ("differ" if apart > FAR else "agree"), apart


def _score(one: Seen, dimension: str) -> float | None:
    return one.answers[dimension].score if dimension in one.answers else None


def _ranks(values: Sequence[float]) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """Mean ranks as shares, 0 to 1."""
    array = np.asarray(values)
    ordered = np.sort(array)
    low, high = np.searchsorted(ordered, array, "left"), np.searchsorted(ordered, array, "right")
    return (low + high - 1) / 2 / max(1, len(array) - 1)
