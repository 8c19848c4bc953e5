"""Where an image's bytes come from: file, memory, PIL image, array, data: URL or, when allowed, the network."""

import base64
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import unquote_to_bytes, urlsplit

from autorater._image_pixels import check_size, encode_png
from autorater.errors import ImageError, UsageError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

MAX_BYTES = 256 * 2**20
"""Files with more bytes are refused."""


@dataclass(frozen=True, slots=True)
class Source:
    """The bytes of an image, what to call it in messages, and what was done to get bytes at all."""

    data: bytes
    origin: str
    notes: tuple[str, ...] = ()


def read_source(source: object, name: str, *, allow_urls: bool, max_pixels: int) -> Source:
    """The bytes of `source`; pixels that have no bytes yet (PIL images, arrays) become a PNG.

    Raises:
        ImageError: it cannot be read.
        UsageError: its type is not supported, or it is a URL and URLs are not allowed.

    """
    found = _read(source, name, allow_urls, max_pixels)
    if not found.data:
        raise ImageError(f"expected an image in {found.origin}, found 0 bytes: the file is empty; save it again")
    _check_bytes(len(found.data), found.origin)
    return found


def _read(source: Any, name: str, allow_urls: bool, max_pixels: int) -> Source:
    if isinstance(source, bytes):
        return Source(source, name)
    if isinstance(source, (bytearray, memoryview)):
        return Source(bytes(cast(bytearray, source)), name)
    if isinstance(source, str):
        scheme = source[:8].lower()
        if scheme.startswith("data:"):
            return Source(_from_data_url(source, name), name)
        if scheme.startswith(("http://", "https://")):
            return Source(_from_url(source, allow_urls), urlsplit(source).path.rsplit("/", 1)[-1] or name)
    if isinstance(source, (str, os.PathLike)):
        return _from_file(os.fspath(cast("str | os.PathLike[str]", source)))
    notes: list[str] = []
    if hasattr(source, "getbands") and hasattr(source, "save"):
        return Source(encode_png(source, name, notes, max_pixels), name, tuple(notes))
    if hasattr(source, "__array_interface__"):
        return Source(_from_array(source, name, notes, max_pixels), name, tuple(notes))
    raise UsageError(
        f"{name}: expected a path, bytes, a PIL image, a numpy array or a data: URL, got {type(source).__name__}"
    )


def _check_bytes(size: int, origin: str) -> None:
    if size > MAX_BYTES:
        raise ImageError(
            f"{origin} has {size / 2**20:.0f} MiB; at most {MAX_BYTES // 2**20} MiB are read: make it smaller"
        )


def _from_file(given: str) -> Source:
    shown = repr(given if len(given) <= 200 else given[:200] + "…")
    try:
        path = Path(given).expanduser()
        status = path.stat()
        if path.is_dir():
            raise ImageError(f"expected an image file, {shown} is a folder: name one file in it")
        if not path.is_file():
            raise ImageError(f"expected an image file, {shown} is a device or a pipe: save it to a file first")
        _check_bytes(status.st_size, path.name)
        return Source(path.read_bytes(), path.name)
    except FileNotFoundError:
        raise ImageError(f"no image at {shown}: check the path") from None
    except OSError as error:
        raise ImageError(f"cannot read {shown}: {error.strerror or error}; check the path and its rights") from error
    except (ValueError, RuntimeError) as error:  # a null byte in the path, a ~name of nobody
        raise ImageError(f"cannot read {shown}: {error}; check the path") from error


def _from_data_url(url: str, name: str) -> bytes:
    head, comma, body = url.partition(",")
    if not comma:
        raise ImageError(f"{name}: a data: URL needs a comma before its content, as in data:image/png;base64,…")
    if not head.lower().endswith(";base64"):
        return unquote_to_bytes(body)
    try:
        return base64.b64decode(b"".join(unquote_to_bytes(body).split()), validate=True)
    except ValueError as error:
        raise ImageError(f"{name}: the data: URL is not valid base64 ({error}): encode the file again") from error


def _from_url(url: str, allow_urls: bool) -> bytes:
    shown = url.split("?")[0]  # what follows may be a signature that opens a private store
    if not allow_urls:
        raise UsageError(f"{shown} is a URL and nothing is downloaded unasked: pass allow_urls=True (--allow-urls)")
    from http.client import HTTPException
    from urllib.request import urlopen

    try:
        with urlopen(url, timeout=60) as response:  # the caller allowed it, and the scheme was checked
            data: bytes = response.read(MAX_BYTES + 1)
            return data
    except (OSError, HTTPException, ValueError) as error:
        if callable(close := getattr(error, "close", None)):  # an HTTP error holds its connection open
            close()
        raise ImageError(
            f"cannot download {shown}: {error}; check the address or download the file yourself"
        ) from error


def _from_array(source: Any, name: str, notes: list[str], max_pixels: int) -> bytes:
    import numpy as np
    from PIL import Image

    array: NDArray[Any] = np.asarray(source)
    if array.ndim == 3 and array.shape[2] == 1:
        array = array[:, :, 0]
    if array.ndim not in (2, 3) or (array.ndim == 3 and array.shape[2] not in (3, 4)):
        raise ImageError(
            f"{name}: expected an array of shape (height, width), (height, width, 3) or (height, width, 4), "
            f"got {array.shape}: move the channels last, and give one image at a time"
        )
    if array.size == 0:
        raise ImageError(f"{name}: the array has no pixels (shape {array.shape}): give one that has some")
    check_size((array.shape[1], array.shape[0]), name, max_pixels)
    shallow = np.ascontiguousarray(_to_bytes(array, name, notes))
    return encode_png(Image.fromarray(shallow), name, notes, max_pixels)


def _to_bytes(array: "NDArray[Any]", name: str, notes: list[str]) -> "NDArray[np.uint8]":
    """Any documented dtype as uint8, rounded to the nearest."""
    import numpy as np

    if array.dtype == np.uint8:
        return array
    if array.dtype == np.bool_:
        return array.astype(np.uint8) * np.uint8(255)
    if np.issubdtype(array.dtype, np.uint16):
        notes.append("deep pixels scaled to 8 bits a channel")
        return ((array.astype(np.uint32) + 128) // 257).astype(np.uint8)
    if not np.issubdtype(array.dtype, np.floating):
        raise ImageError(
            f"{name}: expected uint8, uint16, bool or float pixels, got {array.dtype}: convert with .astype('uint8')"
        )
    low, high = float(array.min()), float(array.max())
    if not (low >= 0 and high <= 1):  # so written that NaN fails too
        raise ImageError(
            f"{name}: floating-point arrays must lie in 0..1, got {low:g} to {high:g}: divide by 255, or pass uint8"
        )
    notes.append("deep pixels scaled to 8 bits a channel")
    return np.round(array.astype(np.float64) * 255).astype(np.uint8)
