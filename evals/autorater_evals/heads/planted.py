"""Labelled pictures whose labels depend on nothing but the pictures, for proofs: people like dark ones."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

CLEAR = 48
"""Levels of 255 that the two pictures of a pair are apart, at least."""


def picture(folder: Path, name: str, level: int, random: np.random.Generator) -> float:
    """Write a noisy grey picture; gives its brightness."""
    pixels = np.clip(level + random.integers(-25, 26, (16, 16, 3)), 0, 255).astype(np.uint8)
    Image.fromarray(pixels).save(folder / name)
    return float(pixels.mean())


def write(path: Path, rows: list[dict[str, Any]]) -> Path:
    """A file of JSON Lines."""
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def dark(a: float, b: float) -> str:
    """The darker one."""
    return "a" if a < b else "b"


def bright(a: float, b: float) -> str:
    """The brighter one: the labels swapped."""
    return "b" if a < b else "a"


def plant_pairs(folder: Path, count: int, *, prefer: Callable[[float, float], Any] = dark, seed: int = 0) -> Path:
    """Pairs of pictures; `prefer` takes both brightnesses to what stands as `preferred`."""
    folder.mkdir(parents=True, exist_ok=True)
    random = np.random.default_rng(seed)
    rows: list[dict[str, Any]] = []
    for index in range(count):
        names = [f"{index}a.png", f"{index}b.png"]
        levels = random.integers(30, 226, 2)
        while abs(levels[0] - levels[1]) < CLEAR:
            levels = random.integers(30, 226, 2)
        a, b = (picture(folder, name, int(level), random) for name, level in zip(names, levels, strict=True))
        preferred = prefer(a, b)
        row = {"id": f"pair {index}", "prompt": f"thing number {index}", "images": names, "preferred": preferred}
        rows.append(row)
    return write(folder / "items.jsonl", rows)


def plant_opinions(folder: Path, count: int, *, each: int = 1, seed: int = 0, swapped: bool = False) -> Path:
    """Pictures with opinions from 0 (white) to 100 (black), `each` of them for a prompt; swapped: the other way."""
    folder.mkdir(parents=True, exist_ok=True)
    random = np.random.default_rng(seed)
    rows: list[dict[str, Any]] = []
    for index in range(count):
        value = picture(folder, f"{index}.png", int(random.integers(30, 226)), random)
        score = round(value / 2.55 if swapped else 100 - value / 2.55, 3)
        rows.append({"id": f"{index}", "prompt": f"thing {index // each}", "image": f"{index}.png", "score": score})
    return write(folder / "items.jsonl", rows)
