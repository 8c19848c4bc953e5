"""Full-reference measures in double precision, as their authors' programs compute them: SSIM, MS-SSIM, GMSD, FSIMc.

They reproduce the authors' own values on the five pairs of `iqa-calibration` to the printed digits (see
`python -m autorater_evals.iqa_calibration`). What matters for that: luminance is rounded to whole levels, Gaussian
windows take no pixel from beyond the border, and halving averages a pixel with its right and lower neighbours.
"""

from importlib import import_module
from typing import Any

import numpy as np

from autorater_tools._pixels import LEVELS, Pixels, Plane

SCALES = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
"""The weights of the five scales of MS-SSIM, finest first."""
LEAST = 11 * 2 ** (len(SCALES) - 1)
"""The shorter side that MS-SSIM needs: a window of 11 pixels at the coarsest scale."""

_GREY = np.array([0.298936021293775, 0.587043074451121, 0.114020904255103])
_YIQ = np.array([[0.299, 0.587, 0.114], [0.596, -0.274, -0.322], [0.211, -0.523, 0.312]])
_WINDOW = np.exp(-(np.arange(-5, 6) ** 2) / (2 * 1.5**2))


def grey(pixels: Pixels) -> Plane:
    """Luminance in whole levels, 0 to 255, shape (height, width), with the coefficients of MATLAB's rgb2gray."""
    return np.floor(pixels.astype(np.float64) @ _GREY + 0.5)


def psnr(before: Pixels, after: Pixels) -> float:
    """Peak signal-to-noise ratio over the three channels in dB, higher is more alike; infinite for equal pictures."""
    error = float(((before.astype(np.float64) - after) ** 2).mean())
    return float("inf") if error == 0 else float(10 * np.log10(LEVELS**2 / error))


def ssim(before: Pixels, after: Pixels) -> float:
    """Structural similarity (Wang et al., IEEE TIP 2004), -1 to 1, higher is more alike; 11 pixels a side needed."""
    return _ssim(grey(before), grey(after))[0]


def ms_ssim(before: Pixels, after: Pixels, *, weighted_sum: bool = False) -> float:
    """Multi-scale SSIM (Wang, Simoncelli and Bovik, Asilomar 2003), up to 1, higher is more alike.

    The paper multiplies powers of the scales' values; `weighted_sum` adds them instead, as its authors' program can.
    """
    one, other = grey(before), grey(after)
    found: list[float] = []
    for scale in range(len(SCALES)):
        both, structure = _ssim(one, other)
        found.append(both if scale == len(SCALES) - 1 else structure)
        one, other = _halve(one, border="symmetric"), _halve(other, border="symmetric")
    values, weights = np.array(found), np.array(SCALES)
    if weighted_sum:
        return float(values @ weights / weights.sum())
    return float(np.prod(np.maximum(values, 0) ** weights))  # a negative structure has no real power


def gmsd(before: Pixels, after: Pixels) -> float:
    """Gradient magnitude similarity deviation (Xue et al., IEEE TIP 2014), 0 and more, lower is more alike."""
    one, other = (_halve(grey(pixels), border="zero") for pixels in (before, after))
    prewitt = np.array([[1.0, 0, -1]] * 3) / 3
    return float(_alike(_gradient(one, prewitt), _gradient(other, prewitt), 170).std(ddof=1))


def fsim(before: Pixels, after: Pixels) -> float:
    """FSIMc, feature similarity with colour (Zhang et al., IEEE TIP 2011), 0 to 1, higher is more alike."""
    one, other = (_channels(pixels) for pixels in (before, after))
    first, second = phase_congruency(one[0]), phase_congruency(other[0])
    scharr = np.array([[3.0, 0, -3], [10, 0, -10], [3, 0, -3]]) / 16
    weight = np.maximum(first, second)
    alike = _alike(first, second, 0.85) * _alike(_gradient(one[0], scharr), _gradient(other[0], scharr), 160)
    colour = _alike(one[1], other[1], 200) * _alike(one[2], other[2], 200)
    colour = (colour.astype(np.complex128) ** 0.03).real  # the real part of the power, where the product is negative
    total = float(weight.sum())
    return float((alike * colour * weight).sum() / total) if total else 1.0


