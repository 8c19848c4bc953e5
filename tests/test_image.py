"""Images through the public door: what they become, whatever they are given as."""

import base64
import hashlib
import io
import warnings
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from image_files import Pixels, encoded, noise, png
from PIL import Image

from autorater.errors import ImageError
from autorater.image import Fit, fit, open_picture

ROOMY = Fit(max_side=100_000, max_pixels=10**9, max_bytes=2**30)

ORIENTATIONS: dict[int, Callable[[Pixels], Pixels]] = {  # stored pixels → what a viewer shows, from the EXIF standard
    1: lambda stored: stored,
    2: lambda stored: stored[:, ::-1],
    3: lambda stored: stored[::-1, ::-1],
    4: lambda stored: stored[::-1],
    5: lambda stored: stored.transpose(1, 0, 2),
    6: lambda stored: stored.transpose(1, 0, 2)[:, ::-1],
    7: lambda stored: stored.transpose(1, 0, 2)[::-1, ::-1],
    8: lambda stored: stored.transpose(1, 0, 2)[::-1],
}


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "TIFF"])
@pytest.mark.parametrize("orientation", ORIENTATIONS)
def test_exif_orientation_is_applied(orientation: int, kind: str) -> None:
    stored = noise(5, 9)
    exif = Image.Exif()
    exif[0x0112] = orientation
    options = {"lossless": True} if kind == "WEBP" else {}
    picture = open_picture(encoded(Image.fromarray(stored), kind, exif=exif, **options))
    shown = ORIENTATIONS[orientation](stored)
    assert np.array_equal(picture.array(), shown)
    assert (picture.height, picture.width) == shown.shape[:2]
    sent = fit(picture, ROOMY)
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(sent.data))), shown)
    if kind != "TIFF":
        assert picture.plain == (orientation == 1)
        assert (sent.data == picture.data) == (orientation == 1)


def test_jpeg_orientation_and_an_unknown_one() -> None:
    image = Image.new("RGB", (12, 4), "red")
    for orientation, size in ((6, (4, 12)), (9, (12, 4)), (0, (12, 4))):
        exif = Image.Exif()
        exif[0x0112] = orientation
        picture = open_picture(encoded(image, "JPEG", exif=exif))
        assert (picture.width, picture.height) == size
        assert picture.plain == (orientation != 6)


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "JPEG"])
@pytest.mark.parametrize("exif", [b"Exif\0\0MM", b"II*\0\xff", b"Exif\0\0XX*\0"])
def test_unreadable_exif_does_not_cost_the_image(kind: str, exif: bytes) -> None:
    picture = open_picture(encoded(Image.new("RGB", (4, 4), "red"), kind, exif=exif))
    assert picture.rgb().size == (4, 4)
    # Pillow's JPEG reader swallows it, so that there is nothing to tell.
    assert picture.notes == (() if kind == "JPEG" else ("EXIF is unreadable, orientation not applied",))


def transparent(mode: str) -> Image.Image:
    """Left half opaque grey 100, right half fully transparent."""
    image = Image.new("LA", (4, 2), (100, 255))
    image.paste((0, 0), (2, 0, 4, 2))
    if mode in ("P", "PA"):
        palette = Image.new("P", (4, 2), 0)
        palette.putpalette([100, 100, 100, 10, 20, 30])
        palette.paste(1, (2, 0, 4, 2))
        palette.info["transparency"] = 1
        return palette.convert(mode)
    return image.convert("RGBA").convert(mode) if mode == "RGBa" else image.convert(mode)


@pytest.mark.parametrize("mode", ["LA", "RGBA", "P", "La", "RGBa", "PA"])
def test_transparency_is_flattened_on_white(mode: str) -> None:
    source = transparent(mode)
    for given_as in (source, *([encoded(source)] if mode in ("LA", "RGBA", "P") else [])):
        picture = open_picture(given_as)
        assert picture.rgb().mode == "RGB"
        assert picture.array()[0].tolist() == [[100] * 3, [100] * 3, [255] * 3, [255] * 3]
    assert not open_picture(encoded(transparent("RGBA"))).plain


