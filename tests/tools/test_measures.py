"""Sharpness, exposure, colour, the colours of a prompt, and the change of pixels: known pictures, known answers."""

import csv

import numpy as np
import pytest
from asking import ask, data_set, flat, photograph, refusal, small, values
from PIL import Image, ImageEnhance, ImageFilter

from autorater.assessment import Measured

NAMES = ("astronaut", "coffee", "chelsea")


@pytest.mark.parametrize("name", NAMES)
def test_a_blurred_picture_is_less_sharp(name: str) -> None:
    steps = [photograph(name).filter(ImageFilter.GaussianBlur(radius)) for radius in (0, 1, 2, 4)]
    found = [values("sharpness", step) for step in steps]
    assert [reading["blur"] for reading in found] == sorted(reading["blur"] for reading in found)
    assert [reading["detail"] for reading in found] == sorted((reading["detail"] for reading in found), reverse=True)


def test_detail_of_a_chessboard_is_known() -> None:
    board = (np.indices((64, 64)).sum(0) % 2 * 255).astype(np.uint8)
    assert values("sharpness", board)["detail"] == pytest.approx((4 * 255) ** 2, rel=0.05)  # Laplacian is ±4 · 255


@pytest.mark.parametrize("name", NAMES)
def test_a_brighter_picture_is_brighter_and_a_flatter_one_has_less_contrast(name: str) -> None:
    image = photograph(name)
    darker, plain = ImageEnhance.Brightness(image).enhance(0.6), values("exposure", image)
    flatter = ImageEnhance.Contrast(image).enhance(0.5)
    assert values("exposure", darker)["brightness"] < plain["brightness"]
    assert values("exposure", flatter)["contrast"] < plain["contrast"]


def test_exposure_of_two_halves_is_known() -> None:
    halves = flat(0)
    halves[:, 128:] = 255
    expected = {"brightness": 0.5, "contrast": 0.5, "black_share": 0.5, "white_share": 0.5}
    assert values("exposure", halves) == pytest.approx(expected, abs=1e-6)


def test_colourfulness_follows_its_formula() -> None:
    quarters = np.array([[[255, 0, 0], [0, 255, 0]], [[0, 0, 255], [128, 128, 128]]], dtype=np.uint8)
    pixels = quarters.repeat(16, 0).repeat(16, 1)
    # red-green: 255, -255, 0, 0; yellow-blue: 127.5, 127.5, -255, 0 (Hasler and Süsstrunk 2003, equation for M3)
    spread = np.hypot(np.std([255, -255, 0, 0]), np.std([127.5, 127.5, -255, 0]))
    assert values("colour", pixels)["colourfulness"] == pytest.approx(spread, rel=1e-6)
    assert values("colour", pixels)["saturation"] == pytest.approx(0.75)


@pytest.mark.parametrize("name", NAMES)
def test_less_saturated_is_less_colourful(name: str) -> None:
    found = [values("colour", ImageEnhance.Color(photograph(name)).enhance(factor)) for factor in (0, 0.5, 1)]
    assert found[0]["colourfulness"] == pytest.approx(0, abs=0.1)
    for quantity in ("colourfulness", "saturation"):
        assert found[0][quantity] < found[1][quantity] < found[2][quantity]


def test_a_tint_is_a_cast() -> None:
    tinted = np.asarray(small("chelsea").rgb().convert("L").convert("RGB")) * np.array([1, 0.8, 0.6])
    assert values("colour", tinted.astype(np.uint8))["cast"] > 10
    assert values("colour", small("chelsea").rgb().convert("L"))["cast"] < 0.1


def test_colours_of_the_prompt_are_counted() -> None:
    halves = flat()
    halves[:128], halves[128:] = (220, 20, 20), (30, 60, 200)
    assert values("colour_match", halves, prompt="red over blue") == {"colours_present": 1, "least_share": 0.5}
    assert values("colour_match", halves, prompt="crimson and green")["colours_present"] == 0.5
    assert "names no colour" in refusal("colour_match", halves, prompt="two squares, coloured, bored")


@pytest.mark.parametrize("name", NAMES)
def test_an_equal_source_has_not_changed(name: str) -> None:
    found = values("pixel_change", photograph(name), sources=[photograph(name)])
    assert found == {"ssim": 1, "psnr": 100, "changed_share": 0}


def test_a_local_change_is_found_where_it_is() -> None:
    before = np.asarray(small("coffee").rgb())
    after = before.copy()
    after[64:128, 128:192] = 255 - after[64:128, 128:192]
    outcome = ask("pixel_change", after, sources=[before])
    assert isinstance(outcome, Measured)
    assert outcome.regions[0].box == pytest.approx((0.5, 0.25, 0.75, 0.5), abs=0.02)
    assert values("pixel_change", after, sources=[before])["changed_share"] == pytest.approx(1 / 16, abs=0.015)


def test_psnr_follows_its_formula() -> None:
    noisy = flat(100)
    noisy[::2] = 110
    expected = 10 * np.log10(255**2 / 50)
    checkered = flat(100)
    checkered[0, 0] = 101  # not one flat colour
    assert values("pixel_change", noisy, sources=[checkered])["psnr"] == pytest.approx(expected, abs=0.01)


def test_other_proportions_are_declined() -> None:
    wide = photograph("coffee").resize((300, 200))
    assert "cannot be compared" in refusal("pixel_change", wide, sources=[wide.resize((200, 200))])


def test_ssim_and_psnr_agree_with_official_values() -> None:
    root = data_set("iqa-calibration")
    lines = (root / "results_official.csv").read_text(encoding="utf-8").splitlines()
    official = {row["Method"]: row for row in csv.DictReader(lines)}
    for number in ("03", "04", "06", "08", "19"):
        distorted = root / f"images/dist_I{number}.png"
        found = values("pixel_change", distorted, sources=[root / f"images/ref_I{number}.png"])
        assert found["ssim"] == pytest.approx(float(official["ssim"][f"I{number}.bmp"]), abs=0.002)
        assert found["psnr"] == pytest.approx(float(official["psnr"][f"I{number}.bmp"]), abs=0.01)


def test_a_large_picture_is_measured_at_its_working_size() -> None:
    large = photograph("coffee").resize((2400, 1600), Image.Resampling.BICUBIC)
    for name in ("exposure", "colour"):
        assert values(name, large) == pytest.approx(values(name, photograph("coffee")), rel=0.05, abs=0.01)
