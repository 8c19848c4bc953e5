"""What the measures share: pictures at their working size, luminance, and a typed 'no' where there is nothing."""

import math
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from autorater.assessment import Declined, Measured, Outcome, Reading
from autorater.image import Picture
from autorater.toolbox import View

Pixels = NDArray[np.uint8]
Plane = NDArray[np.float64]

LEVELS = 255.0

NO_SOURCE = "a source image is needed: this specialist compares an edit with what it was made from"


def at_most(image: Image.Image, longer: int) -> Image.Image:
    """`image`, or a bicubic copy whose longer side has `longer` pixels when it has more; never enlarged."""
    if max(image.size) <= longer:
        return image
    copy = image.copy()
    copy.thumbnail((longer, longer), Image.Resampling.BICUBIC)
    return copy


def pixels_at_most(picture: Picture, longer: int) -> Pixels:
    """The pixels as (height, width, 3) uint8 RGB with a longer side of at most `longer`; kept with the picture."""
    return picture.remember(("pixels", longer), lambda: np.asarray(at_most(picture.rgb(), longer)))


def luminance(pixels: Pixels) -> Plane:
    """Luma of Rec. 601, shape (height, width), 0 to 255, not rounded."""
    return pixels.astype(np.float64) @ np.array([0.299, 0.587, 0.114])


def small_or_blank(pixels: Pixels, *, shorter: int = 16) -> Declined | None:
    """A reason to decline: the shorter side is below `shorter` pixels, or all pixels are the same colour."""
    height, width = pixels.shape[:2]
    if min(height, width) < shorter:
        return Declined(reason=f"the picture is {width}x{height}; at least {shorter} pixels a side are needed")
    if not (pixels != pixels[0, 0]).any():
        return Declined(reason="the picture is one flat colour: there is nothing to measure")
    return None


def measured(values: dict[str, float], *, text: str = "") -> Outcome:
    """`Measured` with one reading for each value, or `Declined` when one of them is not finite."""
    wrong = [name for name, value in values.items() if not math.isfinite(value)]
    if wrong:
        return Declined(reason=f"{', '.join(wrong)} cannot be computed for this picture")
    return Measured(readings=tuple(Reading(quantity=name, value=value) for name, value in values.items()), text=text)


def one_by_one(views: Sequence[View], measure: Callable[[View], Outcome]) -> list[Outcome]:
    """`measure` for each view in order, for measures that gain nothing from a batch."""
    return [measure(view) for view in views]
