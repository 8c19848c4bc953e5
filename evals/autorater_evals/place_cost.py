"""What a place costs: `python -m autorater_evals.place_cost [name …]`.

The same specialists look at the same pictures in this process, in a worker process and behind an address (a server
process on this machine that `autorater tools serve` starts). Each figure is milliseconds of wall-clock time a view from
submission to outcome, the least of all rounds, alone (one view at a time) and in batches of 16; places take turns
within a round. `ratio` is to this process, 1 is free. Every call gets pictures that were not decoded yet, so that each
place decodes them once; a picture that this process has decoded for another specialist costs a worker its decoding
besides. `width` does nothing but that: it shows the bare cost. `start` is seconds to the first outcome, loading too.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from itertools import pairwise
from zlib import crc32

from autorater.assessment import Measured, Outcome, Quantity, Reading
from autorater.cache import code_digest
from autorater.canonical import Record, digest
from autorater.card import Card, CardMeta
from autorater.image import open_picture
from autorater.toolbox import BATCH, Toolbox, View, narrow
from autorater_evals.specialist_speed import PROMPT, portrait

PLACES = ("here", "worker", "http")


class Width:
    """The trivial specialist: the width of the decoded image."""

    def __init__(self, *, device: str) -> None:
        self.device = device

    def __call__(self, views: Sequence[View], /) -> list[Outcome]:
        """The widths."""
        return [Measured(readings=(Reading(quantity="width", value=view.image.rgb().width),)) for view in views]


def trivial() -> Card:
    """The card of the trivial specialist."""
    width = Quantity(name="width", meaning="Width of the image.", unit="px", low=1, high=None, better="neither")
    meta = CardMeta(
        name="width",
        title="Nothing at all",
        entry="autorater_evals.place_cost:Width",
        quantities=(width,),
        seconds=0.0,
        extra="workers",
        licence="Apache-2.0",
        commercial=True,
        source="made up",
        errors="Never wrong.",
    )
    return Card(meta=meta, body="The width.\n", digest=digest(b"width"))


class Cost(Record):
    """What was measured of one specialist at one place; milliseconds a view."""

    name: str
    side: int
    """Pixels a side of the pictures."""
    kilobytes: int
    """Of one picture's file."""
    place: str
    alone: float
    batched: float
    alone_ratio: float
    batched_ratio: float
    start: float
    """Seconds to the first outcome; of the address without the start of its server."""


@contextmanager
def address(cards: Mapping[str, Card]) -> Generator[str]:
    """A server of these specialists in a process of its own, by the same module that makes workers."""
    code = (
        "import sys; from autorater.serving import Server, listen, serve; from autorater.toolbox import Toolbox; "
        "from autorater.card import find_cards; from autorater_evals.place_cost import trivial; "
        "cards = {**find_cards(), 'width': trivial()}; cards = {name: cards[name] for name in sys.argv[1:]}; "
        "own = listen('127.0.0.1', 0); print(own.getsockname()[1], flush=True); "
        "serve(Server(Toolbox(cards), cards).app(), own)"
    )
    process = subprocess.Popen([sys.executable, "-c", code, *cards], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    with process.stdout:
        try:
            yield f"http://127.0.0.1:{int(process.stdout.readline())}"
        finally:
            process.kill()
            process.wait()


def named(file: bytes, number: int) -> bytes:
    """The same PNG with a comment before its end, so that its bytes differ and its pixels do not."""
    chunk = b"tEXtComment\0" + str(number).encode()
    comment = (len(chunk) - 4).to_bytes(4, "big") + chunk + crc32(chunk).to_bytes(4, "big")
    return file[:-12] + comment + file[-12:]


def fresh(card: Card, files: Sequence[bytes]) -> list[View]:
    """Views of newly opened pictures that remember nothing; the next picture is the source."""
    pictures = [open_picture(file) for file in files]
    for one in pictures:
        one.forget()
    following = pairwise([*pictures, pictures[0]])
    return [narrow(card, View(image=image, prompt=PROMPT, sources=(source,))) for image, source in following]


def seconds(box: Toolbox, card: Card, views: Sequence[View]) -> float:
    """From submission to the last outcome, as one batch."""
    begun = time.perf_counter()
    for future in box.submit_all(card.name, views):
        outcome, _ = future.result()
        if outcome.kind == "failed":
            raise SystemExit(f"{card.name} failed: {outcome.error}")
    return time.perf_counter() - begun


def measure(card: Card, side: int, *, rounds: int) -> list[Cost]:
    """The costs of one specialist at every place."""
    cards = {card.name: card}
    code_digest.cache_clear()  # the server reads the code as it is now
    base, seen = portrait(0, side), 0

    def some(count: int) -> list[View]:
        nonlocal seen
        seen += count  # no picture twice: a server remembers the last it saw
        return fresh(card, [named(base, seen + number) for number in range(count)])

    with address(cards) as where:
        boxes = {name: Toolbox(cards, places={card.name: where if name == "http" else name}) for name in PLACES}
        start = {name: seconds(box, card, some(1)) for name, box in boxes.items()}
        alone: dict[str, list[float]] = {name: [] for name in PLACES}
        batched: dict[str, list[float]] = {name: [] for name in PLACES}
        for _ in range(rounds):
            for name, box in boxes.items():
                alone[name] += [seconds(box, card, [view]) for view in some(4)]
                batched[name].append(seconds(box, card, some(BATCH)) / BATCH)
        for box in boxes.values():
            box.close()
    one, many = ({name: 1000 * min(values[name]) for name in PLACES} for values in (alone, batched))
    return [
        Cost(
            name=card.name,
            side=side,
            kilobytes=len(base) // 1024,
            place=name,
            alone=one[name],
            batched=many[name],
            alone_ratio=one[name] / one["here"],
            batched_ratio=many[name] / many["here"],
            start=start[name],
        )
        for name in PLACES
    ]


def main() -> None:
    """Print a table, or JSON with --json."""
    parser = argparse.ArgumentParser(description="What a place costs a specialist.")
    parser.add_argument(
        "names", nargs="*", default=["width", "sharpness", "photo_quality"], help="specialists, or width"
    )
    parser.add_argument("--side", type=int, nargs="*", default=[64, 512, 1024], help="pixels a side")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    box = Toolbox()
    cards = [trivial() if name == "width" else box.card(name) for name in arguments.names]
    box.require([card.name for card in cards if card.name != "width"])
    found = [cost for card in cards for side in arguments.side for cost in measure(card, side, rounds=arguments.rounds)]
    if arguments.json:
        print(json.dumps([cost.model_dump() for cost in found], indent=1))
        return
    head = f"{'specialist':16}{'side':>6}{'KB':>7} {'place':8}"
    print(f"{head}{'alone ms':>10}{'ratio':>8}{'of 16 ms':>10}{'ratio':>8}{'start s':>9}")
    for cost in found:
        what = f"{cost.name:16}{cost.side:6}{cost.kilobytes:7} {cost.place:8}"
        alone = f"{cost.alone:10.2f}{cost.alone_ratio:8.2f}"
        print(f"{what}{alone}{cost.batched:10.2f}{cost.batched_ratio:8.2f}{cost.start:9.2f}")


if __name__ == "__main__":
    main()