def phase_congruency(plane: Plane) -> Plane:
    """Kovesi's phase congruency over 4 scales and 4 orientations with the settings of FSIM; 0 to 1, same shape."""
    height, width = plane.shape
    spectrum = np.fft.fft2(plane)
    down, across = np.meshgrid(_frequencies(height), _frequencies(width), indexing="ij")
    radius, angle = np.fft.ifftshift(np.hypot(across, down)), np.fft.ifftshift(np.arctan2(-down, across))
    low_pass = 1 / (1 + (radius / 0.45) ** 30)
    radius[0, 0] = 1
    gabor = [np.exp(-(np.log(radius * 6 * 2**scale) ** 2) / (2 * np.log(0.55) ** 2)) * low_pass for scale in range(4)]
    energy, amplitude = np.zeros_like(plane), np.zeros_like(plane)
    for orientation in range(4):
        turned = np.abs((angle - orientation * np.pi / 4 + np.pi) % (2 * np.pi) - np.pi)
        spread = np.exp(-(turned**2) / (2 * (np.pi / 4 / 1.2) ** 2))
        spread[0, 0] = 0  # no filter sees the mean
        filters = [one * spread for one in gabor]
        responses = [np.fft.ifft2(spectrum * one) for one in filters]
        total = np.sum(responses, axis=0)
        length = np.abs(total) + 1e-4
        even, odd = total.real / length, total.imag / length
        local = sum(
            (one.real * even + one.imag * odd - np.abs(one.real * odd - one.imag * even) for one in responses),
            start=np.zeros_like(plane),
        )
        energy += np.maximum(local - _noise(filters, responses[0]), 0)
        amplitude += np.sum(np.abs(responses), axis=0)
    return np.divide(energy, amplitude, out=np.zeros_like(energy), where=amplitude > 0)


def _noise(filters: list[Plane], finest: Any) -> float:
    """The energy that noise alone would give, as estimated from the finest scale."""
    power = float(np.median(np.abs(finest) ** 2)) / np.log(2) / float((filters[0] ** 2).sum())
    waves = [np.fft.ifft2(one).real * np.sqrt(one.size) for one in filters]
    squares = sum(float((wave**2).sum()) for wave in waves)
    products = sum(float((waves[i] * waves[j]).sum()) for i in range(3) for j in range(i + 1, 4))
    spread = np.sqrt(max(0.0, power * squares + 2 * power * products))
    return float(spread * (np.sqrt(np.pi / 2) + 2 * np.sqrt(2 - np.pi / 2)) / 1.7)


def _ssim(one: Plane, other: Plane) -> tuple[float, float]:
    """The means of SSIM and of its part for contrast and structure."""
    mean_one, mean_other = _blurred(one), _blurred(other)
    variances = _blurred(one * one) - mean_one**2 + _blurred(other * other) - mean_other**2
    covariance = _blurred(one * other) - mean_one * mean_other
    steady, steadier = (0.01 * LEVELS) ** 2, (0.03 * LEVELS) ** 2
    structure = (2 * covariance + steadier) / (variances + steadier)
    light = (2 * mean_one * mean_other + steady) / (mean_one**2 + mean_other**2 + steady)
    return float((light * structure).mean()), float(structure.mean())


def _blurred(plane: Plane) -> Plane:
    images: Any = import_module("scipy.ndimage")
    window = _WINDOW / _WINDOW.sum()
    for axis in (0, 1):
        plane = images.correlate1d(plane, window, axis=axis, mode="nearest")
    return plane[5:-5, 5:-5]


def _halve(plane: Plane, *, border: str) -> Plane:
    """Every second pixel of 2x2 means; beyond the border lies the border itself, or zero."""
    ends = ((0, 1), (0, 1))
    padded = np.pad(plane, ends, mode="symmetric") if border == "symmetric" else np.pad(plane, ends)
    return (padded[:-1:2, :-1:2] + padded[1::2, :-1:2] + padded[:-1:2, 1::2] + padded[1::2, 1::2])[
        : (plane.shape[0] + 1) // 2, : (plane.shape[1] + 1) // 2
    ] / 4


def _channels(pixels: Pixels) -> list[Plane]:
    """Y, I and Q, averaged down to a shorter side of about 256 pixels as FSIM's authors do."""
    images: Any = import_module("scipy.signal")
    step = max(1, int(min(pixels.shape[:2]) / 256 + 0.5))
    planes = np.moveaxis(pixels.astype(np.float64) @ _YIQ.T, 2, 0)
    window = np.full((step, step), 1 / step**2)
    height, width, first = *pixels.shape[:2], step // 2  # where MATLAB's "same" begins
    whole = [images.convolve2d(plane, window)[first:, first:] for plane in planes]
    return [plane[:height:step, :width:step] for plane in whole]


def _gradient(plane: Plane, across: Plane) -> Plane:
    images: Any = import_module("scipy.signal")
    sides = [images.convolve2d(plane, kernel, mode="same") for kernel in (across, across.T)]
    return np.sqrt(sides[0] ** 2 + sides[1] ** 2)


def _alike(one: Plane, other: Plane, steady: float) -> Plane:
    return (2 * one * other + steady) / (one**2 + other**2 + steady)


def _frequencies(count: int) -> Plane:
    """-0.5 to 0.5, zero in the middle."""
    if count % 2:
        return np.arange(-(count - 1) / 2, (count - 1) / 2 + 1) / max(1, count - 1)
    return np.arange(-count / 2, count / 2) / count
