"""Fidelity: how faithful an edit is to its source by three classical measures of structure."""

from collections.abc import Sequence

from autorater.assessment import Outcome
from autorater.toolbox import View
from autorater_tools._fidelity import LEAST, fsim, gmsd, ms_ssim
from autorater_tools._pairs import compare
from autorater_tools._pixels import Pixels, one_by_one


class Fidelity:
    """MS-SSIM, FSIMc and GMSD in double precision, written from the papers."""

    def __init__(self, *, device: str = "cpu") -> None:
        pass

    def __call__(self, views: Sequence[View], /) -> list[Outcome]:
        """One outcome per view, in order; the first source is the one compared with."""
        return one_by_one(views, lambda view: compare(view, values, shorter=LEAST))


def values(before: Pixels, after: Pixels) -> dict[str, float]:
    """The three readings for two pictures of one size, cut to the ranges that they have but for rounding."""
    return {
        "ms_ssim": min(1.0, max(0.0, ms_ssim(before, after))),
        "fsim": min(1.0, max(0.0, fsim(before, after))),
        "gmsd": gmsd(before, after),
    }
