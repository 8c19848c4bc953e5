"""Boxes that a detector found: overlap, doubles, and how they are told."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from autorater.assessment import Region
from autorater.errors import SpecialistError

Corners = tuple[float, float, float, float]
"""Left, top, right, bottom as fractions of width and height, 0 to 1."""


@dataclass(frozen=True, slots=True)
class Box:
    """One thing that was found. `score` is how sure the detector is, 0 to 1."""

    label: str
    score: float
    corners: Corners

    @property
    def centre(self) -> tuple[float, float]:
        """Across and down, as fractions."""
        left, top, right, bottom = self.corners
        return (left + right) / 2, (top + bottom) / 2

    def region(self) -> Region:
        """As it is shown."""
        return Region(label=self.label, box=self.corners, score=self.score)


def check_threshold(option: str, value: float) -> float:
    """`value`, when it can be a threshold of scores: 0 to 1. Raises SpecialistError that names the option otherwise."""
    if not 0 <= value <= 1:  # so written that NaN fails too
        raise SpecialistError(f"{option}: expected 0 to 1, got {value:g}")
    return value


def corners_within(left: float, top: float, right: float, bottom: float) -> Corners:
    """The corners in order and within the picture, to four digits."""
    across = sorted(round(min(1.0, max(0.0, value)), 4) for value in (left, right))
    down = sorted(round(min(1.0, max(0.0, value)), 4) for value in (top, bottom))
    return across[0], down[0], across[1], down[1]


def overlap(one: Corners, other: Corners) -> float:
    """Intersection over union, 0 to 1."""
    wide = min(one[2], other[2]) - max(one[0], other[0])
    high = min(one[3], other[3]) - max(one[1], other[1])
    if wide <= 0 or high <= 0:
        return 0.0
    shared = wide * high
    return shared / (area(one) + area(other) - shared)


def area(corners: Corners) -> float:
    """The share of the picture that the box covers."""
    return (corners[2] - corners[0]) * (corners[3] - corners[1])


def without_doubles(boxes: Sequence[Box], *, limit: float) -> list[Box]:
    """The boxes, best first, without those that overlap a better one of the same label by more than `limit`."""
    kept: list[Box] = []
    for box in sorted(boxes, key=lambda box: (-box.score, box.corners)):
        if all(box.label != other.label or overlap(box.corners, other.corners) <= limit for other in kept):
            kept.append(box)
    return kept


def grown(corners: Corners, margin: float) -> Corners:
    """The box with `margin` of its own width and height added on each side, within the picture."""
    left, top, right, bottom = corners
    wide, high = (right - left) * margin, (bottom - top) * margin
    return corners_within(left - wide, top - high, right + wide, bottom + high)


def covered(boxes: Sequence[Corners], height: int, width: int) -> NDArray[np.bool_]:
    """Where the boxes lie in a picture of this size, shape (height, width)."""
    mask = np.zeros((height, width), dtype=np.bool_)
    for left, top, right, bottom in boxes:
        rows = slice(int(np.floor(top * height)), int(np.ceil(bottom * height)))
        mask[rows, int(np.floor(left * width)) : int(np.ceil(right * width))] = True
    return mask
