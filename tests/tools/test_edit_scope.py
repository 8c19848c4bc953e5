"""What an edit changed: tolerance of noise and shifts, drawn edits, and what lies outside of what was asked."""

import io
from collections.abc import Sequence

import numpy as np
import pytest
from asking import ask, photograph
from human_models import human_models
from PIL import Image, ImageDraw

from autorater.assessment import Declined, Measured
from autorater.errors import SpecialistError
from autorater.image import Picture, open_picture
from autorater.toolbox import View
from autorater_tools._boxes import Box, covered
from autorater_tools._changes import changed_mask, components, shift
from autorater_tools.edit_scope import EditScope

PHOTOGRAPHS = ("astronaut", "coffee", "chelsea")


def pixels(name: str, side: int = 256) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    return np.asarray(photograph(name).resize((side, side), Image.Resampling.BICUBIC))


def jpeg(image: Image.Image, quality: int) -> Image.Image:
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=quality)
    return Image.open(buffer).convert("RGB")


@pytest.mark.parametrize("name", PHOTOGRAPHS)
def test_noise_compression_and_shifts_are_no_change(name: str) -> None:
    before = pixels(name)
    assert changed_mask(before, np.asarray(jpeg(Image.fromarray(before), 30))).mean() < 0.002
    noisy = np.clip(before + np.random.default_rng(0).normal(0, 4, before.shape), 0, 255).astype(np.uint8)
    assert changed_mask(before, noisy).mean() < 0.002
    moved = np.roll(before, (-3, 5), axis=(0, 1))
    assert shift(before, moved) == (5, -3)
    assert changed_mask(before, moved)[8:-8, 8:-8].mean() < 0.002


def test_a_drawn_change_is_found_where_it_is() -> None:
    before = pixels("coffee")
    edited = Image.fromarray(before)
    ImageDraw.Draw(edited).rectangle((60, 100, 119, 159), fill=(30, 200, 60))
    changed = changed_mask(before, np.asarray(jpeg(edited, 85)))
    assert changed[104:156, 64:116].all()
    assert changed.sum() < 1.25 * 60 * 60
    ((corners, _),) = components(changed, least=0.001)
    assert corners == pytest.approx((60 / 256, 100 / 256, 120 / 256, 160 / 256), abs=0.02)


def test_two_other_pictures_are_a_change_of_nearly_everything() -> None:
    assert changed_mask(pixels("coffee"), pixels("chelsea")).mean() > 0.5


def test_boxes_cover_whole_pixels() -> None:
    mask = covered([(0.0, 0.0, 0.26, 0.5)], 4, 8)
    assert mask.sum() == 2 * 3
    assert not covered([], 4, 8).any()


class Scripted:
    """A detector that is told what it sees."""

    sure, possible = 0.5, 0.3

    def __init__(self, *boxes: Box) -> None:
        self.boxes = boxes

    def find(self, picture: Picture, nouns: Sequence[str]) -> dict[str, list[Box]]:
        return {noun: [box for box in self.boxes if box.label == noun] for noun in nouns}


def edits() -> View:
    """A cup that turned green, and a red spot in a corner that nobody asked for."""
    edited = Image.fromarray(pixels("coffee"))
    ImageDraw.Draw(edited).rectangle((100, 100, 163, 163), fill=(30, 200, 60))
    ImageDraw.Draw(edited).rectangle((8, 8, 39, 39), fill=(220, 20, 20))
    source = open_picture(pixels("coffee"))
    return View(image=open_picture(np.asarray(edited)), prompt="make the cup green", sources=(source,))


def scope(*boxes: Box) -> EditScope:
    made = EditScope(detector="none")
    made.detector = Scripted(*boxes)
    return made


def read(found: EditScope, view: View) -> tuple[Measured, dict[str, float]]:
    (outcome,) = found([view])
    assert isinstance(outcome, Measured), outcome
    return outcome, {reading.quantity: reading.value for reading in outcome.readings}


def test_what_lies_outside_the_named_thing_was_not_asked_for() -> None:
    outcome, values = read(scope(Box("cup", 0.8, (0.37, 0.37, 0.66, 0.66))), edits())
    assert values["changed_share"] == pytest.approx((64 * 64 + 32 * 32) / 256**2, rel=0.2)
    assert values["outside_share"] == pytest.approx(32 * 32 / 256**2, rel=0.25)
    assert values["located"] == 1
    assert [region.label for region in outcome.regions] == ["changed, not asked for", "asked for"]
    assert outcome.regions[0].box == pytest.approx((8 / 256, 8 / 256, 40 / 256, 40 / 256), abs=0.02)
    assert outcome.mask is not None
    assert outcome.mask.array().shape == (256, 256)
    assert outcome.mask.array()[130, 130] == 255
    assert "Asked for: where cup was found." in outcome.text


