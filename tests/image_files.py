"""Image files of noise, in any format."""

import io
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Pixels = NDArray[np.uint8]


def noise(height: int, width: int, channels: int = 3, seed: int = 0) -> Pixels:
    """Random pixels, shape (height, width, channels)."""
    return np.random.default_rng(seed).integers(0, 256, (height, width, channels), dtype=np.uint8)


def encoded(image: Image.Image, kind: str = "PNG", **options: Any) -> bytes:
    """The image as a file; `options` are those of Pillow."""
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def png(width: int = 8, height: int = 6) -> bytes:
    """A PNG of noise."""
    return encoded(Image.fromarray(noise(height, width)))


def jpeg(side: int = 64) -> bytes:
    """A JPEG of noise."""
    return encoded(Image.fromarray(noise(side, side)), "JPEG", quality=95)
