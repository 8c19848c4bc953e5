"""NIQE and BRISQUE against values that others computed."""

import csv

import numpy as np
import pytest
from asking import data_set, photograph, refusal, values
from PIL import Image, ImageFilter

PACKAGE = {"astronaut": 10.7995, "coffee": 3.0479, "chelsea": 2.8707}
"""`BRISQUE(url=False).score(pixels)` of the package brisque 0.2.0 under numpy 1.26."""


@pytest.mark.parametrize("name", PACKAGE)
def test_brisque_agrees_with_the_package_that_its_regressor_comes_from(name: str) -> None:
    assert values("brisque", photograph(name))["brisque"] == pytest.approx(PACKAGE[name], abs=0.1)


def test_niqe_agrees_with_the_official_values() -> None:
    root = data_set("iqa-calibration")
    rows = csv.DictReader((root / "results_official.csv").read_text(encoding="utf-8").splitlines())
    official = next(row for row in rows if row["Method"] == "niqe")
    for number in ("03", "04", "06", "08", "19"):
        found = values("niqe", root / f"images/dist_I{number}.png")["niqe"]
        assert found == pytest.approx(float(official[f"I{number}.bmp"]), rel=0.01)


@pytest.mark.parametrize("name", PACKAGE)
@pytest.mark.parametrize("measure", ["niqe", "brisque"])
def test_distortion_raises_the_score(measure: str, name: str) -> None:
    image = photograph(name)
    noise = np.random.default_rng(0).normal(0, 30, (image.height, image.width, 3))
    noisy = np.clip(np.asarray(image) + noise, 0, 255).astype(np.uint8)
    clean = values(measure, image)[measure]
    assert values(measure, image.filter(ImageFilter.GaussianBlur(3)))[measure] > clean
    assert values(measure, noisy)[measure] > clean


def test_too_small_pictures_are_declined() -> None:
    tiny = photograph("coffee").resize((150, 150), Image.Resampling.BICUBIC)
    assert "too small" in refusal("niqe", tiny)
    assert "32 pixels" in refusal("brisque", tiny.resize((31, 31)))
