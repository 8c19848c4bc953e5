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
