"""Typed doors to libraries that ship no types: what is unknown to the type checker stays in this file."""

from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Plane = NDArray[np.float64]


def to_lab(pixels: NDArray[np.uint8]) -> Plane:
    """CIELAB (D65) of sRGB pixels, the last axis L* 0 to 100, a*, b*."""
    colour: Any = import_module("skimage.color")
    return np.asarray(colour.rgb2lab(pixels), dtype=np.float64)


def blur_effect(plane: Plane) -> float:
    """Crété-Roffet et al., SPIE 2007, as in scikit-image: 0 sharp to 1 blurred."""
    measure: Any = import_module("skimage.measure")
    return float(measure.blur_effect(plane))


def structural_similarity(one: Plane, other: Plane, *, levels: float) -> float:
    """SSIM of Wang et al., IEEE TIP 2004, with its authors' Gaussian window of sigma 1.5; -1 to 1."""
    metrics: Any = import_module("skimage.metrics")
    options = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False}
    return float(metrics.structural_similarity(one, other, data_range=levels, **options))


def gamma(values: Plane) -> Plane:
    """The gamma function, element by element."""
    special: Any = import_module("scipy.special")
    return np.asarray(special.gamma(values), dtype=np.float64)


def assign(gain: Plane) -> list[tuple[int, int]]:
    """Pairs (row, column), one to one, with the greatest sum of `gain` (Kuhn, 1955)."""
    optimize: Any = import_module("scipy.optimize")
    rows, columns = optimize.linear_sum_assignment(gain, maximize=True)
    return list(zip(rows.tolist(), columns.tolist(), strict=True))


class OnnxModel:
    """One ONNX graph on the CPU; threads as onnxruntime chooses."""

    def __init__(self, path: Path) -> None:
        runtime: Any = import_module("onnxruntime")
        self.session: Any = runtime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
        self.input: str = self.session.get_inputs()[0].name

    def __call__(self, batch: NDArray[np.float32]) -> NDArray[np.float32]:
        """The first output of the graph."""
        return np.asarray(self.session.run(None, {self.input: batch})[0], dtype=np.float32)
