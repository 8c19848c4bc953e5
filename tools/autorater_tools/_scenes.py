"""Natural scene statistics: what BRISQUE and NIQE share.

Formulas: Mittal, Moorthy and Bovik, "No-reference image quality assessment in the spatial domain", IEEE TIP 2012, and
Mittal, Soundararajan and Bovik, "Making a completely blind image quality analyzer", IEEE SPL 2013. The asymmetric fit
is of Lasmar, Stitou and Berthoumieu, ICIP 2009.
"""

import math
from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np

from autorater_tools._pixels import Plane
from autorater_tools._untyped import gamma

WINDOW = 7
SIGMA = 7 / 6


@dataclass(frozen=True, slots=True)
class Asymmetric:
    """A generalised Gaussian with two sides: `shape` 0.2 to 10, `left` and `right` are root mean squares."""

    shape: float
    left: float
    right: float

    @property
    def scale(self) -> float:
        """What turns a root mean square into a scale parameter."""
        return math.sqrt(math.gamma(1 / self.shape) / math.gamma(3 / self.shape))

    @property
    def mean(self) -> float:
        """The mean of the distribution."""
        ratio = math.gamma(2 / self.shape) / math.gamma(1 / self.shape)
        return (self.right - self.left) * ratio * self.scale


def normalise(plane: Plane, *, border: int = cv2.BORDER_REPLICATE) -> Plane:
    """Mean-subtracted, contrast-normalised: (I - mu) / (sigma + 1) in a 7x7 Gaussian window."""
    mean = _blur(plane, border)
    deviation = np.sqrt(np.abs(_blur(plane * plane, border) - mean * mean))
    return (plane - mean) / (deviation + 1)


def halve(plane: Plane) -> Plane:
    """Half the size, by Keys' cubic kernel (a = -0.5) stretched against aliasing, mirrored at the borders."""
    return _halve_rows(_halve_rows(plane).T).T


def fit(plane: Plane, *, zeros_right: bool = False) -> Asymmetric:
    """The two-sided fit by moments; a side without values has width 0. `zeros_right` counts zeros as right values."""
    left = _root_mean_square(plane[plane < 0])
    right = _root_mean_square(plane[plane >= 0 if zeros_right else plane > 0])
    skew = left / max(right, 1e-12)
    ratio = float(np.abs(plane).mean()) ** 2 / max(float((plane**2).mean()), 1e-12)
    return Asymmetric(_shape(ratio * (skew**3 + 1) * (skew + 1) / (skew**2 + 1) ** 2), left, right)


def _blur(plane: Plane, border: int) -> Plane:
    blurred = cv2.GaussianBlur(plane, (WINDOW, WINDOW), SIGMA, borderType=border)
    return np.asarray(blurred, dtype=np.float64)


def _halve_rows(plane: Plane) -> Plane:
    offsets = np.abs(np.arange(-3.5, 4) / 2)
    near = 1.5 * offsets**3 - 2.5 * offsets**2 + 1
    far = -0.5 * offsets**3 + 2.5 * offsets**2 - 4 * offsets + 2
    taps = np.where(offsets <= 1, near, far) / 2
    rows = (plane.shape[0] + 1) // 2
    padded = np.pad(plane, ((3, 5), (0, 0)), mode="symmetric")
    return np.sum([tap * padded[index : index + 2 * rows : 2] for index, tap in enumerate(taps)], axis=0)


@lru_cache
def _shapes() -> tuple[Plane, Plane]:
    """Shapes 0.2 to 10 and, for each, the squared mean of absolutes over the mean of squares."""
    shapes = np.arange(200, 10_001) / 1000
    ratios = gamma(2 / shapes) ** 2 / (gamma(1 / shapes) * gamma(3 / shapes))
    return shapes, ratios


def _shape(ratio: float) -> float:
    shapes, ratios = _shapes()
    return float(shapes[np.argmin((ratios - ratio) ** 2)])


def _root_mean_square(values: Plane) -> float:
    return math.sqrt(float((values**2).mean())) if values.size else 0.0
