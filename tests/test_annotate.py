"""The annotated picture: what it shows, where, and that nothing breaks it."""

from base64 import b64encode
from hashlib import sha256
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from places import ROOT

from autorater.annotate import LONGEST, MOST, SHORTEST, annotate, drawable
from autorater.assessment import Mask, Measured, Reading, Region
from autorater.errors import ImageError
from autorater.image import Picture, open_picture


def plain(width: int, height: int, colour: tuple[int, int, int] = (120, 120, 120)) -> Picture:
    return open_picture(np.full((height, width, 3), colour, np.uint8))


def drawn(picture: Picture, *regions: Region, mask: Mask | None = None) -> Picture:
    annotated = annotate(picture, Measured(regions=regions, mask=mask))
    assert annotated is not None
    return annotated


def pixels(picture: Picture) -> NDArray[np.int16]:
    return picture.array().astype(np.int16)


def test_nothing_to_draw_is_none() -> None:
    nothing = Mask.of("artifacts", np.zeros((8, 8)))
    assert annotate(plain(64, 64), Measured(readings=(Reading(quantity="x", value=1),))) is None
    assert annotate(plain(64, 64), Measured(mask=nothing)) is None


def test_it_is_a_picture_of_its_own_bytes_and_always_the_same() -> None:
    picture, region = plain(640, 480), Region(label="fox", box=(0.1, 0.2, 0.5, 0.6), score=0.9)
    annotated = drawn(picture, region)
    assert annotated.sha256 == sha256(annotated.data).hexdigest() == drawn(picture, region).sha256
    assert annotated.media_type == "image/jpeg"
    assert annotated.plain
    assert Image.open(BytesIO(annotated.data)).size == (640, 480)
    assert np.array_equal(pixels(picture), np.full((480, 640, 3), 120))  # the picture itself is untouched


@pytest.mark.parametrize(
    ("size", "told"),
    [((3000, 1500), (LONGEST, 512)), ((64, 32), (SHORTEST, 256)), ((800, 600), (800, 600)), ((1, 1), (512, 512))],
)
def test_the_working_size(size: tuple[int, int], told: tuple[int, int]) -> None:
    annotated = drawn(plain(*size), Region(label="all", box=(0, 0, 1, 1)))
    assert (annotated.width, annotated.height) == told


@pytest.mark.parametrize("size", [(4000, 10), (10, 4000), (512, 512), (1500, 1500)])
def test_the_strip_stays_within_the_longest_side(size: tuple[int, int]) -> None:
    regions = [Region(label="an especially long label" * 3, box=(0.4, 0.4, 0.6, 0.6)) for _ in range(20)]
    annotated = drawn(plain(*size), *regions, mask=Mask.of("artifacts", np.ones((9, 9))))
    assert max(annotated.width, annotated.height) <= LONGEST


@pytest.mark.parametrize("colour", [(0, 0, 0), (255, 255, 255), (255, 59, 48), (128, 128, 128)])
def test_boxes_lie_where_they_are_and_show_on_any_ground(colour: tuple[int, int, int]) -> None:
    annotated = pixels(drawn(plain(600, 400, colour), Region(label="", box=(0.25, 0.5, 0.75, 1))))
    changed = np.abs(annotated - np.array(colour)).max(axis=2) > 60
    assert changed[300, 148:156].any()  # left, at x = 150
    assert changed[300, 444:452].any()  # right, at x = 450
    assert changed[198:206, 300].any()  # top, at y = 200
    assert not changed[240:360, 180:420].any()
    assert not changed[:150].any()


def test_numbers_are_those_of_the_outcome_and_the_surest_are_drawn() -> None:
    font_less = [Region(label="x", box=(0, 0, 0.1, 0.1), score=0.5) for _ in range(MOST)]
    surest = Region(label="fox", box=(0.5, 0.5, 0.9, 0.9), score=0.99)
    with_last = pixels(drawn(plain(512, 512), *font_less, surest))
    assert np.abs(with_last[300:460, 257:262] - 120).max() > 60  # the 31st is drawn as it is surer than the others
    least = surest.model_copy(update={"score": 0.01})
    without = pixels(drawn(plain(512, 512), *font_less, least))
    assert np.abs(without[300:460, 257:262] - 120).max() < 20


