"""What a prompt claims of things: how many, of which colour, where to each other; and whether boxes bear it out.

The rules of left, right, above and below are those of GenEval (Ghosh et al., NeurIPS 2023): the offset of two centres
points in a direction when more than half of its length does, after a tenth of the sizes of both boxes was taken off
that part. "on top of" and "next to" are our own.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import hypot
from typing import Literal

from autorater_tools._boxes import Box, Corners
from autorater_tools._detectors import noun_of
from autorater_tools._phrases import Phrase, find_phrases
from autorater_tools.colour_match import SYNONYMS, TERMS

Answer = Literal["yes", "no", "cannot tell"]

_RELATIONS: tuple[tuple[str, str], ...] = (
    ("left of", r"(?:to|on|at) the left(?: side)? of|left of"),
    ("right of", r"(?:to|on|at) the right(?: side)? of|right of"),
    ("on top of", r"on top of|atop|(?:is |are )?(?:sitting |standing |lying |placed |resting )?(?:up)?on"),
    ("above", r"above|(?:hovering |floating |flying )over"),
    ("below", r"below|under|underneath|beneath"),
    ("next to", r"next to|beside|adjacent to|alongside"),
)
_FILLER = r"(?:(?:is|are|that is|which is|sitting|standing|lying|placed|located|positioned|directly|right|just)\s+)*"
_ALONG = 0.5
"""More than this share of the offset must point in a direction."""


@dataclass(frozen=True, slots=True)
class Claim:
    """One thing that the prompt says. `kind` tells which of the fields count."""

    kind: Literal["count", "colour", "position"]
    text: str
    noun: str
    count: int = 1
    exact: bool = False
    """For a count: whether more would be wrong too."""
    colour: str = ""
    relation: str = ""
    other: str = ""


def find_claims(prompt: str) -> list[Claim]:
    """The claims of a prompt, in order: counts, then colours, then positions."""
    phrases = find_phrases(prompt)
    return [*_counts(phrases), *_colours(prompt, phrases), *_positions(prompt, phrases)]


def _counts(phrases: Sequence[Phrase]) -> list[Claim]:
    """One claim for each noun with a number or an article; two phrases of one noun add up."""
    wanted: dict[str, list[Phrase]] = {}
    for phrase in phrases:
        wanted.setdefault(noun_of(phrase.words), []).append(phrase)
    claims: list[Claim] = []
    for noun, same in wanted.items():
        counts = [phrase.count for phrase in same if phrase.count is not None]
        if counts:
            exact = all(phrase.exact for phrase in same)
            text = f"{'exactly' if exact else 'at least'} {sum(counts)} {noun}"
            claims.append(Claim("count", text, noun, count=sum(counts), exact=exact))
    return claims


def _colours(prompt: str, phrases: Sequence[Phrase]) -> list[Claim]:
    claims: list[Claim] = []
    for phrase in phrases:
        said = re.match(r"\s+(?:is|are)\s+(\w+)\b", prompt[phrase.end :].lower())
        words = [*phrase.colours, *([said.group(1)] if said else [])]
        for word in words:
            colour = SYNONYMS.get(word, word)
            if colour in TERMS:
                noun, count = noun_of(phrase.words), phrase.count or 1
                number = f"{count} " if count > 1 else ""
                claims.append(Claim("colour", f"{number}{noun} is {colour}", noun, count=count, colour=colour))
    return claims


def _positions(prompt: str, phrases: Sequence[Phrase]) -> list[Claim]:
    claims: list[Claim] = []
    for one, other in pairwise(phrases):
        between = re.sub(r"\s+", " ", prompt[one.end : other.start]).strip().lower()
        for relation, pattern in _RELATIONS:
            if re.fullmatch(rf"{_FILLER}(?:{pattern})(?: the| its)?", between):
                noun, reference = noun_of(one.words), noun_of(other.words)
                text = f"{noun} {relation} {reference}"
                claims.append(Claim("position", text, noun, relation=relation, other=reference))
                break
    return claims


def count_answer(claim: Claim, boxes: Sequence[Box], *, sure: float) -> Answer:
    """Whether the number of boxes is right.

    When too few are sure and those below `sure` could make up the number, it cannot be told; otherwise they are taken
    for nothing.
    """
    least = sum(box.score >= sure for box in boxes)
    if least == claim.count or (least > claim.count and not claim.exact):
        return "yes"
    return "cannot tell" if least < claim.count <= len(boxes) else "no"


def position_answer(claim: Claim, boxes: Mapping[str, Sequence[Box]], *, sure: float, stretch: float) -> Answer:
    """Whether any pair of the surely found things stands like this; nobody knows when one of them was not found.

    `stretch` is the picture's width over its height.
    """
    ours, theirs = ([box for box in boxes[noun] if box.score >= sure] for noun in (claim.noun, claim.other))
    pairs = [(one, other) for one in ours for other in theirs if one is not other and one.corners != other.corners]
    if not pairs:
        return "cannot tell"
    found = (stands(one.corners, claim.relation, other.corners, stretch=stretch) for one, other in pairs)
    return "yes" if any(found) else "no"


def stands(one: Corners, relation: str, other: Corners, *, stretch: float) -> bool:
    """Whether the first box is `relation` the second, in a picture `stretch` times as wide as high."""
    beside = min(one[2], other[2]) - max(one[0], other[0])  # how far they overlap across, negative for a gap
    level = min(one[3], other[3]) - max(one[1], other[1])
    if relation == "on top of":
        return beside > 0 and one[1] + one[3] < other[1] + other[3] and level > -0.05
    if relation == "next to":
        widths = (one[2] - one[0], other[2] - other[0])
        return level > 0 and -max(widths) < beside < min(widths) / 2
    length = hypot(_apart(one, other, 0) * stretch, _apart(one, other, 1))
    across, down = offset(one, other)
    along = {"left of": -across * stretch, "right of": across * stretch, "above": -down, "below": down}[relation]
    return along > _ALONG * length


def offset(one: Corners, other: Corners) -> tuple[float, float]:
    """From the second centre to the first, each part shortened by a tenth of both sizes, not below 0."""
    parts: list[float] = []
    for axis in (0, 1):
        apart = _apart(one, other, axis)
        slack = 0.1 * (one[axis + 2] - one[axis] + other[axis + 2] - other[axis])
        parts.append(max(0.0, abs(apart) - slack) * (1 if apart > 0 else -1))
    return parts[0], parts[1]


def _apart(one: Corners, other: Corners, axis: int) -> float:
    """From the second centre to the first along one axis."""
    return (one[axis] + one[axis + 2] - other[axis] - other[axis + 2]) / 2
