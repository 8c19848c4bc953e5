"""An edit and its source, brought to one size for measures that compare them pixel by pixel."""

from collections.abc import Callable

import numpy as np
from PIL import Image

from autorater.assessment import Declined, Outcome
from autorater.errors import SpecialistError
from autorater.image import Picture
from autorater.toolbox import View
from autorater_tools._pixels import NO_SOURCE, Pixels, measured, pixels_at_most

LONGER_SIDE = 1024
STRETCH = 1.02
"""Proportions that differ by more than this factor are not comparable pixel by pixel."""


def other_proportions(source: Picture, image: Picture, *, what: str = "pixels") -> Declined | None:
    """A reason to decline: the picture's proportions changed by more than 2 %. `what` can then not be compared."""
    stretch = (image.width / image.height) / (source.width / source.height)
    if max(stretch, 1 / stretch) <= STRETCH:
        return None
    return Declined(
        reason=f"the image is {image.width}x{image.height} and its source {source.width}x{source.height}: "
        f"{what} of different proportions cannot be compared"
    )


def compare(view: View, measure: Callable[[Pixels, Pixels], dict[str, float]], *, shorter: int) -> Outcome:
    """`measure(source, edit)` at the source's size, the longer side at most 1024 pixels, or why there is no answer."""
    if not view.sources:
        raise SpecialistError(NO_SOURCE)
    source, image = view.sources[0], view.image
    if refusal := other_proportions(source, image):
        return refusal
    before = pixels_at_most(source, LONGER_SIDE)
    height, width = before.shape[:2]
    if min(height, width) < shorter:
        return Declined(
            reason=f"the source is {width}x{height} at its working size; {shorter} pixels a side are needed"
        )
    after = pixels_at_most(image, LONGER_SIDE)
    if after.shape != before.shape:
        after = np.asarray(Image.fromarray(after).resize((width, height), Image.Resampling.BICUBIC))
    return measured(measure(before, after))
