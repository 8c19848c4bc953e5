"""Sharpness: how much fine detail there is, and how much of it a further blur would take away."""

from collections.abc import Sequence

import cv2
import numpy as np

from autorater.assessment import Outcome
from autorater.toolbox import View
from autorater_tools._pixels import luminance, measured, one_by_one, pixels_at_most, small_or_blank
from autorater_tools._untyped import blur_effect

LONGER_SIDE = 1024


class Sharpness:
    """Variance of the Laplacian (Pech-Pacheco et al., ICPR 2000) and blur effect (Crété-Roffet et al., SPIE 2007)."""

    def __init__(self, *, device: str = "cpu") -> None:
        pass

    def __call__(self, views: Sequence[View], /) -> list[Outcome]:
        """One outcome per view, in order."""
        return one_by_one(views, measure)


def measure(view: View) -> Outcome:
    """Both measures on the luminance, the longer side at most 1024 pixels."""
    pixels = pixels_at_most(view.image, LONGER_SIDE)
    if refusal := small_or_blank(pixels):
        return refusal
    plane = luminance(pixels)
    laplacian = np.asarray(cv2.Laplacian(plane, cv2.CV_64F))
    blur = min(1.0, max(0.0, blur_effect(plane)))
    return measured({"detail": float(laplacian.var()), "blur": blur})
