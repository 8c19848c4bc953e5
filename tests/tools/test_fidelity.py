"""SSIM, MS-SSIM, GMSD and FSIMc against the values of their authors, other implementations and plain loops."""

from collections.abc import Callable
from functools import partial
from importlib import import_module
from typing import Any

import numpy as np
import pytest
from asking import ask, cards, data_set, flat, photograph, refusal, small, values
from calibration_official import OFFICIAL_NUMBERS, official
from PIL import Image, ImageFilter

from autorater.assessment import Measured
from autorater.errors import SpecialistError

pytest.importorskip("scipy")

from autorater_tools._fidelity import fsim, gmsd, grey, ms_ssim, psnr, ssim
from autorater_tools._pixels import Pixels, Plane
from autorater_tools.niqe import Niqe

MEASURES: dict[str, Callable[[Pixels, Pixels], float]] = {
    "psnr": psnr,
    "ssim": ssim,
    "ms_ssim": partial(ms_ssim, weighted_sum=True),
    "fsim": fsim,
    "gmsd": gmsd,
}


def pixels_of(image: Any) -> Pixels:
    return np.asarray(image.convert("RGB"), dtype=np.uint8)


def pair(side: int = 192) -> tuple[Pixels, Pixels]:
    image = photograph("coffee").crop((100, 50, 100 + side, 50 + side))
    return pixels_of(image), pixels_of(image.filter(ImageFilter.GaussianBlur(1)))


@pytest.mark.parametrize("name", MEASURES)
def test_equals_its_authors_values_to_the_printed_digits(name: str) -> None:
    root = data_set("iqa-calibration")
    for number in OFFICIAL_NUMBERS:
        before, after = (pixels_of(Image.open(root / f"images/{kind}_I{number}.png")) for kind in ("ref", "dist"))
        found, printed = MEASURES[name](before, after), official(root, name, number)
        digits = min(12, len(printed.partition(".")[2]))  # GMSD is printed to 15, more than the order of a sum allows
        assert found == pytest.approx(float(printed), abs=0.5 * 10**-digits + 1e-15)


def test_niqe_equals_its_authors_value_where_rounding_does_not_decide() -> None:
    """I04 has no flat areas; on the others the last bits of the arithmetic decide the sign of what should be zero."""
    root = data_set("iqa-calibration")
    found = Niqe().distance(pixels_of(Image.open(root / "images/dist_I04.png")))
    assert found == pytest.approx(float(official(root, "niqe", "04")), abs=1e-9)


def test_ssim_equals_a_plain_loop() -> None:
    before, after = pair(24)
    one, other = grey(before), grey(after)
    line = np.exp(-(np.arange(-5, 6) ** 2) / 4.5)
    window = np.outer(line, line) / line.sum() ** 2
    found: list[float] = []
    for top in range(14):
        for left in range(14):
            a, b = one[top : top + 11, left : left + 11], other[top : top + 11, left : left + 11]
            mean_a, mean_b = (window * a).sum(), (window * b).sum()
            spread = (window * a * a).sum() - mean_a**2 + (window * b * b).sum() - mean_b**2
            both = (window * a * b).sum() - mean_a * mean_b
            light = (2 * mean_a * mean_b + 6.5025) / (mean_a**2 + mean_b**2 + 6.5025)
            found.append(light * (2 * both + 58.5225) / (spread + 58.5225))
    assert ssim(before, after) == pytest.approx(np.mean(found), abs=1e-12)


def test_gmsd_equals_a_plain_loop() -> None:
    before, after = pair(24)

    def gradients(plane: Plane) -> Plane:
        halved = plane.reshape(12, 2, 12, 2).mean((1, 3))
        wide = np.pad(halved, 1)
        across = sum(wide[row : row + 12, 2:] - wide[row : row + 12, :-2] for row in range(3)) / 3
        down = sum(wide[2:, column : column + 12] - wide[:-2, column : column + 12] for column in range(3)) / 3
        return np.hypot(across, down)

    one, other = gradients(grey(before)), gradients(grey(after))
    alike = (2 * one * other + 170) / (one**2 + other**2 + 170)
    assert gmsd(before, after) == pytest.approx(np.std(alike, ddof=1), abs=1e-12)


def test_fsim_and_ms_ssim_agree_with_another_implementation() -> None:
    if cards()["iqa_vif"].missing():
        pytest.skip("pyiqa is not installed")
    package: Any = import_module("autorater_tools._pyiqa")
    before, after = pair()
    for name, measure in (("fsim", fsim), ("ms_ssim", ms_ssim)):
        metric = package.load_metric(name, card="fidelity")
        other = float(metric(package.to_tensor(after), package.to_tensor(before)))
        assert measure(before, after) == pytest.approx(other, abs=2e-3)  # it does not round the luminance


def test_equal_pictures_are_faithful_and_worse_ones_less() -> None:
    image = small("coffee").rgb()
    steps = [image.filter(ImageFilter.GaussianBlur(radius)) for radius in (0, 1, 2, 4)]
    found = [values("fidelity", step, sources=[image]) for step in steps]
    assert found[0] == pytest.approx({"ms_ssim": 1, "fsim": 1, "gmsd": 0})
    for quantity, falls in (("ms_ssim", True), ("fsim", True), ("gmsd", False)):
        series = [reading[quantity] for reading in found]
        assert series == sorted(series, reverse=falls)


def test_what_cannot_be_compared_is_declined() -> None:
    wide = photograph("coffee").resize((400, 200))
    assert "cannot be compared" in refusal("fidelity", wide, sources=[wide.resize((300, 300))])
    assert "176 pixels a side are needed" in refusal("fidelity", small("coffee", 100), sources=[small("coffee", 100)])
    with pytest.raises(SpecialistError, match="source image is needed"):
        ask("fidelity", small("coffee"))


def test_flat_pictures_and_other_sizes_have_values() -> None:
    assert isinstance(ask("fidelity", flat(0), sources=[flat(0)]), Measured)
    assert isinstance(ask("fidelity", flat(255), sources=[flat(3)]), Measured)
    image = photograph("coffee")
    found = values("fidelity", image.resize((300, 200)), sources=[image])
    assert 0.5 < found["ms_ssim"] < 1
