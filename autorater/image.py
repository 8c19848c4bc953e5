"""Images as evidence: opened once, named by the sha256 of their bytes, changed only by written rules.

What a picture looks like to everyone (specialists, models, people) is `Picture.rgb()`: the first frame, EXIF
orientation applied, transparency flattened on white, eight bits a channel, RGB.
"""

import base64
import io
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from math import floor, sqrt
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar, Union

from autorater._image_pixels import BACKGROUND, decode
from autorater._image_source import MAX_BYTES, read_source
from autorater.canonical import digest
from autorater.errors import ImageError, UsageError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from PIL import Image

__all__ = ["BACKGROUND", "MAX_BYTES", "MAX_PIXELS", "Fit", "ImageSource", "Picture", "Sent", "fit", "open_picture"]

T = TypeVar("T")
ImageSource: TypeAlias = Union[str, Path, bytes, bytearray, memoryview, "Image.Image", "NDArray[Any]", "Picture"]
"""What an image may be given as."""

MAX_PIXELS = 100_000_000
"""Pictures with more pixels are refused (a decompression bomb fills the memory)."""

_PLAIN_TYPES = ("image/png", "image/jpeg", "image/webp", "image/gif")


@dataclass(frozen=True, slots=True, eq=False)
class Picture:
    """One image: where its bytes are, what they are, and what its pixels are.

    `sha256` is that of the original bytes and is the picture's identity. `width` and `height` are in pixels after EXIF
    orientation. `plain` says that any decoder sees exactly `rgb()` in the bytes, so that they may be sent as they are.
    `notes` say in words what opening it did ("transparency flattened on white").
    """

    sha256: str
    media_type: str
    width: int
    height: int
    plain: bool
    origin: str
    notes: tuple[str, ...]
    size: int
    _load: Callable[[], bytes] = field(repr=False)
    _pixels: "Callable[[], Image.Image]" = field(repr=False)
    _memory: dict[Any, Any] = field(default_factory=dict[Any, Any], repr=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Picture) and other.sha256 == self.sha256

    def __hash__(self) -> int:
        return hash(self.sha256)

    @property
    def data(self) -> bytes:
        """The original bytes."""
        return self._load()

    def rgb(self) -> "Image.Image":
        """The pixels as a PIL image in mode RGB; decoded once and kept for the picture's life. Do not change it."""
        return self.remember("rgb", self._pixels)

    def array(self) -> "NDArray[np.uint8]":
        """The pixels, shape (height, width, 3), dtype uint8, 0 to 255, RGB; read-only."""

        def build() -> "NDArray[np.uint8]":
            import numpy as np

            pixels = np.asarray(self.rgb())
            pixels.setflags(write=False)
            return pixels

        return self.remember("array", build)

    def remember(self, key: Any, build: Callable[[], T]) -> T:
        """`build()` computed once for this picture; the same `key` gives the same value afterwards."""
        with self._lock:
            if key in self._memory:
                return self._memory[key]
        value = build()  # outside the lock: it may remember other things, and take long
        with self._lock:
            return self._memory.setdefault(key, value)

    def forget(self) -> None:
        """Drop the decoded pixels; they are decoded again when asked for."""
        with self._lock:
            self._memory.clear()


def open_picture(
    source: "ImageSource", *, name: str = "the image", allow_urls: bool = False, max_pixels: int = MAX_PIXELS
) -> Picture:
    """Open an image from a path, bytes, a PIL image, an array, a data: URL or (when allowed) an http(s) URL.

    Arrays have shape (height, width), (height, width, 1), (height, width, 3) or (height, width, 4); dtype uint8
    (0 to 255), uint16 (0 to 65535), bool, or floating point (0 to 1). Arrays and PIL images are stored as PNG.

    Raises:
        ImageError: the image is missing, truncated, empty, too large or no image; the message says what to do.
        UsageError: the type of `source` is not supported, or it is a URL and `allow_urls` is false.

    """
    if isinstance(source, Picture):
        return source
    found = read_source(source, name, allow_urls=allow_urls, max_pixels=max_pixels)
    decoded = decode(found.data, found.origin, max_pixels)
    picture = Picture(
        sha256=digest(found.data),
        media_type=decoded.media_type,
        width=decoded.pixels.width,
        height=decoded.pixels.height,
        plain=not decoded.notes and decoded.media_type in _PLAIN_TYPES,
        origin=found.origin,
        notes=found.notes + decoded.notes,
        size=len(found.data),
        _load=lambda: found.data,
        _pixels=lambda: decode(found.data, found.origin, max_pixels).pixels,
    )
    picture.remember("rgb", lambda: decoded.pixels)
    return picture


