"""NIQE: how far the statistics of patches are from those of undistorted photographs."""

from collections.abc import Sequence

import numpy as np

from autorater.assessment import Declined, Outcome
from autorater.toolbox import View
from autorater_tools import _scenes
from autorater_tools._pixels import Pixels, Plane, luminance, measured, one_by_one, pixels_at_most, small_or_blank
from autorater_tools._weights import own_card, weights_path

LONGER_SIDE = 1536
PATCH = 96
PATCHES = 4
"""At least this many patches are needed for a covariance."""

NEIGHBOURS = ((0, 1), (1, 0), (1, 1), (1, -1))
"""Right, below, below right, below left; wrapped around the patch, as the authors do."""


class Niqe:
    """Mittal et al., IEEE SPL 2013, with the authors' 36 means and 36x36 covariances of pristine photographs."""

    def __init__(self, *, device: str = "cpu") -> None:
        with np.load(weights_path(own_card("niqe"), "niqe.npz")) as stored:
            self.mean: Plane = stored["mean"]
            self.covariance: Plane = stored["covariance"]

    def __call__(self, views: Sequence[View], /) -> list[Outcome]:
        """One outcome per view, in order."""
        return one_by_one(views, self.measure)

    def measure(self, view: View) -> Outcome:
        """The distance of one picture, or why there is none."""
        pixels = pixels_at_most(view.image, LONGER_SIDE)
        if refusal := small_or_blank(pixels):
            return refusal
        if (pixels.shape[0] // PATCH) * (pixels.shape[1] // PATCH) < PATCHES:
            return Declined(reason=f"NIQE needs {PATCHES} patches of {PATCH}x{PATCH} pixels; the picture is too small")
        return measured({"niqe": self.distance(pixels)})

    def distance(self, pixels: Pixels) -> float:
        """The Mahalanobis-like distance between the picture's patches and pristine ones, 0 or more, lower is better."""
        features = patch_features(np.round(luminance(pixels)))
        features = features[np.isfinite(features).all(1)]
        difference = self.mean - features.mean(0)
        covariance = (self.covariance + np.cov(features, rowvar=False)) / 2
        return float(np.sqrt(max(0.0, difference @ np.linalg.pinv(covariance) @ difference)))


def patch_features(plane: Plane) -> Plane:
    """36 numbers for each 96x96 patch of the plane and its half; shape (patches, 36)."""
    rows, columns = plane.shape[0] // PATCH, plane.shape[1] // PATCH
    plane = plane[: rows * PATCH, : columns * PATCH]
    fine = _patches(_scenes.normalise(plane), PATCH)
    coarse = _patches(_scenes.normalise(_scenes.halve(plane)), PATCH // 2)
    return np.array([_describe(one) + _describe(other) for one, other in zip(fine, coarse, strict=True)])


def _patches(plane: Plane, side: int) -> list[Plane]:
    height, width = plane.shape
    tops, lefts = range(0, height - side + 1, side), range(0, width - side + 1, side)
    return [plane[top : top + side, left : left + side] for top in tops for left in lefts]


def _describe(patch: Plane) -> list[float]:
    fit = _scenes.fit(patch)
    numbers = [fit.shape, (fit.left + fit.right) / 2 * fit.scale]
    for shift in NEIGHBOURS:
        fit = _scenes.fit(patch * np.roll(patch, shift, axis=(0, 1)))
        numbers += [fit.shape, fit.mean, fit.left * fit.scale, fit.right * fit.scale]
    return numbers
