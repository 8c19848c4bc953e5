"""Memory: the peak of a run and of a replay, in processes of their own, as the number of items grows tenfold."""

import resource
import subprocess
import sys
import tempfile
from pathlib import Path

from autorater import AutoRater
from autorater.replay import replay
from autorater_evals.bench.figures import Figure
from autorater_evals.bench.stand_in import StandIn, requests


def measure(quick: bool) -> list[Figure]:
    """Peak resident memory at ten times the items against once."""
    small = 100 if quick else 10_000
    peaks: dict[tuple[str, int], float] = {}
    for count in (small, 10 * small):
        with tempfile.TemporaryDirectory() as folder:
            for what in ("run", "replay"):
                command = [sys.executable, "-m", "autorater_evals.bench.memory", what, str(count), folder]
                told = subprocess.run(command, check=True, capture_output=True, text=True)
                peaks[what, count] = float(told.stdout)
    return [
        Figure(
            f"peak memory of a {what} of {10 * small:,} items to one of {small:,}",
            peaks[what, 10 * small] / peaks[what, small],
            bar=1.1,
            better="lower",
            note=f"{peaks[what, small]:.0f} and {peaks[what, 10 * small]:.0f} MiB",
        )
        for what in ("run", "replay")
    ]


def _run(count: int, folder: str) -> None:
    with AutoRater(StandIn(), tools="none", order="given", log=folder) as judge:
        assert sum(1 for _ in judge.judge_many(requests(count), concurrency=32)) == count


def _replay(count: int, folder: str) -> None:
    assert sum(item.identical for item in replay(folder)) == count


def _peak() -> float:
    """Peak resident memory of this process in MiB."""
    status = Path("/proc/self/status")
    if status.is_file():  # getrusage would tell the parent's peak where that is higher
        words = status.read_text(encoding="utf-8").partition("VmHWM:")[2].split()
        return float(words[0]) / 2**10
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (2**20 if sys.platform == "darwin" else 2**10)


if __name__ == "__main__":
    {"run": _run, "replay": _replay}[sys.argv[1]](int(sys.argv[2]), sys.argv[3])
    print(_peak())