def test_half_transparency_mixes_with_white() -> None:
    picture = open_picture(np.full((2, 2, 4), (0, 0, 0, 128), dtype=np.uint8))
    assert picture.array()[0, 0].tolist() == [127] * 3
    assert picture.notes == ("transparency flattened on white",)


def test_colour_key_transparency() -> None:
    image = Image.fromarray(np.array([[[1, 2, 3], [9, 9, 9]]], dtype=np.uint8))
    picture = open_picture(encoded(image, transparency=(1, 2, 3)))
    assert picture.array().tolist() == [[[255] * 3, [9] * 3]]


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB", "RGBA", "LA"])
def test_opaque_files_are_sent_as_they_are(mode: str) -> None:
    data = encoded(Image.fromarray(noise(6, 7)).convert(mode))
    picture = open_picture(data)
    assert picture.plain
    assert picture.notes == ()
    assert np.array_equal(picture.array(), np.asarray(Image.open(io.BytesIO(data)).convert("RGB")))
    assert fit(picture, Fit()).data == data


@pytest.mark.parametrize(
    ("kind", "media_type"),
    [
        ("PNG", "image/png"),
        ("JPEG", "image/jpeg"),
        ("WEBP", "image/webp"),
        ("GIF", "image/gif"),
        ("BMP", "image/bmp"),
        ("TIFF", "image/tiff"),
        ("PPM", "image/x-portable-anymap"),
    ],
)
def test_every_format(kind: str, media_type: str) -> None:
    data = encoded(Image.new("RGB", (10, 5), (200, 100, 50)), kind)
    picture = open_picture(data)
    assert picture.media_type == media_type
    assert np.abs(picture.array().astype(int) - (200, 100, 50)).max() <= 3
    sent = fit(picture, Fit())
    assert sent.media_type in Fit().formats
    assert (sent.data == data) == (media_type in Fit().formats)
    assert bool(sent.change) == (sent.data != data)


def test_cmyk_jpeg() -> None:
    data = encoded(Image.new("CMYK", (4, 4), (0, 255, 255, 0)), "JPEG")
    picture = open_picture(data)
    red, green, blue = picture.array()[0, 0].tolist()
    assert red > 240
    assert max(green, blue) < 15
    assert picture.notes == ("CMYK converted to RGB",)
    assert fit(picture, Fit()).media_type == "image/png"


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "PPM"])
def test_sixteen_bits_keep_their_range(kind: str) -> None:
    deep = np.array([[0, 257, 25_700, 65_535]], dtype=np.uint16)
    picture = open_picture(encoded(Image.fromarray(deep), kind))
    assert picture.array()[0, :, 0].tolist() == [0, 1, 100, 255]
    assert "8 bits" in picture.notes[0]
    assert not picture.plain


@pytest.mark.parametrize(("top", "expected"), [(1.0, [0, 128, 255]), (255.0, [0, 128, 255])])
def test_float_tiff(top: float, expected: list[int]) -> None:
    image = Image.fromarray(np.array([[0.0, top / 2, top]], dtype=np.float32))
    assert open_picture(encoded(image, "TIFF")).array()[0, :, 0].tolist() == expected
    assert open_picture(image).array()[0, :, 0].tolist() == expected


@pytest.mark.parametrize("kind", ["GIF", "PNG", "WEBP"])
def test_the_first_of_many_frames(kind: str) -> None:
    frames = [Image.new("RGB", (6, 6), colour) for colour in ("red", "lime", "blue")]
    picture = open_picture(encoded(frames[0], kind, save_all=True, append_images=frames[1:], lossless=True))
    assert picture.array()[0, 0].tolist() == [255, 0, 0]
    assert picture.notes == ("first of 3 frames",)
    assert not picture.plain


def test_a_phone_jpeg_with_a_second_picture_is_sent_as_it_is() -> None:
    first = Image.new("RGB", (6, 6), "red")
    data = encoded(first, "MPO", save_all=True, append_images=[Image.new("RGB", (6, 6), "blue")])
    picture = open_picture(data)
    assert picture.media_type == "image/jpeg"
    assert fit(picture, Fit()).data == data


