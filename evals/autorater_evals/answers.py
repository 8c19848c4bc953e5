"""What a judgment says of one dimension of an item, reduced to what statistics need."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from autorater.card import Card
from autorater.judgment import Judgment, OutcomeKind
from autorater.request import LETTERS
from autorater.verdict import LEVELS
from autorater_evals.item import Side, side_of

Missing: TypeAlias = Literal["unusable", "absent", "unread"]
"""Its images could not be read; it was never judged; or the judgment says nothing of this dimension."""
RESULTS = ("scored", "tie")
_MUCH = {"a_much_better": 2.0, "a_better": 1.0, "same": 0.0, "b_better": -1.0, "b_much_better": -2.0}
_LEVELS = {level: float(place) for place, level in enumerate(LEVELS, 1)}


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer. `side` is of a pair and `score` of one image; both are None without a result."""

    outcome: OutcomeKind | Missing
    source: str = ""
    """What of the judgment was read: "overall", "dimension:NAME", "attribute:NAME" or "reading:SPECIALIST.QUANTITY"."""
    side: Side | None = None
    margin: float | None = None
    """How far a is ahead of b, in the unit of what was read; None where only the side is known."""
    probability: float | None = None
    """That a is preferred, 0 to 1 (a tie counts half)."""
    score: float | None = None
    """Higher is better, in the unit of what was read."""

    @property
    def there(self) -> bool:
        """Whether it is a result."""
        return self.outcome in RESULTS


def read_answer(judgment: Judgment, reads: Sequence[str], cards: Mapping[str, Card] | None = None) -> Answer:
    """The first of `reads` that the judgment has; see `Dimension.reads`. `cards` tell the direction of readings.

    A judge that is one reading is read as that reading: a rating without bounds has no score of 1 to 10, and its
    order of images is what counts.
    """
    pair = judgment.task == "compare"
    by_reading = judgment.judged_by.model.removeprefix("specialist:")
    if by_reading != judgment.judged_by.model:
        return _reading(judgment, by_reading, cards or {}, pair=pair)
    if judgment.outcome not in RESULTS:
        return Answer(judgment.outcome)
    for source in reads:
        kind, _, name = source.partition(":")
        found = {"overall": _overall, "dimension": _dimension, "attribute": _attribute}[kind](judgment, name, pair=pair)
        if found is not None:
            return found
    return Answer("unread")


def read_reading(judgment: Judgment, reading: str, better: str) -> Answer:
    """What one recorded reading, `specialist.quantity`, would answer; `better` is "higher" or "lower"."""
    specialist, _, quantity = reading.partition(".")
    letters = LETTERS[: len(judgment.candidates)]
    found = {item.candidate: item.value(quantity) for item in judgment.assessments if item.specialist == specialist}
    values = [found.get(letter) for letter in letters]
    known = [value if better == "higher" else -value for value in values if value is not None]
    if len(known) < len(letters):
        return Answer("abstained", f"reading:{reading}")
    if len(known) == 1:
        return Answer("scored", f"reading:{reading}", score=known[0])
    gap = known[0] - known[1]
    side = side_of(gap)
    return Answer("tie" if side == "tie" else "scored", f"reading:{reading}", side=side, margin=gap)


def _reading(judgment: Judgment, reading: str, cards: Mapping[str, Card], *, pair: bool) -> Answer:
    specialist, _, quantity = reading.partition(".")
    declared = cards[specialist].meta.quantities if specialist in cards else ()
    better = next((item.better for item in declared if item.name == quantity), None)
    if better is not None:
        return read_reading(judgment, reading, better)
    return _overall(judgment, "", pair=pair) or Answer(judgment.outcome if not judgment.preferred else "unread")


def _overall(judgment: Judgment, _: str, *, pair: bool) -> Answer | None:
    if judgment.outcome not in RESULTS:
        return None
    if not pair:
        return None if judgment.score is None else Answer("scored", "overall", score=judgment.score)
    if judgment.preferred is None:
        return None
    margin = None if judgment.probability is None else judgment.probability - 0.5
    return Answer(judgment.outcome, "overall", judgment.preferred, margin, judgment.probability)


def _dimension(judgment: Judgment, name: str, *, pair: bool) -> Answer | None:
    values = [judgment.dimensions.get(letter, {}).get(name) for letter in LETTERS[: len(judgment.candidates)]]
    known = [value for value in values if value is not None]
    if not known or len(known) < len(values):
        return None
    if not pair:
        return Answer("scored", f"dimension:{name}", score=known[0])
    gap = known[0] - known[1]
    side = side_of(gap)
    return Answer("tie" if side == "tie" else "scored", f"dimension:{name}", side=side, margin=gap)


def _attribute(judgment: Judgment, name: str, *, pair: bool) -> Answer | None:
    """The mean level over all passes that told one, so that no order of a pair decides alone."""
    if judgment.method == "fitted":
        return None  # the embedded judge's levels are its dimensions again, and those are finer
    told = [one.verdict.attributes.get(name, "") for one in judgment.passes if one.verdict is not None]
    scale = _MUCH if pair else _LEVELS
    values = [scale[level] for level in told if level in scale]
    if not values:
        return None
    mean = sum(values) / len(values)
    if not pair:
        return Answer("scored", f"attribute:{name}", score=mean)
    side = side_of(mean)
    return Answer("tie" if side == "tie" else "scored", f"attribute:{name}", side=side, margin=mean)
