"""Images through the public door: what they become, why they are refused, and what of them is sent."""

import base64
import hashlib
import io
import os
import struct
import threading
import warnings
import zlib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from autorater.errors import ImageError, UsageError
from autorater.image import Fit, Picture, Sent, fit, open_picture

Pixels = NDArray[np.uint8]
ROOMY = Fit(max_side=100_000, max_pixels=10**9, max_bytes=2**30)


def noise(height: int, width: int, channels: int = 3, seed: int = 0) -> Pixels:
    return np.random.default_rng(seed).integers(0, 256, (height, width, channels), dtype=np.uint8)


def encoded(image: Image.Image, kind: str = "PNG", **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def png(width: int = 8, height: int = 6) -> bytes:
    return encoded(Image.fromarray(noise(height, width)))


def chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def claim(width: int, height: int) -> bytes:
    """A PNG of 70 bytes whose header claims any size."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    body = chunk(b"IDAT", zlib.compress(b"\0" * 16))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + body + chunk(b"IEND", b"")


# --- what an image becomes -------------------------------------------------------------------------------------------


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


# --- what it may be given as -----------------------------------------------------------------------------------------


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


# --- why it is refused -----------------------------------------------------------------------------------------------


def jpeg(side: int = 64) -> bytes:
    return encoded(Image.fromarray(noise(side, side)), "JPEG", quality=95)


def lazy_truncated() -> Image.Image:
    return Image.open(io.BytesIO(png(64, 64)[:3000]))


def closed() -> Image.Image:
    image = Image.open(io.BytesIO(png()))
    image.close()
    return image


FLOATS = np.zeros((4, 4), dtype=np.float32)
WITH_NAN = np.full((4, 4), np.nan, dtype=np.float32)

REFUSED: dict[str, tuple[Callable[[], Any], type[Exception], tuple[str, ...]]] = {
    "missing file": (lambda: "missing.png", ImageError, ("no image at 'missing.png'", "check the path")),
    "empty name": (lambda: "", ImageError, ("is a folder", "name one file")),
    "null byte": (lambda: "a\0b.png", ImageError, ("cannot read", "check the path")),
    "nobody's home": (lambda: "~nobody-at-all/x.png", ImageError, ("~nobody-at-all", "check the path")),
    "base64 without a scheme": (lambda: "iVBORw0KGgo" * 1000, ImageError, ("check the path",)),
    "no bytes": (lambda: b"", ImageError, ("expected an image", "0 bytes", "save it again")),
    "text": (lambda: b"hello world", ImageError, ("not an image", "b'hello wo'", "expected PNG, JPEG")),
    "EPS": (lambda: encoded(Image.new("RGB", (4, 4)), "EPS"), ImageError, ("not an image", "%!PS")),
    "truncated PNG": (lambda: png(64, 64)[:3000], ImageError, ("truncated or broken", "download it again")),
    "PNG header only": (lambda: png()[:33], ImageError, ("the image", "save it again")),
    "truncated JPEG": (lambda: jpeg()[:2000], ImageError, ("truncated", "download it again")),
    "bomb": (lambda: claim(50_000, 50_000), ImageError, ("too many pixels", "2500000000", "scale it down")),
    "large": (lambda: claim(11_000, 10_000), ImageError, ("11000x10000", "at most 100 million", "scale it down")),
    "no pixels": (lambda: np.zeros((0, 4, 3), np.uint8), ImageError, ("no pixels", "(0, 4, 3)")),
    "no pixels in PIL": (lambda: Image.new("RGB", (0, 4)), ImageError, ("no pixels", "0x4")),
    "channels first": (lambda: np.zeros((3, 8, 8), np.uint8), ImageError, ("(3, 8, 8)", "channels last")),
    "a batch": (lambda: np.zeros((1, 8, 8, 3), np.uint8), ImageError, ("(1, 8, 8, 3)", "one image at a time")),
    "one row": (lambda: np.zeros(8, np.uint8), ImageError, ("expected an array of shape", "(8,)")),
    "a number": (lambda: np.float32(0.5), ImageError, ("expected an array of shape", "()")),
    "two channels": (lambda: np.zeros((8, 8, 2), np.uint8), ImageError, ("(8, 8, 2)",)),
    "above one": (lambda: FLOATS + 200, ImageError, ("0..1", "200 to 200", "divide by 255")),
    "below zero": (lambda: FLOATS - 0.1, ImageError, ("0..1", "-0.1 to -0.1", "pass uint8")),
    "NaN": (lambda: WITH_NAN, ImageError, ("0..1", "nan")),
    "infinite": (lambda: FLOATS + np.inf, ImageError, ("0..1", "inf")),
    "wide integers": (lambda: np.zeros((4, 4), np.int64), ImageError, ("int64", ".astype('uint8')")),
    "complex": (lambda: np.zeros((4, 4), np.complex64), ImageError, ("complex64",)),
    "strings": (lambda: np.full((4, 4), "x"), ImageError, ("expected uint8",)),
    "wild float file": (lambda: encoded(Image.fromarray(FLOATS + 900), "TIFF"), ImageError, ("900 to 900", "0..255")),
    "NaN file": (lambda: encoded(Image.fromarray(WITH_NAN), "TIFF"), ImageError, ("nan", "mode F")),
    "truncated PIL": (lazy_truncated, ImageError, ("cannot be read", "open it again")),
    "closed PIL": (closed, ImageError, ("cannot be read", "open it again")),
    "bad base64": (lambda: "data:image/png;base64,@@@", ImageError, ("not valid base64", "encode the file again")),
    "base64 of a poet": (lambda: "data:image/png;base64,éé", ImageError, ("not valid base64",)),
    "no comma": (lambda: "data:image/png;base64", ImageError, ("needs a comma", "data:image/png;base64,…")),
    "empty data URL": (lambda: "data:image/png;base64,", ImageError, ("0 bytes",)),
    "URL": (
        lambda: "https://example.org/cat.png?key=secret",
        UsageError,
        ("https://example.org/cat.png is a URL", "allow_urls=True", "--allow-urls"),
    ),
    "a number of Python": (lambda: 5, UsageError, ("expected a path, bytes", "got int")),
    "nothing": (lambda: None, UsageError, ("got NoneType",)),
    "a list": (lambda: [[0, 1]], UsageError, ("got list",)),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refusals_say_what_to_do(case: str) -> None:
    build, kind, phrases = REFUSED[case]
    with pytest.raises(kind) as caught:
        open_picture(build())
    message = str(caught.value)
    for phrase in phrases:
        assert phrase in message
    assert len(message) < 500
    assert "secret" not in message
    assert str(Path.cwd()) not in message
    assert str(Path.home()) not in message
    assert " at 0x" not in message


def test_refusals_of_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("folder").mkdir()
    Path("empty.png").touch()
    Path("notes.txt").write_text("hello world", encoding="utf-8")
    os.mkfifo("pipe")
    for name, phrase in {
        "folder": "expected an image file, 'folder' is a folder: name one file in it",
        "empty.png": "expected an image in empty.png, found 0 bytes",
        "notes.txt": "notes.txt is not an image",
        "pipe": "'pipe' is a device or a pipe",
        "notes.txt/x.png": "cannot read 'notes.txt/x.png': Not a directory",
    }.items():
        with pytest.raises(ImageError, match=phrase) as caught:
            open_picture(name)
        assert str(tmp_path) not in str(caught.value)


def test_a_file_that_is_too_large_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "large.png"
    with path.open("wb") as file:
        file.truncate(257 * 2**20)  # a hole: no disk is used
    with pytest.raises(ImageError, match=r"large\.png has 257 MiB; at most 256 MiB are read"):
        open_picture(path)


@given(data=st.data())
@settings(max_examples=150, deadline=None)
def test_broken_files_raise_only_image_errors(data: st.DataObject) -> None:
    kind = data.draw(st.sampled_from(["PNG", "JPEG", "GIF", "WEBP", "TIFF", "BMP"]))
    broken = bytearray(encoded(Image.fromarray(noise(9, 9)), kind, exif=Image.Exif()))
    for _ in range(data.draw(st.integers(1, 6))):
        broken[data.draw(st.integers(0, len(broken) - 1))] = data.draw(st.integers(0, 255))
    try:
        assert open_picture(bytes(broken[: data.draw(st.integers(1, len(broken)))])).rgb().mode == "RGB"
    except ImageError as error:
        assert "the image" in str(error)  # noqa: PT017 - most broken files still open


# --- URLs, when allowed ----------------------------------------------------------------------------------------------


@pytest.fixture
def server() -> Iterator[str]:
    class Files(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            found = self.path.startswith("/cat.png")
            self.send_response(200 if found else 404)
            self.end_headers()
            self.wfile.write(png() if found else b"no")

        def log_message(self, format: str, *args: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Files) as http:
        thread = threading.Thread(target=http.serve_forever, args=(0.01,))
        thread.start()
        yield f"http://127.0.0.1:{http.server_port}"
        http.shutdown()
        thread.join()


def test_urls_are_read_only_when_allowed(server: str) -> None:
    picture = open_picture(f"{server}/cat.png?signature=secret", allow_urls=True)
    assert picture.data == png()
    assert picture.origin == "cat.png"
    with pytest.raises(UsageError, match="allow_urls"):
        open_picture(f"{server}/cat.png")
    with pytest.raises(ImageError, match=r"cannot download .*/dog\.png: .*404.*check the address") as caught:
        open_picture(f"{server}/dog.png?signature=secret", allow_urls=True)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("url", ["http://127.0.0.1:1/x.png", "http://[broken/x.png", "http:///x.png"])
def test_urls_that_lead_nowhere(url: str) -> None:
    with pytest.raises(ImageError, match="cannot download"):
        open_picture(url, allow_urls=True)


# --- what is sent ----------------------------------------------------------------------------------------------------


def check(picture: Picture, limits: Fit) -> Sent:
    """What must hold of anything that is sent."""
    sent = fit(picture, limits)
    seen = Image.open(io.BytesIO(sent.data))
    assert seen.size == (sent.width, sent.height)
    assert max(seen.size) <= limits.max_side
    assert seen.width * seen.height <= limits.max_pixels
    assert len(sent.data) <= limits.max_bytes
    assert sent.media_type in limits.formats
    assert sent.media_type == Image.MIME[seen.format or ""]
    assert sent.sha256 == hashlib.sha256(sent.data).hexdigest()
    assert base64.b64decode(sent.base64()) == sent.data
    assert bool(sent.change) == (sent.data != picture.data)
    assert fit(picture, limits) is sent
    assert fit(open_picture(sent.data), limits).data == sent.data
    return sent


@given(
    width=st.integers(1, 3000),
    height=st.integers(1, 3000),
    side=st.integers(1, 4000),
    pixels=st.integers(1, 4_000_000),
)
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_any_size_fits_any_limit(width: int, height: int, side: int, pixels: int) -> None:
    limits = Fit(max_side=side, max_pixels=pixels)
    sent = check(open_picture(Image.new("L", (width, height), 99)), limits)
    scale = min(1.0, side / max(width, height), (pixels / (width * height)) ** 0.5)
    if min(width, height) * scale >= 1:
        # The largest such size: never more than one pixel below the exact proportion.
        assert 0 <= width * scale - sent.width + 1e-6 < 1.001
        assert 0 <= height * scale - sent.height + 1e-6 < 1.001


@given(height=st.integers(1, 60), width=st.integers(1, 60), room=st.integers(900, 12_000))
@settings(max_examples=40, deadline=None)
def test_any_limit_on_bytes(height: int, width: int, room: int) -> None:
    check(open_picture(noise(height, width)), Fit(max_bytes=room))


@pytest.mark.parametrize(("width", "side", "expected"), [(3000, 768, 768), (1999, 333, 333), (4097, 4096, 4096)])
def test_the_long_side_lands_on_the_limit(width: int, side: int, expected: int) -> None:
    sent = check(open_picture(Image.new("L", (width, 50))), Fit(max_side=side))
    assert sent.width == expected
    assert sent.change == f"resized from {width}x50 to {sent.width}x{sent.height} (Lanczos)"


def test_lossless_when_it_fits_else_jpeg_else_smaller() -> None:
    picture = open_picture(noise(100, 100))
    assert check(picture, Fit(max_bytes=60_000)).data == picture.data
    middle = check(picture, Fit(max_bytes=25_000))
    assert (middle.media_type, middle.width) == ("image/jpeg", 100)
    assert middle.change == "re-encoded from image/png to image/jpeg"
    small = check(picture, Fit(max_bytes=5_000))
    assert small.width < 100
    assert "resized from 100x100" in small.change
    lossless = check(picture, Fit(formats=("image/png",), max_bytes=5_000))
    assert lossless.media_type == "image/png"


def test_a_jpeg_that_fits_is_never_encoded_again() -> None:
    data = jpeg()
    assert check(open_picture(data), Fit(max_side=64, max_pixels=64 * 64, max_bytes=len(data))).data == data
    for limits in (Fit(max_side=63), Fit(max_pixels=64 * 64 - 1), Fit(max_bytes=len(data) - 1)):
        assert check(open_picture(data), limits).data != data
    only_png = check(open_picture(data), Fit(formats=("image/png",)))
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(only_png.data))), open_picture(data).array())
    assert only_png.change == "re-encoded from image/jpeg to image/png"


def test_a_thin_strip_and_an_impossible_limit() -> None:
    strip = open_picture(noise(2, 3000))
    sent = check(strip, Fit(max_bytes=2_000))
    assert sent.width < 3000
    with pytest.raises(ImageError, match="cannot be made smaller than 10 bytes: raise the limit"):
        fit(strip, Fit(max_bytes=10))


def test_the_rule_is_text_and_names_every_limit() -> None:
    limits = Fit(formats=("image/png", "image/jpeg"), max_side=10, max_pixels=20, max_bytes=30)
    assert limits.rule() == "png+jpeg;side<=10;pixels<=20;bytes<=30"
    assert len({Fit().rule(), limits.rule(), Fit(max_side=9).rule(), Fit(formats=("image/png",)).rule()}) == 4


@pytest.mark.parametrize("wrong", [{"formats": ("image/webp",)}, {"max_side": 0}, {"max_pixels": 0}, {"max_bytes": 0}])
def test_limits_that_nothing_can_meet(wrong: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match="expected"):
        Fit(**wrong)
