"""How fast each specialist is, and what the Toolbox adds: `python -m autorater_evals.specialist_speed [name …]`.

Each round times the same batch of fresh pictures twice, in turn: by calling the specialist itself, and through
`Toolbox.submit`. Rates are of the fastest round, in images a second of wall-clock time; `ratio` is the Toolbox's rate
over the bare one, higher is better, 1 is free. `cpu` is CPU seconds an image of the bare call, all threads together,
the least of all rounds. A specialist is loaded and called once before the clock starts; one that declined or failed on
every picture has no figures.
"""

import argparse
import json
import os
import time
from collections.abc import Sequence
from importlib import import_module
from io import BytesIO
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from autorater.assessment import Measured
from autorater.canonical import Record
from autorater.card import Card
from autorater.image import Picture, open_picture
from autorater.toolbox import BATCH, Specialist, Toolbox, View, load_specialist, narrow

PROMPT = 'A red and green poster that says "OPEN" beside a cat'


class Speed(Record):
    """What was measured of one specialist. Rates in images a second; `cpu` in CPU seconds an image."""

    name: str
    measured: int
    """Pictures of the batch that it measured rather than declined."""
    bare: float
    toolbox: float
    ratio: float
    """`toolbox` / `bare`."""
    cpu: float
    declared: float
    """The CPU seconds that its card declares."""


def portrait(seed: int, side: int) -> bytes:
    """A PNG of scikit-image's astronaut with a little grain of this seed, squashed to `side` pixels a side."""
    data: Any = import_module("skimage.data")
    image = Image.fromarray(data.astronaut()).resize((side, side), Image.Resampling.BICUBIC)
    grain = np.random.default_rng(seed).integers(-4, 5, (side, side, 3))
    buffer = BytesIO()
    Image.fromarray(np.clip(np.asarray(image) + grain, 0, 255).astype(np.uint8)).save(buffer, "PNG")
    return buffer.getvalue()


def fresh(card: Card, files: Sequence[bytes]) -> list[View]:
    """Views of newly opened pictures, so that nothing is remembered; the next picture is the source."""
    pictures: list[Picture] = [open_picture(file) for file in files]
    return [
        narrow(card, View(image=image, prompt=PROMPT, sources=(source,)))
        for image, source in pairwise([*pictures, pictures[0]])
    ]


def time_bare(specialist: Specialist, views: Sequence[View]) -> tuple[float, float]:
    """Wall-clock and CPU seconds of one call with all views."""
    wall, processor = time.perf_counter(), time.process_time()
    specialist(views)
    return time.perf_counter() - wall, time.process_time() - processor


def time_toolbox(toolbox: Toolbox, name: str, views: Sequence[View]) -> float:
    """Wall-clock seconds from the first submission to the last outcome."""
    start = time.perf_counter()
    for future in [toolbox.submit(name, view) for view in views]:
        future.result()
    return time.perf_counter() - start


def measure(toolbox: Toolbox, card: Card, files: Sequence[bytes], *, rounds: int) -> Speed | None:
    """The speed of one specialist, or None when it measured no picture of the batch."""
    specialist = load_specialist(card)
    outcomes = specialist(fresh(card, files))
    if not (measured := sum(isinstance(outcome, Measured) for outcome in outcomes)):
        return None
    toolbox.submit(card.name, fresh(card, files[:1])[0]).result()
    bare: list[float] = []
    processor: list[float] = []
    through: list[float] = []
    for _ in range(rounds):
        wall, used = time_bare(specialist, fresh(card, files))
        bare.append(wall)
        processor.append(used / len(files))
        through.append(time_toolbox(toolbox, card.name, fresh(card, files)))
    rates = len(files) / min(bare), len(files) / min(through)
    return Speed(
        name=card.name,
        measured=measured,
        bare=rates[0],
        toolbox=rates[1],
        ratio=rates[1] / rates[0],
        cpu=min(processor),
        declared=card.meta.seconds,
    )


def machine() -> str:
    """What the figures were taken on, in words."""
    return f"{os.cpu_count()} CPU cores"


def main() -> None:
    """Print a table, or JSON with --json."""
    parser = argparse.ArgumentParser(description="Speed of the specialists, bare and through the Toolbox.")
    parser.add_argument("names", nargs="*", help="specialists; all that are ready when none is named")
    parser.add_argument("--images", type=int, default=BATCH, help="pictures in the batch")
    parser.add_argument("--side", type=int, default=512, help="pixels a side")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--out", type=Path, help="also keep the figures in this file, for specialist_table")
    arguments = parser.parse_args()
    toolbox = Toolbox()
    toolbox.require(arguments.names)
    files = [portrait(seed, arguments.side) for seed in range(arguments.images)]
    found: list[Speed] = []
    for name in arguments.names or toolbox.ready():
        if speed := measure(toolbox, toolbox.card(name), files, rounds=arguments.rounds):
            found.append(speed)
    toolbox.close()
    if arguments.out:
        kept = {"device": machine(), "rows": [speed.model_dump() for speed in found]}
        arguments.out.write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")
    if arguments.json:
        print(json.dumps([speed.model_dump() for speed in found], indent=1))
        return
    print(f"{'specialist':24}{'bare/s':>10}{'toolbox/s':>11}{'ratio':>8}{'cpu s':>9}{'card s':>9}")
    for speed in found:
        rates = f"{speed.bare:10.1f}{speed.toolbox:11.1f}{speed.ratio:8.2f}"
        print(f"{speed.name:24}{rates}{speed.cpu:9.3f}{speed.declared:9.3f}")


if __name__ == "__main__":
    main()
