"""Where an edit differs from its source to the eye: small shifts and the noise of compression do not count."""

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from autorater_tools._boxes import Corners, corners_within
from autorater_tools._pixels import Pixels

Mask = NDArray[np.bool_]

VISIBLE = 20
"""Levels of 255 by which a channel must differ after blurring; JPEG of quality 60 stays below it nearly everywhere."""
REACH = 2
"""A pixel is unchanged when the other picture has its colour within this many pixels (at a longer side of 512)."""
MOST_SHIFT = 0.03
"""A shift of the whole picture by up to this share of its side is undone first."""
SPECK = 0.0005
"""Changed spots that cover less of the picture than this share are noise."""


def changed_mask(before: Pixels, after: Pixels) -> Mask:
    """Where two pictures of one size visibly differ, shape (height, width)."""
    one, other = (cv2.GaussianBlur(pixels, (0, 0), 1.2).astype(np.int16) for pixels in (before, after))
    across, down = shift(before, after)
    other = _moved(other, across, down)
    changed = np.minimum(1, _unmatched(one, other) + _unmatched(other, one)).astype(np.uint8)
    changed = cv2.morphologyEx(changed, cv2.MORPH_CLOSE, np.ones((5, 5), np.uint8))
    _, labels, found, _ = cv2.connectedComponentsWithStats(changed)
    large = found[:, cv2.CC_STAT_AREA] >= max(4, SPECK * changed.size)
    large[0] = False
    return np.asarray(large[np.asarray(labels, dtype=np.int64)], dtype=np.bool_)


def shift(before: Pixels, after: Pixels) -> tuple[int, int]:
    """By how many pixels across and down the whole picture has moved; 0 when that does not bring the two together."""
    one, other = (cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY).astype(np.float32) for pixels in (before, after))
    height, width = one.shape
    if min(height, width) < 32:
        return 0, 0
    (across, down), _ = cv2.phaseCorrelate(one, other, cv2.createHanningWindow((width, height), cv2.CV_32F))
    move = round(across), round(down)
    if move == (0, 0) or abs(move[0]) > MOST_SHIFT * width or abs(move[1]) > MOST_SHIFT * height:
        return 0, 0
    nearer = np.abs(one - _moved(other, *move)).mean() < 0.7 * np.abs(one - other).mean()
    return move if nearer else (0, 0)


def components(changed: Mask, *, least: float) -> list[tuple[Corners, int]]:
    """The connected regions of change that cover at least `least` of the picture, largest first, with their pixels."""
    height, width = changed.shape
    gap = max(3, max(height, width) // 64)
    closed = cv2.morphologyEx(changed.astype(np.uint8), cv2.MORPH_CLOSE, np.ones((gap, gap), np.uint8))
    _, _, found, _ = cv2.connectedComponentsWithStats(closed)
    rows = sorted(found[1:].tolist(), key=lambda row: (-row[4], row))
    return [
        (corners_within(left / width, top / height, (left + wide) / width, (top + high) / height), area)
        for left, top, wide, high, area in rows
        if area >= least * height * width
    ]


def _unmatched(one: NDArray[np.int16], other: NDArray[np.int16]) -> NDArray[np.int64]:
    """1 where no pixel of `other` within reach has nearly the colour that `one` has there."""
    least = np.full(one.shape[:2], 255, dtype=np.int16)
    for across in range(-REACH, REACH + 1):
        for down in range(-REACH, REACH + 1):
            least = np.minimum(least, np.abs(one - _moved(other, across, down)).max(2))
    return (least > VISIBLE).astype(np.int64)


def _moved(pixels: NDArray[Any], across: int, down: int) -> NDArray[Any]:
    """What lies `across` and `down` of each pixel; the border repeats."""
    height, width = pixels.shape[:2]
    rows = [min(max(row + down, 0), height - 1) for row in range(height)]
    columns = [min(max(column + across, 0), width - 1) for column in range(width)]
    return pixels[rows][:, columns]
