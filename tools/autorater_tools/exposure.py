"""Exposure: how bright the picture is, its contrast, and how much of it is clipped."""

from collections.abc import Sequence

from autorater.assessment import Outcome
from autorater.toolbox import View
from autorater_tools._pixels import LEVELS, luminance, measured, one_by_one, pixels_at_most

LONGER_SIDE = 1024
BLACK = 4
"""Luminance of at most this many levels of 255 is clipped to black."""
WHITE = 251
"""Luminance of at least this many levels of 255 is clipped to white."""


class Exposure:
    """Mean and standard deviation of the luminance (RMS contrast: Peli, JOSA A 1990), and clipped shares."""

    def __init__(self, *, device: str = "cpu") -> None:
        pass

    def __call__(self, views: Sequence[View], /) -> list[Outcome]:
        """One outcome per view, in order."""
        return one_by_one(views, measure)


def measure(view: View) -> Outcome:
    """The four numbers, each 0 to 1; defined for every picture, a flat one too."""
    plane = luminance(pixels_at_most(view.image, LONGER_SIDE))
    return measured(
        {
            "brightness": min(1.0, float(plane.mean()) / LEVELS),
            "contrast": float(plane.std()) / LEVELS,
            "black_share": float((plane <= BLACK).mean()),
            "white_share": float((plane >= WHITE).mean()),
        }
    )
