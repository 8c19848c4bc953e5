"""Small pictures that differ by their number."""

import io

import numpy as np
from PIL import Image

from autorater.image import Picture, open_picture


def png(number: int = 0, width: int = 48, height: int = 32) -> bytes:
    """The bytes of a PNG of noise; the same number gives the same bytes."""
    pixels = np.random.default_rng(number).integers(0, 256, (height, width, 3), dtype=np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


def picture(number: int = 0) -> Picture:
    """The picture of these bytes."""
    return open_picture(png(number))
