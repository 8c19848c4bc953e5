"""Specialists that end, hang or talk where they run: for tests of places. None of them harms the process of the tests.

A picture that is 13 pixels wide is the one that they cannot bear.
"""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from fakes import card, measured

from autorater.assessment import Declined, Mask, Measured, Outcome, Quantity, Region
from autorater.card import Card
from autorater.errors import SpecialistError
from autorater.toolbox import View

PID = Quantity(name="width", meaning="The process.", unit="1", low=1, high=None, better="neither")


def breaking(name: str, **fields: Any) -> Card:
    """The card of a class of this module."""
    return card(name, entry=f"breaking:{name.title().replace('_', '')}", **fields)


class Plain:
    """Well behaved: the width, and everything else that an outcome can hold."""

    def __init__(self, *, device: str, factor: int = 1) -> None:
        self.factor = factor

    def __call__(self, views: Sequence[View], /) -> list[Outcome]:
        """The widths."""
        return [self.look(view) for view in views]

    def look(self, view: View) -> Outcome:
        """Every field of an outcome, from the pixels, the prompt and the other images."""
        pixels = view.image.array()
        told = [view.prompt, *(source.sha256 for source in view.sources), view.rival and view.rival.sha256]
        where = Region(label="a \u201cregion\u201d\n", box=(0.1, 1 / 3, 0.7, 1), score=float(pixels.std() / 255))
        mask = Mask.of("light", pixels.mean(axis=2) / 255)
        return measured(view.image.width * self.factor + 0.1, regions=(where,), mask=mask, text=f"{told}")


class Picky(Plain):
    """Raises, and declines."""

    def look(self, view: View) -> Outcome:
        """The width, or what is wrong."""
        if view.image.width == 13:
            raise SpecialistError("thirteen pixels")
        return Declined(reason="too narrow") if view.image.width < 10 else measured(view.image.width / 3)


class Process(Plain):
    """Tells the process in which it runs."""

    def look(self, view: View) -> Outcome:
        """The process."""
        return measured(os.getpid())


class Interpreter(Plain):
    """Tells the interpreter on which it runs."""

    def look(self, view: View) -> Outcome:
        """Its path, as text."""
        return Measured(text=sys.executable)


class Deadly(Plain):
    """Is killed, as by the system when memory is short."""

    def look(self, view: View) -> Outcome:
        """The width, or the end."""
        if view.image.width == 13:
            os.kill(os.getpid(), signal.SIGKILL)
        return measured(view.image.width)


class Exiting(Plain):
    """Ends its process by itself."""

    def look(self, view: View) -> Outcome:
        """The width, or the end."""
        if view.image.width == 13:
            os._exit(7)
        return measured(view.image.width)


class Once:
    """Ends its process the first time that it sees such a picture, and notes it in a folder."""

    def __init__(self, *, device: str, folder: str) -> None:
        self.note = Path(folder) / "ended"

    def __call__(self, views: Sequence[View], /) -> list[Outcome]:
        """The widths, or the end."""
        if not self.note.exists():
            self.note.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return [measured(view.image.width) for view in views]


class Slow(Plain):
    """Takes its time."""

    def look(self, view: View) -> Outcome:
        """The width, half a second later."""
        time.sleep(0.5)
        return measured(view.image.width)


class Hanging(Plain):
    """Never comes back."""

    def look(self, view: View) -> Outcome:
        """The width, some day."""
        if view.image.width == 13:
            time.sleep(600)
        return measured(view.image.width)


class Lasting(Hanging):
    """Tells its process, and hangs as Hanging does."""

    def look(self, view: View) -> Outcome:
        """The process."""
        super().look(view)
        return measured(os.getpid())


class Bearing(Deadly):
    """Starts a process of its own, and tells it."""

    def look(self, view: View) -> Outcome:
        """The process, or the end."""
        super().look(view)
        return measured(subprocess.Popen(["sleep", "60"]).pid)


class Talking(Plain):
    """Prints, reads and raises where only a protocol should be."""

    def look(self, view: View) -> Outcome:
        """The width, after much noise."""
        print("{not json", "x" * 100_000, flush=True)
        print(sys.stdin.read(), file=sys.stderr)
        if view.image.width == 13:
            raise ValueError("thirteen")
        return measured(view.image.width)


class Leaving(Plain):
    """Wants to end Python, as a library does whose author meant a script."""

    def look(self, view: View) -> Outcome:
        """The width, or the end."""
        if view.image.width == 13:
            sys.exit("thirteen")
        return measured(view.image.width)


class Astray(Plain):
    """Misses a file, and says where it looked."""

    def look(self, view: View) -> Outcome:
        """No width."""
        raise FileNotFoundError(2, "No such file", "/home/jane/weights/fox/config.json")


class Unmade:
    """Cannot be made."""

    def __init__(self, *, device: str) -> None:
        raise RuntimeError("the weights are damaged")


class Mortal:
    """Ends its process while it is made."""

    def __init__(self, *, device: str) -> None:
        os._exit(3)