def test_every_source_of_the_same_bytes_is_the_same_picture(tmp_path: Path) -> None:
    data = png()
    path = tmp_path / "a cat.png"
    path.write_bytes(data)
    text = base64.b64encode(data).decode()
    sources: list[Any] = [
        path,
        str(path),
        data,
        bytearray(data),
        memoryview(data),
        f"data:image/png;base64,{text}",
        f"data:;base64,{text[:20]}\n{text[20:]}",
        "DATA:image/png;BASE64," + text.replace("+", "%2B"),
        "data:image/png," + "".join(f"%{byte:02x}" for byte in data),
    ]
    pictures = [open_picture(source) for source in sources]
    assert {picture.sha256 for picture in pictures} == {hashlib.sha256(data).hexdigest()}
    assert len(set(pictures)) == 1
    assert all(picture.data == data and picture.size == len(data) for picture in pictures)
    assert pictures[0].origin == "a cat.png"
    assert pictures[2].origin == "the image"
    assert open_picture(data, name="candidate 1").origin == "candidate 1"
    assert open_picture(pictures[0]) is pictures[0]


@pytest.mark.parametrize("dtype", ["uint8", "uint16", ">u2", "bool", "float16", "float32", "float64"])
@pytest.mark.parametrize("shape", [(3, 5), (3, 5, 1), (3, 5, 3)])
def test_arrays_of_each_type(dtype: str, shape: tuple[int, ...]) -> None:
    exact = np.random.default_rng(1).integers(0, 256, shape, dtype=np.uint8)
    array: Any = {
        "u": lambda: exact if dtype == "uint8" else exact.astype(dtype) * np.uint16(257),
        "b": lambda: exact > 127,
        "f": lambda: (exact / 255).astype(dtype),
    }[np.dtype(dtype).kind]()
    expected = (exact > 127) * 255 if dtype == "bool" else exact
    picture = open_picture(array)
    assert picture.media_type == "image/png"
    assert np.array_equal(picture.array(), np.broadcast_to(expected.reshape(3, 5, -1), (3, 5, 3)))


def test_a_view_with_strides_and_a_read_only_result() -> None:
    array = noise(6, 6)
    picture = open_picture(array[::2, ::-1])
    assert np.array_equal(picture.array(), array[::2, ::-1])
    with pytest.raises(ValueError, match="read-only"):
        picture.array()[0, 0, 0] = 1


def test_pil_images_keep_pixels_and_are_turned_upright() -> None:
    array = noise(4, 6)
    assert np.array_equal(open_picture(Image.fromarray(array)).array(), array)
    exif = Image.Exif()
    exif[0x0112] = 6
    rotated = Image.open(io.BytesIO(encoded(Image.fromarray(array), exif=exif)))
    picture = open_picture(rotated)
    assert np.array_equal(picture.array(), array.transpose(1, 0, 2)[:, ::-1])
    assert picture.notes == ("EXIF orientation applied",)
    assert picture.plain
    assert open_picture(Image.new("CMYK", (2, 2))).notes == ("CMYK converted to RGB",)
    for mode in ("HSV", "YCbCr", "LAB", "I", "F", "I;16"):
        assert open_picture(Image.new(mode, (2, 2))).rgb().mode == "RGB"


def test_pixels_come_back_after_forget_also_beyond_the_default_limit() -> None:
    picture = open_picture(claim_real(300, 200), max_pixels=60_000)
    first = picture.rgb()
    assert picture.rgb() is first
    picture.forget()
    again = picture.rgb()
    assert again is not first
    assert again.tobytes() == first.tobytes()
    with pytest.raises(ImageError, match=r"at most 0\.059999 million"):
        open_picture(claim_real(300, 200), max_pixels=59_999)


def claim_real(width: int, height: int) -> bytes:
    return encoded(Image.new("RGB", (width, height), "navy"))


def test_opening_in_threads_leaves_the_warning_filters_alone() -> None:
    before = list(warnings.filters)
    data = encoded(Image.fromarray(noise(64, 64)))
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(open_picture, [data] * 200))
    assert list(warnings.filters) == before