def test_a_mask_is_strongest_where_it_is_and_has_a_legend() -> None:
    strength = np.tile(np.clip(np.linspace(-1, 3, 100), 0, 1), (50, 1))
    annotated = drawn(plain(600, 300), mask=Mask.of("artifacts", strength))
    assert (annotated.width, annotated.height > 300) == (600, True)  # the legend is below, it hides nothing
    left, right = pixels(annotated)[150, 100], pixels(annotated)[150, 500]
    assert np.abs(left - 120).max() <= 3
    assert right[0] - right[1] > 80  # red
    assert right[1] > 30  # and the picture shows through
    legend = pixels(annotated)[301:, 6:100]
    assert (legend[..., 0] > 150).sum() > 500


def test_a_mask_of_yes_and_no_has_one_colour_and_no_scale() -> None:
    sure = np.zeros((50, 100))
    sure[:, 50:] = 1
    unsure = sure.copy()
    unsure[:, 60:] = 0.5
    legends = [pixels(drawn(plain(600, 300), mask=Mask.of("changed", mask)))[302:] for mask in (sure, unsure)]
    yellow = [((legend[..., 1] > 150) & (legend[..., 2] < 80)).sum() for legend in legends]
    white = [(legend.min(axis=-1) > 200).sum() for legend in legends]
    assert yellow[0] < 20 < yellow[1]
    assert white[0] < white[1]  # "changed", and "changed: weak to strong"


def png_of(side: int) -> bytes:
    buffer = BytesIO()
    Image.new("L", (side, side), 255).save(buffer, "PNG")
    return buffer.getvalue()


@pytest.mark.parametrize("data", [b"", b"no image", png_of(64)[:60], png_of(300)])
def test_a_mask_that_is_no_small_image_is_refused(data: bytes) -> None:
    mask = Mask(label="torn", png=b64encode(data).decode())
    with pytest.raises(ImageError, match="the mask 'torn' is no small PNG"):
        annotate(plain(64, 64), Measured(mask=mask))


@pytest.mark.parametrize(
    "label", ["", "猫と犬", "héllo Ångström", "🦊", "مرحبا", "a\nb\x1b[31m\x00", "﷽" * 50, "w" * 500, "\ud800"]
)
def test_any_label_is_drawn(label: str) -> None:
    mask = Mask.model_construct(label=label, png=Mask.of("x", np.ones((4, 4))).png)
    drawn(plain(300, 200), Region.model_construct(label=label, box=(0, 0, 0.5, 0.5), score=None), mask=mask)


def test_letters_that_the_font_lacks_are_not_boxes() -> None:
    from PIL import ImageFont

    font = ImageFont.load_default(16)
    assert drawable("plain", font) == "plain"
    assert drawable("café Å", font) == "cafe A"
    assert drawable("猫 cat", font) == "? cat"


@pytest.mark.parametrize("box", [(0, 0, 0, 0), (1, 1, 1, 1), (0, 0, 1, 1), (0.5, 0.5, 0.5, 0.5), (0.99, 0, 1, 1)])
def test_any_box_is_drawn(box: tuple[float, float, float, float]) -> None:
    for size in ((1, 1), (40, 4000), (4000, 40), (300, 200)):
        drawn(plain(*size), Region(label="a label that is long", box=box, score=1.0))


def test_many_real_pictures() -> None:
    folder = ROOT.parent / "shared" / "data" / "avt-ai-images" / "images"
    files = sorted(Path(folder).glob("*.jpg"))[:4]
    if not files:
        pytest.skip("the data set avt-ai-images is not in shared/data beside the repository")
    for file in files:
        picture = open_picture(file)
        annotated = drawn(picture, Region(label="subject", box=(0.2, 0.2, 0.8, 0.9), score=0.8))
        difference = np.abs(pixels(annotated) - np.asarray(picture.rgb().resize((annotated.width, annotated.height))))
        assert np.median(difference) < 4  # the rest of the picture is as it was
