"""From bytes to pixels and back: the rules by which an image file becomes RGB, eight bits a channel."""

import io
import threading
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from autorater.errors import ImageError

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from PIL import Image

BACKGROUND = (255, 255, 255)
"""Transparency is flattened on this RGB colour."""

MEDIA_TYPES = {
    "PNG": "image/png",
    "JPEG": "image/jpeg",
    "MPO": "image/jpeg",
    "WEBP": "image/webp",
    "GIF": "image/gif",
    "BMP": "image/bmp",
    "TIFF": "image/tiff",
    "PPM": "image/x-portable-anymap",
    "AVIF": "image/avif",
    "JPEG2000": "image/jp2",
}
"""Pillow's name of each format that is read → media type. Others are refused: some of Pillow's start programs (EPS)."""

_DEEP = ("I;16", "I;16L", "I;16B", "I;16N")
_ORIENTATION = 0x0112


@dataclass(frozen=True, slots=True)
class Decoded:
    """An image file's pixels (mode RGB). `notes` say what was done to make them; empty when its bytes show the same."""

    pixels: "Image.Image"
    media_type: str
    notes: tuple[str, ...]


class _PillowQuiet:
    """Pillow's warnings are off while any thread is inside.

    `warnings.catch_warnings` is process-wide: threads that enter and leave in turn would leave the filters changed
    for good, so only the first one in and the last one out touch them.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._inside = 0
        self._filters = warnings.catch_warnings()

    def __enter__(self) -> None:
        with self._lock:
            self._inside += 1
            if self._inside == 1:
                self._filters = warnings.catch_warnings()
                self._filters.__enter__()
                warnings.filterwarnings("ignore", module=r"PIL\.")

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._inside -= 1
            if self._inside == 0:
                self._filters.__exit__(None, None, None)


_pillow_quiet = _PillowQuiet()


def decode(data: bytes, origin: str, max_pixels: int) -> Decoded:
    """The first frame of an image file, upright, on white, RGB.

    Raises:
        ImageError: no image, broken, or more than `max_pixels`.

    """
    from PIL import Image, UnidentifiedImageError

    notes: list[str] = []
    try:
        with _pillow_quiet, Image.open(io.BytesIO(data), formats=_readable()) as image:
            check_size(image.size, origin, max_pixels)
            kind = image.format or ""
            # An MPO is a JPEG that carries further pictures behind the one that everybody shows.
            frames = 1 if kind == "MPO" else int(getattr(image, "n_frames", 1))
            image.load()
            if frames > 1:
                notes.append(f"first of {frames} frames")
            pixels = flatten(upright(image, notes), notes, origin)
            return Decoded(pixels, MEDIA_TYPES.get(kind, "application/octet-stream"), tuple(notes))
    except ImageError:
        raise
    except UnidentifiedImageError:
        raise ImageError(
            f"{origin} is not an image that can be read (it starts with {data[:8]!r}); "
            "expected PNG, JPEG, WebP, GIF, BMP, TIFF, PPM, AVIF or JPEG 2000: convert it, or save it again"
        ) from None
    except Image.DecompressionBombError as error:
        raise ImageError(f"{origin} claims too many pixels to decode safely ({error}): scale it down first") from None
    except Exception as error:  # Pillow's decoders raise anything on broken files: struct.error, KeyError, …
        raise ImageError(f"{origin} is truncated or broken ({error}): save or download it again") from error


def _readable() -> tuple[str, ...]:
    """The formats that this build of Pillow can open."""
    from PIL import Image

    Image.init()  # does its work once; without it only five formats are known
    return tuple(kind for kind in MEDIA_TYPES if kind in Image.OPEN)


def encode_png(image: "Image.Image", name: str, notes: list[str], max_pixels: int) -> bytes:
    """A PIL image as PNG: upright, and converted where PNG has no such mode.

    Raises:
        ImageError: it has no pixels, too many, or its file can no longer be read.

    """
    if image.width * image.height == 0:
        raise ImageError(f"{name}: the image has no pixels ({image.width}x{image.height}): give one that has some")
    check_size(image.size, name, max_pixels)
    buffer = io.BytesIO()
    try:
        with _pillow_quiet:
            image.load()
            image = upright(image, notes)
            if image.mode not in ("RGB", "RGBA", "L", "LA", "P", "1", "I;16"):
                image = flatten(image, notes, name)
            image.save(buffer, "PNG", compress_level=1)
    except ImageError:
        raise
    except Exception as error:  # a lazily opened file shows only now that it is truncated, closed or broken
        raise ImageError(f"{name}: the PIL image cannot be read ({error}): open it again") from error
    return buffer.getvalue()


def check_size(size: tuple[int, int], origin: str, max_pixels: int) -> None:
    """Refuse what would fill the memory.

    Raises:
        ImageError: more than `max_pixels`.

    """
    if size[0] * size[1] > max_pixels:
        raise ImageError(
            f"{origin} is {size[0]}x{size[1]} pixels; at most {max_pixels / 1e6:g} million are decoded: "
            "scale it down first"
        )


def upright(image: "Image.Image", notes: list[str]) -> "Image.Image":
    """The image turned as its EXIF orientation says."""
    from PIL.Image import Transpose

    try:
        orientation: Any = image.getexif().get(_ORIENTATION, 1)
    except Exception:  # EXIF is whatever a camera or an editor wrote; the pixels are good without it
        notes.append("EXIF is unreadable, orientation not applied")
        return image
    turns = {
        2: Transpose.FLIP_LEFT_RIGHT,
        3: Transpose.ROTATE_180,
        4: Transpose.FLIP_TOP_BOTTOM,
        5: Transpose.TRANSPOSE,
        6: Transpose.ROTATE_270,
        7: Transpose.TRANSVERSE,
        8: Transpose.ROTATE_90,
    }
    if orientation not in turns:
        return image
    notes.append("EXIF orientation applied")
    turned = image.transpose(turns[orientation])
    turned.info = {key: value for key, value in image.info.items() if key not in ("exif", "xmp", "XML:com.adobe.xmp")}
    return turned


def flatten(image: "Image.Image", notes: list[str], origin: str) -> "Image.Image":
    """RGB, eight bits a channel, transparency on white."""
    from PIL import Image

    if image.mode in (*_DEEP, "I", "F"):
        return _shallow(image, notes, origin)
    if image.mode == "La":
        image = image.convert("LA")
    if image.mode in ("RGBA", "LA", "PA", "RGBa") or "transparency" in image.info:
        rgba = image.convert("RGBA")
        # Opaque alpha hides nothing: every decoder shows the same picture, so no note is needed.
        if rgba.getchannel("A").getextrema()[0] == 255:
            return rgba.convert("RGB")
        notes.append("transparency flattened on white")
        return Image.alpha_composite(Image.new("RGBA", rgba.size, (*BACKGROUND, 255)), rgba).convert("RGB")
    if image.mode not in ("RGB", "L", "P", "1"):
        notes.append(f"{image.mode} converted to RGB")
    return image.convert("RGB")


def _shallow(image: "Image.Image", notes: list[str], origin: str) -> "Image.Image":
    """Deep grey to eight bits: 16 bits by 65535; 32-bit integers and floats by the range they lie in."""
    import numpy as np
    from PIL import Image

    deep: NDArray[np.float64] = np.asarray(image).astype(np.float64)
    tops = {"F": (1.0, 255.0), "I": (255.0, 65535.0)}.get(image.mode, (65535.0,))
    low, high = float(deep.min()), float(deep.max())
    if not (np.isfinite(deep).all() and low >= 0 and high <= tops[-1]):
        raise ImageError(
            f"{origin} has pixels from {low:g} to {high:g} in mode {image.mode}; "
            f"expected 0..{' or 0..'.join(f'{top:g}' for top in tops)}: scale them, or save it with 8 bits a channel"
        )
    top = next(top for top in tops if high <= top)
    notes.append("deep pixels scaled to 8 bits a channel")
    return Image.fromarray(np.round(deep / top * 255).astype(np.uint8)).convert("RGB")
