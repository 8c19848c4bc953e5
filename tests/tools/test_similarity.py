"""Faces and perceptual similarity: equal, edited and other pictures."""

import json
import os
from io import BytesIO

import pytest
from asking import ask, data_set, photograph, refusal, small, values
from PIL import Image, ImageEnhance, ImageFilter

from autorater.assessment import Measured
from autorater.errors import SpecialistError

STLPIPS = {"jpeg 10": 0.04382, "blur 1": 0.17152, "blur 4": 0.74727, "mirrored": 0.5799}
"""`LPIPS(net="alex", variant="shift_tolerant")` of stlpips-pytorch 0.0.2 on the astronaut at 256x256."""


def edited(image: Image.Image) -> dict[str, Image.Image]:
    buffer = BytesIO()
    image.save(buffer, "JPEG", quality=10)
    return {
        "jpeg 10": Image.open(buffer).convert("RGB"),
        "blur 1": image.filter(ImageFilter.GaussianBlur(1)),
        "blur 4": image.filter(ImageFilter.GaussianBlur(4)),
        "mirrored": image.transpose(Image.Transpose.FLIP_LEFT_RIGHT),
    }


def test_perceptual_distance_equals_that_of_the_package() -> None:
    image = small("astronaut").rgb()
    found = {
        name: values("perceptual_similarity", edit, sources=[image])["distance"] for name, edit in edited(image).items()
    }
    assert found == pytest.approx(STLPIPS, abs=2e-4)


def test_an_equal_picture_has_no_perceptual_distance() -> None:
    assert values("perceptual_similarity", small("coffee"), sources=[small("coffee")])["distance"] == 0


def test_a_shift_counts_less_than_a_blur() -> None:
    image = photograph("chelsea").crop((0, 0, 257, 257))
    source, shifted = image.crop((0, 0, 256, 256)), image.crop((1, 1, 257, 257))
    blurred = source.filter(ImageFilter.GaussianBlur(1))
    shift, blur = (values("perceptual_similarity", edit, sources=[source])["distance"] for edit in (shifted, blurred))
    assert shift < blur / 5


def test_perceptual_similarity_declines_ribbons() -> None:
    ribbon = small("coffee").rgb().resize((600, 20))
    assert "32 are needed" in refusal("perceptual_similarity", small("coffee"), sources=[ribbon])


def test_the_same_face_is_the_same_person() -> None:
    found = values("face_similarity", photograph("astronaut"), sources=[photograph("astronaut")])
    assert found["worst_similarity"] == pytest.approx(1)
    assert (found["faces_in_source"], found["faces_in_image"], found["lost_faces"], found["added_faces"]) == (
        1,
        1,
        0,
        0,
    )


def test_a_brighter_portrait_is_the_same_person() -> None:
    brighter = ImageEnhance.Brightness(photograph("astronaut")).enhance(1.2)
    outcome = ask("face_similarity", brighter, sources=[photograph("astronaut")])
    assert isinstance(outcome, Measured)
    assert "same person" in outcome.text
    left, top, right, bottom = outcome.regions[0].box
    assert left < 0.44 < right  # her face, in a picture of 512 pixels around (225, 115)
    assert top < 0.22 < bottom


def test_faces_are_lost_added_and_absent() -> None:
    astronaut, coffee = photograph("astronaut"), photograph("coffee")
    twice = Image.new("RGB", (1024, 512))
    twice.paste(astronaut, (0, 0))
    twice.paste(astronaut, (512, 0))
    lost = values("face_similarity", coffee, sources=[astronaut])
    assert (lost["worst_similarity"], lost["lost_faces"], lost["added_faces"]) == (0, 1, 0)
    added = values("face_similarity", twice, sources=[astronaut])
    assert (added["faces_in_image"], added["lost_faces"], added["added_faces"]) == (2, 0, 1)
    assert "no face" in refusal("face_similarity", astronaut, sources=[coffee])


def test_the_environment_is_as_before() -> None:
    ask("face_similarity", photograph("coffee"), sources=[photograph("coffee")])
    assert "DEEPFACE_HOME" not in os.environ


def test_labelled_pairs_of_faces_are_told_apart() -> None:
    root = data_set("face-pairs")
    pairs = [json.loads(line) for line in (root / "pairs.jsonl").read_text(encoding="utf-8").splitlines()]
    some = [pair for pair in pairs if pair["same_person"]][:2] + [pair for pair in pairs if not pair["same_person"]][:2]
    for pair in some:
        found = values("face_similarity", root / pair["image_b"], sources=[root / pair["image_a"]])
        assert (found["worst_similarity"] >= 0.92) == pair["same_person"]


@pytest.mark.parametrize("name", ["face_similarity", "perceptual_similarity", "pixel_change"])
def test_a_source_is_needed(name: str) -> None:
    with pytest.raises(SpecialistError, match="source image is needed"):
        ask(name, small("coffee"))
