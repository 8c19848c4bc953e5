"""Colour: how colourful the picture is, how saturated, and how far its average is from grey."""

import math
from collections.abc import Sequence

import numpy as np

from autorater.assessment import Outcome
from autorater.toolbox import View
from autorater_tools._pixels import Pixels, measured, one_by_one, pixels_at_most
from autorater_tools._untyped import to_lab

LONGER_SIDE = 512


class Colour:
    """Colourfulness M3 of Hasler and Süsstrunk (SPIE 2003), HSV saturation, and the mean's chroma in CIELAB."""

    def __init__(self, *, device: str = "cpu") -> None:
        pass

    def __call__(self, views: Sequence[View], /) -> list[Outcome]:
        """One outcome per view, in order."""
        return one_by_one(views, measure)


def measure(view: View) -> Outcome:
    """The three numbers; a grey picture has 0 in all of them."""
    pixels = pixels_at_most(view.image, LONGER_SIDE)
    laboratory = to_lab(pixels)
    cast = math.hypot(float(laboratory[..., 1].mean()), float(laboratory[..., 2].mean()))
    return measured({"colourfulness": colourfulness(pixels), "saturation": saturation(pixels), "cast": cast})


def colourfulness(pixels: Pixels) -> float:
    """Spread plus 0.3 times the mean of the opponent axes red-green and yellow-blue; 0 is grey, above 80 is vivid."""
    red, green, blue = np.moveaxis(pixels.astype(np.float64), -1, 0)
    red_green, yellow_blue = red - green, (red + green) / 2 - blue
    spread = math.hypot(red_green.std(), yellow_blue.std())
    return spread + 0.3 * math.hypot(red_green.mean(), yellow_blue.mean())


def saturation(pixels: Pixels) -> float:
    """The mean of HSV saturation, 0 to 1; black pixels count 0."""
    high, low = pixels.max(2).astype(np.float64), pixels.min(2).astype(np.float64)
    return float(((high - low) / np.maximum(high, 1)).mean())
