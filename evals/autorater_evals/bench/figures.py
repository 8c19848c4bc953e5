"""Time taken, and a figure beside its bar."""

import os
import platform
import time
from collections.abc import Awaitable
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Taken:
    """Seconds by the clock and of this process."""

    wall: float
    processor: float


async def timed(work: Awaitable[object]) -> Taken:
    """How long `work` takes."""
    wall, processor = time.perf_counter(), time.process_time()
    await work
    return Taken(time.perf_counter() - wall, time.process_time() - processor)


@dataclass(frozen=True)
class Figure:
    """One measured number. `bar` is None for a number that is told for its own sake; `note` says how it came about."""

    name: str
    value: float
    unit: str = "ratio"
    bar: float | None = None
    better: Literal["higher", "lower"] = "higher"
    note: str = ""

    @property
    def holds(self) -> bool | None:
        """Whether the bar is kept; None without one."""
        if self.bar is None:
            return None
        return self.value >= self.bar if self.better == "higher" else self.value <= self.bar


def table(figures: list[Figure]) -> str:
    """A Markdown table."""
    lines = ["| figure | measured | bar | kept | how |", "| --- | ---: | ---: | --- | --- |"]
    for item in figures:
        sign = "≥" if item.better == "higher" else "≤"
        bar = "" if item.bar is None else f"{sign} {shown(item.bar, item.unit)}"
        kept = {True: "yes", False: "**no**", None: ""}[item.holds]
        lines.append(f"| {item.name} | {shown(item.value, item.unit)} | {bar} | {kept} | {item.note} |")
    return "\n".join(lines)


def shown(value: float, unit: str) -> str:
    """The number with its unit."""
    text = f"{value:,.0f}" if value >= 1000 else f"{value:.3g}"
    return text if unit == "ratio" else f"{text} {unit}"


def describe_machine() -> str:
    """The machine in words, with its load, because a busy one measures itself."""
    load = f", load {os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else ""
    return (
        f"Python {platform.python_version()} on {platform.system()} {platform.machine()}, {os.cpu_count()} cores{load}"
    )
