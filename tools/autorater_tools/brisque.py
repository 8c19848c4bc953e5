"""BRISQUE: distortion from natural scene statistics, by the authors' regressor on the LIVE database."""

import pickle
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from autorater.assessment import Outcome
from autorater.errors import SpecialistError
from autorater.toolbox import View
from autorater_tools import _scenes
from autorater_tools._pixels import Pixels, Plane, measured, one_by_one, pixels_at_most, small_or_blank
from autorater_tools._weights import own_card, weights_path

LONGER_SIDE = 1536
SHORTER_SIDE = 32
NUMBERS = 36
REC_709 = np.array([0.2125, 0.7154, 0.0721])


class Brisque:
    """Mittal et al., IEEE TIP 2012: 36 features, scaled to -1..1, into a support vector regressor of 770 vectors."""

    def __init__(self, *, device: str = "cpu") -> None:
        card = own_card("brisque")
        self.gamma, self.rho, self.coefficients, self.vectors = read_regressor(weights_path(card, "svm.txt"))
        self.low, self.high = read_ranges(weights_path(card, "normalize.pickle"))

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


def read_regressor(path: Path) -> tuple[float, float, Plane, Plane]:
    """Gamma, rho, coefficients (n,) and vectors (n, 36) of a support vector regressor in libsvm's text format."""
    head, _, body = path.read_text(encoding="ascii").partition("\nSV\n")
    told = dict(line.split(" ", 1) for line in head.splitlines())
    rows = [line.split() for line in body.splitlines() if line]
    coefficients = np.array([float(row[0]) for row in rows])
    vectors = np.zeros((len(rows), NUMBERS))
    for place, row in enumerate(rows):
        for entry in row[1:]:  # "17:-0.2"; zeros are left out
            index, _, value = entry.partition(":")
            vectors[place, int(index) - 1] = float(value)
    return float(told["gamma"]), float(told["rho"]), coefficients, vectors


class _NumbersOnly(pickle.Unpickler):
    """Reads a pickle of lists, dictionaries and numbers; anything that names code is refused."""

    def find_class(self, module: str, name: str, /) -> Any:
        raise SpecialistError(f"the ranges of BRISQUE hold {module}.{name}, not numbers alone: they are not loaded")


def read_ranges(path: Path) -> tuple[Plane, Plane]:
    """The least and the greatest value of each feature in the data of the regressor, (36,) each."""
    with path.open("rb") as file:
        told = _NumbersOnly(file).load()
    return np.array(told["min_"], dtype=np.float64), np.array(told["max_"], dtype=np.float64)


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