@pytest.mark.parametrize("boxes", [(), (Box("cup", 0.4, (0, 0, 1, 1)),)])
def test_the_largest_change_stands_for_what_cannot_be_found(boxes: tuple[Box, ...]) -> None:
    outcome, values = read(scope(*boxes), edits())
    assert values["located"] == 0
    assert values["outside_share"] == pytest.approx(32 * 32 / 256**2, rel=0.25)
    assert [region.label for region in outcome.regions] == ["changed, not asked for"]
    assert "largest change" in outcome.text


@pytest.mark.parametrize(
    ("prompt", "everything"),
    [
        ("make it a watercolor", True),
        ("blur the background", True),
        ("change the colour of the background", True),
        ("put the spoon in the background of a snowy scene", True),
        ("add a spoon in the background", False),
        ("remove the spoon from the scene", False),
        ("turn day into night", True),
        ("make it a winter day, with snow", True),
        ("make it summer everywhere", True),
        ("add a sepia filter", True),
        ("change the lighting to warm", True),
        ("turn the winter street into summer", True),
        ("make the night lamp green", False),
        ("remove the coffee filter", False),
        ("give him a winter coat", False),
        ("replace the spring flowers by roses", False),
    ],
)
def test_an_instruction_about_everything_may_change_everything(prompt: str, everything: bool) -> None:
    view = edits()
    outcome, values = read(scope(), View(image=view.image, prompt=prompt, sources=view.sources))
    assert (values["outside_share"] == 0, values["located"] == 1) == (everything, everything)
    assert ("speaks of the whole picture" in outcome.text) == everything


def test_the_mask_of_a_large_picture_is_yes_or_no() -> None:
    """Averaging it down would give pixels that changed by half, and a scale in the legend."""
    source = pixels("coffee", 509)
    edited = Image.fromarray(source)
    ImageDraw.Draw(edited).ellipse((101, 99, 231, 240), fill=(30, 200, 60))
    view = View(image=open_picture(np.asarray(edited)), prompt="make the cup green", sources=(open_picture(source),))
    outcome, values = read(scope(), view)
    assert outcome.mask is not None
    mask = outcome.mask.array()
    assert set(np.unique(mask)) == {0, 255}
    assert float((mask > 0).mean()) == pytest.approx(values["changed_share"], rel=0.05)


def test_no_change_at_all() -> None:
    picture = open_picture(pixels("coffee"))
    outcome, values = read(
        EditScope(detector="none"), View(image=picture, prompt="remove the spoon", sources=(picture,))
    )
    assert (values["changed_share"], values["outside_share"]) == (0, 0)
    assert not outcome.regions


def test_what_is_missing_is_asked_for_and_other_proportions_are_declined() -> None:
    picture, wide = open_picture(pixels("coffee")), open_picture(pixels("coffee")[:100])
    found = EditScope(detector="none")
    with pytest.raises(SpecialistError, match="a source image is needed"):
        found([View(image=picture, prompt="remove the spoon")])
    with pytest.raises(SpecialistError, match="a prompt is needed"):
        found([View(image=picture, sources=(picture,))])
    (outcome,) = found([View(image=picture, prompt="remove the spoon", sources=(wide,))])
    assert isinstance(outcome, Declined)
    assert "places of different proportions" in outcome.reason
    with pytest.raises(SpecialistError, match="run `autorater tools pull coco_objects`"):
        EditScope()


def test_with_the_packaged_networks_a_cat_is_where_the_instruction_says() -> None:
    source = photograph("chelsea")
    edited = source.copy()
    ImageDraw.Draw(edited).ellipse((200, 60, 280, 120), fill=(200, 30, 200))
    ImageDraw.Draw(edited).rectangle((420, 250, 450, 299), fill=(30, 200, 30))
    view = View(image=open_picture(edited), prompt="paint the cat purple", sources=(open_picture(source),))
    outcome, values = read(EditScope(weights=human_models()), view)
    assert values["located"] == 1
    assert "where cat was found" in outcome.text
    assert values["outside_share"] < values["changed_share"]


def test_pixel_change_gives_its_mask_too() -> None:
    view = edits()
    outcome = ask("pixel_change", view.image, sources=[view.sources[0]])
    assert isinstance(outcome, Measured)
    assert outcome.mask is not None
    mask = outcome.mask.array()
    assert (mask.shape, mask[130, 130], mask[200, 30]) == ((256, 256), 255, 0)
