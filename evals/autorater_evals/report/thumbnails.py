"""Pictures made small enough that a page with all of them still opens: one side for all, chosen by what they take.

The rule: the largest side of `SIDES` at which the pictures, as base64, are expected to take at most the budget, judged
from 32 of them at even steps. A single one may take at most four times its fair share of what is left.
"""

import base64
import io
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeAlias

from autorater.assessment import Mask
from autorater.errors import AutoRaterError
from autorater.image import Picture

SIDES = (512, 448, 384, 320, 256, 224, 192, 160, 128, 96, 64)
"""Pixels of the longer side."""
PICTURES = 72_000_000
"""Characters that the pictures of a page take together, at most."""
MASKS = 12_000_000
"""The same of masks."""
MASK_SIDE = 112
_SAMPLE = 32
_FAIR = 4
_FEW_COLOURS = 64
_WORKERS = 2
_AHEAD = 16

Small: TypeAlias = Callable[[int], str | None]
"""A picture as a data: URL with at most so many pixels a side; None when it cannot be read."""


def small_picture(picture: Picture, side: int) -> str | None:
    """A WebP of quality 75, or a PNG where there are few colours, as a data: URL; None when it cannot be read.

    At the same size in bytes WebP has about a third more pixels a side than JPEG. A Pillow without it makes JPEG.
    """
    from PIL import Image, features

    try:
        pixels = picture.rgb().copy()
        pixels.thumbnail((side, side), Image.Resampling.LANCZOS, reducing_gap=2.0)
    except (AutoRaterError, OSError):
        return None
    finally:
        picture.forget()
    buffer = io.BytesIO()
    if pixels.getcolors(_FEW_COLOURS) is not None:
        pixels.save(buffer, "PNG", optimize=True)
        return _url("png", buffer)
    kind = "webp" if features.check("webp") else "jpeg"
    pixels.save(buffer, kind.upper(), quality=75)
    return _url(kind, buffer)


def small_mask(mask: Mask, side: int) -> str | None:
    """A mask as a grey PNG in a data: URL; None when it is no image, or nowhere above 0."""
    from PIL import Image

    try:
        image = Image.open(io.BytesIO(base64.b64decode(mask.png)), formats=["PNG"])
        image.draft("L", (side, side))
        grey = image.convert("L")
    except Exception:  # it may come from another machine, and Pillow's decoders raise anything on broken files
        return None
    if grey.getbbox() is None:
        return None
    grey.thumbnail((side, side), Image.Resampling.BOX)
    # Sixteen greys compress far better and look the same as an overlay.
    grey = grey.point([round(value / 17) * 17 for value in range(256)])
    buffer = io.BytesIO()
    grey.save(buffer, "PNG", optimize=True)
    return _url("png", buffer)


def choose_side(pictures: Sequence[Small], *, budget: int, sides: Sequence[int] = SIDES) -> int:
    """The largest of `sides` at which `pictures` are expected to take at most `budget` characters."""
    count = min(_SAMPLE, len(pictures))
    sample = [pictures[place * len(pictures) // count] for place in range(count)]
    for side in sides:
        sizes = [len(text) for small in sample if (text := small(side))]
        if not sizes or sum(sizes) / len(sizes) * len(pictures) <= budget:
            return side
    return sides[-1]


def make_small(
    pictures: Sequence[Small], *, budget: int, side: int, sides: Sequence[int] = SIDES
) -> Iterator[str | None]:
    """Each picture as a data: URL, in order, at most `budget` characters in all; None when unreadable or too large."""
    left, below = budget, [one for one in sides if one < side]
    for place, (small, text) in enumerate(zip(pictures, _ahead(pictures, side), strict=True)):
        most = min(left, _FAIR * left // (len(pictures) - place))
        for smaller in below:
            if text is None or len(text) <= most:
                break
            text = small(smaller)
        if text is not None and len(text) > most:
            text = None
        left -= len(text or "")
        yield text


def _ahead(pictures: Sequence[Small], side: int) -> Iterator[str | None]:
    """The pictures in order, a few of them made ahead on other threads (Pillow works beside Python)."""
    with ThreadPoolExecutor(_WORKERS) as pool:
        waiting: deque[Future[str | None]] = deque()
        for small in pictures:
            waiting.append(pool.submit(small, side))
            if len(waiting) > _AHEAD:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


def _url(kind: str, buffer: io.BytesIO) -> str:
    return f"data:image/{kind};base64,{base64.b64encode(buffer.getvalue()).decode('ascii')}"
