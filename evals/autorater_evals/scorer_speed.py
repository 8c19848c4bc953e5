"""Images a second of the large specialists at their real sizes, on random weights: speed does not depend on values.

`python -m autorater_evals.scorer_speed [qsit-mini qsit-7b grounding-dino-tiny grounding-dino-base dreamsim pal4vst]`
times three ways to look at the same fresh pictures, in turn: the *official* one, one picture (or pair) at a time as the
model's own page calls it; *ours*, the specialist on the batch, pictures decoded and prepared anew; and *bare*, one
forward pass of the batch with everything prepared before the clock starts, which nothing can beat. `gain` is ours over
official (the goal on a GPU is 5 for Q-SiT mini and DreamSim), `share` is ours over bare (the goal is 0.9), `memory` the
peak in GiB: of the GPU where there is one, else of the process since it began. The fastest of the rounds counts.
"""

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from autorater.canonical import Record
from autorater.image import Picture, open_picture
from autorater.toolbox import View
from autorater_evals import _scorer_subjects as subjects
from autorater_evals.specialist_speed import PROMPT, portrait


class Speed(Record):
    """What was measured of one specialist; rates in images a second."""

    name: str
    card: str
    """The specialist whose card it is; `name` tells the variant too."""
    official: float
    bare: float
    ours: float
    gain: float
    """`ours` / `official`."""
    share: float
    """`ours` / `bare`."""
    memory: float
    """GiB at the peak of `ours`."""
    images: int


@dataclass(frozen=True)
class Clock:
    """Seconds of the fastest of `rounds` calls, after one that warms up; waits for the GPU."""

    device: str
    rounds: int

    def __call__(self, work: Callable[[], object], *, fresh: Callable[[], None] | None = None) -> float:
        """Seconds of `work`; `fresh` is called before each round and is not timed."""
        best = float("inf")
        for lap in range(self.rounds + 1):
            if fresh is not None:
                fresh()
            self._wait()
            start = time.perf_counter()
            work()
            self._wait()
            if lap:
                best = min(best, time.perf_counter() - start)
        return best

    def _wait(self) -> None:
        if self.device != "cpu":
            torch.cuda.synchronize()


def measure(subject: subjects.Subject, files: Sequence[bytes], *, device: str, rounds: int) -> Speed:
    """All three ways for one subject, its weights in a temporary folder."""
    clock = Clock(device, rounds)
    with tempfile.TemporaryDirectory(prefix="autorater-speed-") as folder:
        weights = Path(folder)
        subject.build(weights)
        official = clock(_each(subject.official(weights, device), files, subject.pictures))
        bare = clock(subject.bare(weights, device, [open_picture(file) for file in files]))
        if device != "cpu":
            torch.cuda.reset_peak_memory_stats()
        specialist = subject.ours(weights, device)
        views: list[View] = []

        def fresh() -> None:
            pictures = [open_picture(file) for file in files]
            views[:] = [view_of(part) for part in subjects.parts(pictures, subject.pictures)]

        ours = clock(lambda: specialist(views), fresh=fresh)
        memory = peak(device)
    count = len(files)
    return Speed(
        name=subject.name,
        card=subject.card,
        official=count / official,
        bare=count / bare,
        ours=count / ours,
        gain=official / ours,
        share=bare / ours,
        memory=memory,
        images=count,
    )


def view_of(pictures: Sequence[Picture]) -> View:
    """The first picture as a specialist is asked of it; a second one is its source."""
    return View(image=pictures[0], prompt=PROMPT, sources=tuple(pictures[1:]))


def _each(look: subjects.Look, files: Sequence[bytes], size: int) -> Callable[[], None]:
    def work() -> None:
        for part in subjects.parts(files, size):
            look([open_picture(file) for file in part])

    return work


def peak(device: str) -> float:
    """GiB: of the GPU since the last reset, else of the process since it began."""
    if device != "cpu":
        return torch.cuda.max_memory_allocated() / 2**30
    if sys.platform == "win32":
        return float("nan")
    import resource

    used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return used / (2**30 if sys.platform == "darwin" else 2**20)


def main() -> None:
    """Print a table, or JSON with --json."""
    parser = argparse.ArgumentParser(description="Speed of the large specialists at their real sizes, random weights.")
    parser.add_argument("names", nargs="*", choices=[[], *subjects.SUBJECTS], help="all but qsit-7b when none is named")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--images", type=int, default=16, help="pictures in the batch")
    parser.add_argument("--side", type=int, default=512, help="pixels a side")
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--out", type=Path, help="also keep the figures in this file, for specialist_table")
    arguments = parser.parse_args()
    names = arguments.names or [name for name in subjects.SUBJECTS if name != "qsit-7b"]
    files = [portrait(seed, arguments.side) for seed in range(arguments.images)]
    found: list[Speed] = []
    if not arguments.json:
        print(f"{'specialist':22}{'official/s':>11}{'bare/s':>9}{'ours/s':>9}{'gain':>7}{'share':>7}{'GiB':>7}")
    for name in names:
        speed = measure(subjects.SUBJECTS[name], files, device=arguments.device, rounds=arguments.rounds)
        found.append(speed)
        if not arguments.json:
            rates = f"{speed.official:11.3g}{speed.bare:9.3g}{speed.ours:9.3g}"
            print(f"{speed.name:22}{rates}{speed.gain:7.2f}{speed.share:7.2f}{speed.memory:7.1f}", flush=True)
    rows: list[dict[str, Any]] = [speed.model_dump() for speed in found]
    if arguments.json:
        print(json.dumps(rows, indent=1))
    if arguments.out:
        kept = {"device": device_words(arguments.device), "rows": rows}
        arguments.out.write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")


def device_words(device: str) -> str:
    """What the figures were taken on."""
    threads = torch.get_num_threads()
    return f"{threads} CPU thread{'s' * (threads != 1)}" if device == "cpu" else torch.cuda.get_device_name()


if __name__ == "__main__":
    main()
