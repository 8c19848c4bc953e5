"""Images as evidence: opened once, named by the sha256 of their bytes, changed only by written rules.

What a picture looks like to everyone (specialists, models, people) is `Picture.rgb()`: the first frame, EXIF
orientation applied, transparency flattened on white, eight bits a channel, RGB.
"""

import base64
import binascii
import io
import threading
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar, cast
from urllib.parse import unquote_to_bytes

from autorater.canonical import digest
from autorater.errors import ImageError, UsageError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from PIL import Image


T = TypeVar("T")
ImageSource: TypeAlias = "str | Path | bytes | bytearray | memoryview | Image.Image | NDArray[Any] | Picture"
"""What an image may be given as."""

BACKGROUND = (255, 255, 255)
"""Transparency is flattened on this RGB colour."""

MAX_PIXELS = 100_000_000
"""Pictures with more pixels are refused (a decompression bomb fills the memory)."""

MAX_BYTES = 256 * 2**20
"""Files with more bytes are refused."""

_FORMATS = {"PNG": "image/png", "JPEG": "image/jpeg", "MPO": "image/jpeg", "WEBP": "image/webp", "GIF": "image/gif"}


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
        return self.remember("rgb", lambda: _decode(self.data, self.origin)[0])

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
        if key not in self._memory:
            value = build()
            with self._lock:
                self._memory.setdefault(key, value)
        return self._memory[key]

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
    data, origin = _read(source, name, allow_urls)
    if not data:
        raise ImageError(f"expected an image in {origin}, found 0 bytes: the file is empty; save it again")
    if len(data) > MAX_BYTES:
        raise ImageError(
            f"{origin} has {len(data) / 2**20:.0f} MiB; at most {MAX_BYTES // 2**20} MiB are read: make it smaller"
        )
    pixels, media_type, plain, notes = _decode(data, origin, max_pixels)
    picture = Picture(
        sha256=digest(data),
        media_type=media_type,
        width=pixels.width,
        height=pixels.height,
        plain=plain,
        origin=origin,
        notes=notes,
        size=len(data),
        _load=lambda: data,
    )
    picture.remember("rgb", lambda: pixels)
    return picture


def _read(source: Any, name: str, allow_urls: bool) -> tuple[bytes, str]:
    if isinstance(source, bytes):
        return source, name
    if isinstance(source, (bytearray, memoryview)):
        return bytes(cast(bytearray, source)), name
    if isinstance(source, str) and source.startswith("data:"):
        return _from_data_url(source, name), name
    if isinstance(source, str) and source.startswith(("http://", "https://")):
        return _from_url(source, allow_urls), source.split("?")[0].rsplit("/", 1)[-1] or name
    if isinstance(source, (str, Path)):
        return _from_file(Path(source).expanduser())
    if hasattr(source, "__array_interface__") and not hasattr(source, "getbands"):
        return _from_array(source, name), name
    if hasattr(source, "getbands") and hasattr(source, "save"):
        return _to_png(source, name), name
    raise UsageError(
        f"{name}: expected a path, bytes, a PIL image, an array or a data: URL, got {type(source).__name__}"
    )


def _from_file(path: Path) -> tuple[bytes, str]:
    label = path.name or str(path)
    try:
        if path.stat().st_size > MAX_BYTES:
            raise ImageError(
                f"{label} has {path.stat().st_size / 2**20:.0f} MiB; at most {MAX_BYTES // 2**20} MiB are read"
            )
        return path.read_bytes(), label
    except FileNotFoundError:
        raise ImageError(f"no image at {str(path)!r}: check the path") from None
    except IsADirectoryError:
        raise ImageError(f"expected an image file, {str(path)!r} is a folder: name one file in it") from None
    except OSError as error:
        raise ImageError(f"cannot read {str(path)!r}: {error.strerror or error}") from error


def _from_data_url(url: str, name: str) -> bytes:
    head, comma, body = url.partition(",")
    if not comma:
        raise ImageError(f"{name}: a data: URL needs a comma before its content, as in data:image/png;base64,…")
    try:
        return base64.b64decode(body, validate=True) if head.endswith(";base64") else unquote_to_bytes(body)
    except binascii.Error as error:
        raise ImageError(f"{name}: the data: URL is not valid base64 ({error})") from error


