"""When two pictures look the same: a perceptual hash that is near, and small copies that are near in colour too.

The hash is imagehash's `phash` of 64 bits (signs of the low frequencies); two of one picture, re-encoded or scaled, are
at most `BITS` apart. It says nothing of flat pictures, so the small copies (16 x 16 pixels, RGB) must differ by at most
`LEVELS` of 255 on average as well.
"""

from collections.abc import Callable, Iterable, Mapping
from importlib import import_module
from typing import Any

import numpy as np

from autorater.image import Picture

BITS, LEVELS, SIDE = 4, 6.0, 16
_BANDS = BITS + 1
"""Two hashes of 64 bits that differ in at most BITS places are equal in one of so many bands (pigeonhole)."""


def alike(names: Iterable[str], opened: Callable[[str], Picture]) -> dict[str, str]:
    """sha256 of each picture → that of the first one that it looks like (itself when there is none)."""
    from PIL import Image

    hashing: Any = import_module("imagehash")
    firsts: dict[str, str] = {}
    seen: dict[tuple[int, bytes], list[str]] = {}
    looks: dict[str, tuple[Any, Any]] = {}
    for name in dict.fromkeys(names):
        pixels = opened(name).rgb()
        bits = np.asarray(hashing.phash(pixels).hash, dtype=bool).ravel()
        small = np.asarray(pixels.resize((SIDE, SIDE), Image.Resampling.BOX), dtype=np.float64)
        bands = [(place, part.tobytes()) for place, part in enumerate(np.array_split(bits, _BANDS))]
        near = (other for band in bands for other in seen.get(band, ()) if _near((bits, small), looks[other]))
        firsts[name] = next(near, name)
        if firsts[name] == name:  # only firsts are compared with, so that likeness does not creep
            looks[name] = bits, small
            for band in bands:
                seen.setdefault(band, []).append(name)
    return firsts


def _near(one: tuple[Any, Any], other: tuple[Any, Any]) -> bool:
    return bool((one[0] != other[0]).sum() <= BITS and np.abs(one[1] - other[1]).mean() <= LEVELS)


def first_of(name: str, firsts: Mapping[str, str]) -> str:
    """What a picture looks like; itself when that was not computed."""
    return firsts.get(name, name)
