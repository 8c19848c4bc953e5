"""Pixel change: how far the pixels of an edit are from those of its source, and where."""

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from autorater.assessment import Mask, Measured, Outcome, Region
from autorater.errors import SpecialistError
from autorater.toolbox import View
from autorater_tools._pairs import other_proportions
from autorater_tools._pixels import (
    LEVELS,
    NO_SOURCE,
    Pixels,
    luminance,
    measured,
    one_by_one,
    pixels_at_most,
    small_or_blank,
)
from autorater_tools._untyped import structural_similarity

LONGER_SIDE = 1024
VISIBLE = 16
"""A pixel has changed when one of its channels differs by more than this many levels of 255, after a slight blur."""
DECIBELS = 100.0
"""Stands for 'no difference', where the ratio is infinite."""
REGIONS = 5
AREA = 0.001
"""Changed regions that cover less of the picture than this share are not listed."""


class PixelChange:
    """SSIM (Wang et al., IEEE TIP 2004), PSNR, the changed share of the picture and the changed regions."""

    def __init__(self, *, device: str = "cpu") -> None:
        pass

    def __call__(self, views: Sequence[View], /) -> list[Outcome]:
        """One outcome per view, in order."""
        return one_by_one(views, measure)


def measure(view: View) -> Outcome:
    """The edit against the first source, at the source's size, the longer side at most 1024 pixels."""
    if not view.sources:
        raise SpecialistError(NO_SOURCE)
    source, image = view.sources[0], view.image
    if refusal := other_proportions(source, image):
        return refusal
    before = pixels_at_most(source, LONGER_SIDE)
    if refusal := small_or_blank(before, shorter=16):
        return refusal
    after = _of_size(pixels_at_most(image, LONGER_SIDE), before)
    changed = changes(before, after)
    share = float(changed.mean())
    outcome = measured({"ssim": ssim(before, after), "psnr": psnr(before, after), "changed_share": share})
    if not isinstance(outcome, Measured):
        return outcome
    mask = Mask.of("changed", changed.astype(np.float32))
    return outcome.model_copy(update={"regions": regions(changed), "mask": mask})


def ssim(before: Pixels, after: Pixels) -> float:
    """Structural similarity of the luminance, -1 to 1; Gaussian window of sigma 1.5, as its authors define it."""
    value = structural_similarity(luminance(before), luminance(after), levels=LEVELS)
    return min(1.0, max(-1.0, value))


def psnr(before: Pixels, after: Pixels) -> float:
    """Peak signal-to-noise ratio of the RGB pixels in dB, at most 100."""
    error = float(((before.astype(np.float64) - after) ** 2).mean())
    return DECIBELS if error == 0 else float(min(DECIBELS, 10 * np.log10(LEVELS**2 / error)))


def changes(before: Pixels, after: Pixels) -> NDArray[np.bool_]:
    """Where the pictures visibly differ, shape (height, width)."""
    one, other = (cv2.GaussianBlur(pixels, (5, 5), 1).astype(np.int16) for pixels in (before, after))
    return np.asarray(np.abs(one - other).max(2) > VISIBLE)


def regions(changed: NDArray[np.bool_]) -> tuple[Region, ...]:
    """The largest connected regions of change, after closing gaps of a hundredth of the picture."""
    height, width = changed.shape
    gap = max(3, max(height, width) // 100)
    closed = cv2.morphologyEx(changed.astype(np.uint8), cv2.MORPH_CLOSE, np.ones((gap, gap), np.uint8))
    _, _, found, _ = cv2.connectedComponentsWithStats(closed)
    largest = sorted(found[1:].tolist(), key=lambda row: -row[4])[:REGIONS]
    return tuple(
        Region(label="changed", box=(left / width, top / height, (left + wide) / width, (top + high) / height))
        for left, top, wide, high, area in largest
        if area >= AREA * height * width
    )


def _of_size(pixels: Pixels, model: Pixels) -> Pixels:
    height, width = model.shape[:2]
    if pixels.shape == model.shape:
        return pixels
    return np.asarray(cv2.resize(pixels, (width, height), interpolation=cv2.INTER_AREA), dtype=np.uint8)