@dataclass(frozen=True, slots=True)
class Fit:
    """What a model accepts of one image. `formats` are media types; `max_bytes` counts the file, not its base64.

    Raises:
        UsageError: no re-encoding could satisfy it.

    """

    formats: tuple[str, ...] = ("image/png", "image/jpeg", "image/webp", "image/gif")
    max_side: int = 8000
    max_pixels: int = 40_000_000
    max_bytes: int = 5 * 2**20

    def __post_init__(self) -> None:
        if not {"image/png", "image/jpeg"} & set(self.formats):
            raise UsageError(f"expected image/png or image/jpeg among the formats, got {self.formats}: add one")
        if min(self.max_side, self.max_pixels, self.max_bytes) < 1:
            raise UsageError(f"expected limits of at least 1, got {self.rule()!r}: raise the one below")

    def rule(self) -> str:
        """The rule as text; with the picture's sha256 it names the bytes that are sent."""
        formats = "+".join(name.removeprefix("image/") for name in self.formats)
        return f"{formats};side<={self.max_side};pixels<={self.max_pixels};bytes<={self.max_bytes}"


@dataclass(frozen=True, slots=True)
class Sent:
    """The bytes that go to a model. `change` says in words how they differ from the picture's, or is empty."""

    data: bytes
    sha256: str
    media_type: str
    width: int
    height: int
    change: str

    def base64(self) -> str:
        """The bytes in base64, as one line."""
        return base64.b64encode(self.data).decode("ascii")


def fits(picture: Picture, limits: Fit) -> bool:
    """Whether the original bytes may be sent as they are."""
    within = max(picture.width, picture.height) <= limits.max_side
    small = picture.width * picture.height <= limits.max_pixels and picture.size <= limits.max_bytes
    return picture.plain and within and small and picture.media_type in limits.formats


def fit(picture: Picture, limits: Fit) -> Sent:
    """The original bytes when they are plain and within `limits`, else the one documented re-encoding.

    Re-encoding: the pixels of `Picture.rgb()`, Lanczos-resized to the largest size with the same aspect ratio that
    is within `max_side` and `max_pixels`, as PNG; when that has more than `max_bytes`, as JPEG 4:4:4 of quality
    95, then 90, then smaller by a tenth a side until it fits.

    Raises:
        ImageError: not even 16 pixels a side fit in `max_bytes`.

    """
    return picture.remember(limits, lambda: _fit(picture, limits))


def _fit(picture: Picture, limits: Fit) -> Sent:
    width, height = picture.width, picture.height
    if fits(picture, limits):
        return Sent(picture.data, picture.sha256, picture.media_type, width, height, "")
    shrink = 1.0
    while True:
        size = _largest(width, height, limits, shrink)
        for media_type, data in _encodings(picture, size, limits):
            if len(data) <= limits.max_bytes:
                return Sent(data, digest(data), media_type, *size, _describe(picture, size, media_type))
        if max(size) <= 16:
            raise ImageError(
                f"{picture.origin} cannot be made smaller than {limits.max_bytes} bytes: raise the limit on bytes"
            )
        shrink *= 0.9


def _largest(width: int, height: int, limits: Fit, shrink: float) -> tuple[int, int]:
    """The largest size of this aspect ratio within the limits, times `shrink`; no side below 1."""
    scale = shrink * min(1.0, limits.max_side / max(width, height), sqrt(limits.max_pixels / (width * height)))
    # The summand undoes the rounding of the division: 3000 * (768 / 3000) must be 768.
    short, long = sorted(max(1, floor(side * scale + 1e-6)) for side in (width, height))
    long = min(long, limits.max_pixels // short)  # a strip whose short side was lifted to 1
    return (short, long) if width < height else (long, short)


def _encodings(picture: Picture, size: tuple[int, int], limits: Fit) -> Iterator[tuple[str, bytes]]:
    from PIL import Image

    pixels = picture.rgb()
    if size != pixels.size:
        pixels = pixels.resize(size, Image.Resampling.LANCZOS)
    encodings: list[tuple[str, str, dict[str, int]]] = [
        ("image/png", "PNG", {"compress_level": 6}),
        ("image/jpeg", "JPEG", {"quality": 95, "subsampling": 0}),
        ("image/jpeg", "JPEG", {"quality": 90, "subsampling": 0}),
    ]
    for media_type, name, options in encodings:
        if media_type in limits.formats:
            buffer = io.BytesIO()
            pixels.save(buffer, name, **options)
            yield media_type, buffer.getvalue()


def _describe(picture: Picture, size: tuple[int, int], media_type: str) -> str:
    parts = list(picture.notes)
    if size != (picture.width, picture.height):
        parts.append(f"resized from {picture.width}x{picture.height} to {size[0]}x{size[1]} (Lanczos)")
    if not parts or media_type != picture.media_type:
        parts.append(f"re-encoded from {picture.media_type} to {media_type}")
    return "; ".join(parts)
