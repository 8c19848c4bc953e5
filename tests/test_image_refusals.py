"""Images that cannot be used: each message says what was expected, what came and what to do."""

import io
import os
import struct
import threading
import zlib
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from image_files import encoded, jpeg, noise, png
from PIL import Image

from autorater.errors import ImageError, UsageError
from autorater.image import open_picture


def chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def claim(width: int, height: int) -> bytes:
    """A PNG of 70 bytes whose header claims any size."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    body = chunk(b"IDAT", zlib.compress(b"\0" * 16))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + body + chunk(b"IEND", b"")


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
