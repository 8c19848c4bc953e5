"""BRISQUE: distortion from natural scene statistics, by the authors' regressor on the LIVE database."""

from collections.abc import Sequence

import cv2
import numpy as np

from autorater.assessment import Outcome
from autorater.toolbox import View
from autorater_tools import _scenes
from autorater_tools._pixels import Pixels, Plane, measured, one_by_one, pixels_at_most, small_or_blank
from autorater_tools._weights import own_card, weights_path

LONGER_SIDE = 1536
SHORTER_SIDE = 32
REC_709 = np.array([0.2125, 0.7154, 0.0721])


class Brisque:
    """Mittal et al., IEEE TIP 2012: 36 features, scaled to -1..1, into a support vector regressor of 770 vectors."""

    def __init__(self, *, device: str = "cpu") -> None:
        with np.load(weights_path(own_card("brisque"), "brisque.npz")) as stored:
            self.vectors: Plane = stored["vectors"].astype(np.float64)
            self.coefficients: Plane = stored["coefficients"].astype(np.float64)
            self.low: Plane = stored["low"]
            self.high: Plane = stored["high"]
            self.gamma = float(stored["gamma"])
            self.rho = float(stored["rho"])

    def __call__(self, views: Sequence[View], /) -> list[Outcome]:
        """One outcome per view, in order."""
        return one_by_one(views, self.measure)

    def measure(self, view: View) -> Outcome:
        """The score of one picture, or why there is none."""
        pixels = pixels_at_most(view.image, LONGER_SIDE)
        if refusal := small_or_blank(pixels, shorter=SHORTER_SIDE):
            return refusal
        return measured({"brisque": self.score(pixels)})

    def score(self, pixels: Pixels) -> float:
        """About 0 (natural) to 100 (distorted); extremes lie outside."""
        scaled = 2 * (features(pixels) - self.low) / (self.high - self.low) - 1
        kernel = np.exp(-self.gamma * ((self.vectors - scaled) ** 2).sum(1))
        return float(self.coefficients @ kernel - self.rho)


def features(pixels: Pixels) -> Plane:
    """36 numbers: for the picture and its half, the fit of the coefficients and of their four neighbour products.

    The regressor was trained on features of the package that ships it: Rec. 709 luma, zeros beyond the border, and a
    half-size picture by cubic interpolation without a guard against aliasing. They are the same here.
    """
    plane = pixels.astype(np.float64) @ REC_709
    half = np.asarray(cv2.resize(plane, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_CUBIC), dtype=np.float64)
    return np.array(_describe(plane) + _describe(half))


def _describe(plane: Plane) -> list[float]:
    values = _scenes.normalise(plane, border=cv2.BORDER_CONSTANT)
    fit = _scenes.fit(values, zeros_right=True)
    numbers = [fit.shape, (fit.left**2 + fit.right**2) / 2]
    beside = (values[:, :-1] * values[:, 1:], values[:-1] * values[1:])
    aslant = (values[:-1, :-1] * values[1:, 1:], values[1:, :-1] * values[:-1, 1:])
    for product in (*beside, *aslant):
        fit = _scenes.fit(product, zeros_right=True)
        numbers += [fit.shape, fit.mean, fit.left**2, fit.right**2]
    return numbers
