"""A progress bar on stderr for a person, nothing for a pipe."""

from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID


@dataclass(slots=True)
class Bar:
    """One bar; silent when stderr is not a terminal."""

    progress: "Progress | None" = None
    task: "TaskID | None" = None

    def advance(self, *, cost: float | None = 0.0, problems: int = 0) -> None:
        """One more item is done; `cost` so far in US dollars (None: unknown)."""
        if self.progress is not None and self.task is not None:
            money = "cost unknown" if cost is None else f"${cost:.4f}" if cost else ""
            notes = "  ".join(part for part in (money, f"{problems} unusable" if problems else "") if part)
            self.progress.update(self.task, advance=1, notes=notes)


@contextmanager
def progress_bar(what: str, total: int | None) -> Generator[Bar]:
    """A bar named `what` over `total` items (None: unknown)."""
    from rich.console import Console

    console = Console(stderr=True)
    if not console.is_terminal:
        yield Bar()
        return
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[notes]}"),
    )
    with Progress(*columns, console=console) as progress:
        yield Bar(progress, progress.add_task(what, total=total, notes=""))


class Transfer:
    """Bars of bytes, speed and time left, one for each file; silent when stderr is not a terminal."""

    def __init__(self, progress: "Progress | None" = None) -> None:
        self.progress = progress
        self.tasks: dict[str, TaskID] = {}
        self.task: TaskID | None = None

    def begin(self, what: str, total: int | None, done: int) -> None:
        """The file `what` begins, or begins anew, with `done` of `total` bytes here."""
        if self.progress is None:
            return
        if what not in self.tasks:
            self.tasks[what] = self.progress.add_task(what, total=total)
        self.task = self.tasks[what]
        self.progress.reset(self.task, total=total, completed=done)

    def advance(self, count: int) -> None:
        """So many bytes more are here."""
        if self.progress is not None and self.task is not None:
            self.progress.advance(self.task, count)


@contextmanager
def transfer_bars() -> Generator[Transfer]:
    """Bars on stderr for what is downloaded or copied."""
    from rich.console import Console

    console = Console(stderr=True)
    if not console.is_terminal:
        yield Transfer()
        return
    from rich.progress import (
        BarColumn,
        DownloadColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
        TransferSpeedColumn,
    )

    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console) as progress:
        yield Transfer(progress)