def _from_url(url: str, allow_urls: bool) -> bytes:
    if not allow_urls:
        raise UsageError(f"{url} is a URL and nothing is downloaded unasked: pass allow_urls=True (--allow-urls)")
    from urllib.error import URLError
    from urllib.request import urlopen

    try:
        with urlopen(url, timeout=60) as response:  # the caller allowed it, and the scheme was checked
            data: bytes = response.read(MAX_BYTES + 1)
            return data
    except (URLError, OSError) as error:
        raise ImageError(f"cannot download {url}: {error}; check the address or download the file yourself") from error


def _from_array(source: Any, name: str) -> bytes:
    import numpy as np
    from PIL import Image

    array = np.asarray(source)
    if array.ndim == 3 and array.shape[2] == 1:
        array = array[:, :, 0]
    if array.ndim not in (2, 3) or (array.ndim == 3 and array.shape[2] not in (3, 4)):
        raise ImageError(
            f"{name}: expected an array of shape (height, width), (height, width, 3) or (height, width, 4), "
            f"got {array.shape}"
        )
    if array.size == 0:
        raise ImageError(f"{name}: the array has no pixels (shape {array.shape})")
    if array.dtype == np.bool_:
        array = array.astype(np.uint8) * 255
    elif array.dtype == np.uint16:
        array = (array // 257).astype(np.uint8)
    elif np.issubdtype(array.dtype, np.floating):
        low, high = float(np.nanmin(array)), float(np.nanmax(array))
        if not np.isfinite(array).all() or low < 0 or high > 1:
            raise ImageError(
                f"{name}: floating-point arrays must lie in 0..1, got {low:g} to {high:g}: divide by 255, or pass uint8"
            )
        array = np.round(array * 255).astype(np.uint8)
    elif array.dtype != np.uint8:
        raise ImageError(f"{name}: expected uint8, uint16, bool or float pixels, got {array.dtype}")
    return _to_png(Image.fromarray(np.ascontiguousarray(array)), name)


def _to_png(image: "Image.Image", name: str) -> bytes:
    if image.width * image.height == 0:
        raise ImageError(f"{name}: the image has no pixels ({image.width}x{image.height})")
    buffer = io.BytesIO()
    if image.mode not in ("RGB", "RGBA", "L", "LA", "P", "1", "I;16"):
        image = _flatten(image, [])
    image.save(buffer, "PNG", compress_level=1)
    return buffer.getvalue()


def _decode(data: bytes, origin: str, max_pixels: int = MAX_PIXELS) -> "tuple[Image.Image, str, bool, tuple[str, ...]]":
    """Pixels, media type, whether the bytes are plain, and notes."""
    from PIL import Image, ImageOps, UnidentifiedImageError

    notes: list[str] = []
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            image = Image.open(io.BytesIO(data))
            if image.width * image.height > max_pixels:
                raise ImageError(
                    f"{origin} is {image.width}x{image.height} pixels; at most {max_pixels / 1e6:.0f} million are "
                    "decoded: scale it down first"
                )
            kind = image.format or "unknown"
            frames = int(getattr(image, "n_frames", 1))
            mode = image.mode
            image.load()
            turned = ImageOps.exif_transpose(image)
    except UnidentifiedImageError:
        raise ImageError(
            f"{origin} is not an image that can be read (it starts with {data[:8]!r}); "
            "expected PNG, JPEG, WebP, GIF, BMP or TIFF"
        ) from None
    except Image.DecompressionBombError:
        raise ImageError(f"{origin} claims too many pixels to decode safely: scale it down first") from None
    except (OSError, SyntaxError, ValueError, EOFError) as error:
        raise ImageError(f"{origin} is truncated or broken ({error}): save or download it again") from error
    if frames > 1:
        notes.append(f"first of {frames} frames")
    if image.getexif().get(0x0112, 1) not in (0, 1):
        notes.append("EXIF orientation applied")
    pixels = _flatten(turned, notes)
    plain = kind in _FORMATS and not notes and mode in ("RGB", "L", "P")
    return pixels, _FORMATS.get(kind, Image.MIME.get(kind, "application/octet-stream")), plain, tuple(notes)


def _flatten(image: "Image.Image", notes: list[str]) -> "Image.Image":
    """RGB, eight bits a channel."""
    from PIL import Image

    if image.mode in ("I;16", "I;16L", "I;16B", "I", "F"):
        return _scale_deep(image, notes)
    if image.mode in ("RGBA", "LA", "PA", "RGBa", "La") or "transparency" in image.info:
        rgba = image.convert("RGBA")
        if rgba.getchannel("A").getextrema()[0] == 255:
            notes.append("opaque alpha channel dropped")
            return rgba.convert("RGB")
        notes.append("transparency flattened on white")
        return Image.alpha_composite(Image.new("RGBA", rgba.size, (*BACKGROUND, 255)), rgba).convert("RGB")
    if image.mode not in ("RGB", "L", "P", "1"):
        notes.append(f"{image.mode} converted to RGB")
    return image.convert("RGB")


def _scale_deep(image: "Image.Image", notes: list[str]) -> "Image.Image":
    import numpy as np
    from PIL import Image

    deep = np.asarray(image).astype(np.float64)
    if image.mode == "F":
        top = 1.0 if deep.max(initial=0) <= 1 else 255.0
    else:
        top = 65535.0 if image.mode != "I" or deep.max(initial=0) > 255 else 255.0
    notes.append("16 or more bits a channel scaled to 8")
    shallow = np.clip(np.round(deep / top * 255), 0, 255).astype(np.uint8)
    return Image.fromarray(shallow).convert("RGB")


@dataclass(frozen=True, slots=True)
class Fit:
    """What a model accepts of one image. `formats` are media types; `max_bytes` counts the file, not its base64."""

    formats: tuple[str, ...] = ("image/png", "image/jpeg", "image/webp", "image/gif")
    max_side: int = 8000
    max_pixels: int = 40_000_000
    max_bytes: int = 5 * 2**20

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


def fit(picture: Picture, limits: Fit) -> Sent:
    """The original bytes when they are plain and within `limits`, else the one documented re-encoding.

    Re-encoding: the pixels of `Picture.rgb()`, Lanczos-resized to the largest size with the same aspect ratio that
    is within `max_side` and `max_pixels`, as PNG; when that has more than `max_bytes`, as JPEG 4:4:4 of quality
    95, then 90, then smaller by a tenth a side until it fits.
    """
    return picture.remember(limits, lambda: _fit(picture, limits))


def _fit(picture: Picture, limits: Fit) -> Sent:
    width, height = picture.width, picture.height
    within = max(width, height) <= limits.max_side and width * height <= limits.max_pixels
    if picture.plain and within and picture.media_type in limits.formats and picture.size <= limits.max_bytes:
        return Sent(picture.data, picture.sha256, picture.media_type, width, height, "")
    scale = min(1.0, limits.max_side / max(width, height), (limits.max_pixels / (width * height)) ** 0.5)
    while True:
        size = (max(1, int(width * scale)), max(1, int(height * scale)))
        for media_type, data in _encodings(picture, size, limits):
            if len(data) <= limits.max_bytes:
                return Sent(data, digest(data), media_type, *size, _describe(picture, size, media_type))
        if min(size) <= 16:
            raise ImageError(f"{picture.origin} cannot be made smaller than {limits.max_bytes} bytes")
        scale *= 0.9


def _encodings(picture: Picture, size: tuple[int, int], limits: Fit) -> Any:
    from PIL import Image

    pixels = picture.rgb()
    if size != pixels.size:
        pixels = pixels.resize(size, Image.Resampling.LANCZOS)
    for media_type, name, options in (
        ("image/png", "PNG", {"compress_level": 6}),
        ("image/jpeg", "JPEG", {"quality": 95, "subsampling": 0}),
        ("image/jpeg", "JPEG", {"quality": 90, "subsampling": 0}),
    ):
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
