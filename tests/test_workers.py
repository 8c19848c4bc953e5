"""Worker processes: what ends, hangs or talks in one harms nothing else, and none is left behind."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest
from breaking import PID, breaking
from pictures import png
from places import ROOT

from autorater.assessment import Failed, Measured, Outcome
from autorater.errors import SpecialistError
from autorater.image import open_picture
from autorater.places.place import Place
from autorater.places.process import Worker
from autorater.places.workshop import DEATHS, share_of
from autorater.toolbox import Toolbox, View

TESTS = ROOT / "tests"


@pytest.fixture(autouse=True)
def workers_find_the_fakes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(TESTS))


Boxes = Callable[..., Toolbox]


@pytest.fixture
def boxes() -> Iterator[Boxes]:
    """Makes toolboxes in which one specialist runs in a worker, and closes them."""
    made: list[Toolbox] = []

    def make(name: str, place: Place | None = None, **fields: object) -> Toolbox:
        made.append(Toolbox({name: breaking(name, **fields)}, places={name: place or Place("worker")}))
        return made[-1]

    yield make
    for box in made:
        box.close()


def look(box: Toolbox, name: str, widths: Sequence[int]) -> list[Outcome]:
    views = [View(open_picture(png(width, width=width, height=4))) for width in widths]
    return [future.result(timeout=60)[0] for future in box.submit_all(name, views)]


def seen(outcomes: Sequence[Outcome]) -> list[float | str]:
    """The width of what was measured, the error of what failed."""
    return [
        one.readings[0].value if isinstance(one, Measured) else one.error if isinstance(one, Failed) else one.reason
        for one in outcomes
    ]


def ends(pid: int, seconds: float = 20) -> bool:
    """Whether this process is gone, or a zombie that its new parent has not buried, within so many seconds."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        try:
            if Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0] == "Z":
                return True
        except OSError:
            pass
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return True
        time.sleep(0.02)
    return False


def script(folder: Path, commands: str) -> Path:
    """An interpreter that is none."""
    path = folder / "python"
    path.write_text(f"#!/bin/sh\n{commands}\n", encoding="utf-8")
    path.chmod(0o755)
    return path


# --- ends ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "how"), [("deadly", "signal 9"), ("exiting", "status 7")])
def test_the_view_that_ends_the_worker_fails_and_the_others_are_measured(boxes: Boxes, name: str, how: str) -> None:
    found = look(boxes(name), name, [12, 13, 14])
    assert seen(found) == [12, f"the worker ended ({how}) while looking at this image", 14]


def test_one_end_is_forgiven(boxes: Boxes, tmp_path: Path) -> None:
    box = boxes("once", options=({"name": "folder", "meaning": "Where it notes its end.", "default": str(tmp_path)},))
    assert seen(look(box, "once", [13, 14])) == [13, 14]
    assert (tmp_path / "ended").is_file()


def test_a_worker_that_was_killed_from_outside_is_started_again(boxes: Boxes) -> None:
    box = boxes("process", quantities=(PID,))
    (first,) = seen(look(box, "process", [12]))
    os.kill(int(first), signal.SIGKILL)
    (second,) = seen(look(box, "process", [12]))
    assert second != first
    assert not isinstance(second, str)


def test_a_worker_that_always_ends_is_not_started_for_ever(boxes: Boxes) -> None:
    box = boxes("deadly")
    alone = "the worker ended (signal 9) while looking at this image"
    given_up = "the worker of deadly is not started again, it failed 3 times: ended (signal 9)"
    assert seen(look(box, "deadly", [13] * 6)) == [alone] * DEATHS + [given_up] * 3
    begun = time.monotonic()
    assert seen(look(box, "deadly", [14, 15])) == [given_up] * 2
    assert time.monotonic() - begun < 1


def test_a_good_view_between_two_bad_ones_starts_the_count_anew(boxes: Boxes) -> None:
    found = seen(look(boxes("deadly"), "deadly", [13, 13, 14, 13, 13, 15]))
    assert [one for one in found if not isinstance(one, str)] == [14, 15]
    assert not any("not started again" in str(one) for one in found)


def test_what_ends_while_it_is_made_is_told_for_each(boxes: Boxes) -> None:
    found = seen(look(boxes("mortal"), "mortal", [12, 14]))
    assert found == ["the worker ended (status 3) while looking at this image"] * 2


def test_what_cannot_be_made_fails_as_here(boxes: Boxes) -> None:
    assert seen(look(boxes("unmade"), "unmade", [12])) == ["RuntimeError: the weights are damaged"]


def test_what_hangs_is_ended(boxes: Boxes) -> None:
    box = boxes("hanging", Place("worker", timeout=1.0))
    look(box, "hanging", [12])
    found = seen(look(box, "hanging", [12, 13, 14]))
    assert found == [12, "the worker gave no answer within 1 s and was ended while looking at this image", 14]


def test_each_view_of_a_batch_that_hung_gets_its_share(boxes: Boxes, monkeypatch: pytest.MonkeyPatch) -> None:
    assert [share_of(600, 2), share_of(600, 16), share_of(6000, 16), share_of(1, 3)] == [300, 120, 375, 1]
    monkeypatch.setattr("autorater.places.workshop.FLOOR", 0.1)
    found = seen(look(boxes("hanging", Place("worker", timeout=1.0)), "hanging", [13, 13]))
    assert found == ["the worker gave no answer within 0.5 s and was ended while looking at this image"] * 2


def test_what_prints_and_reads_disturbs_nothing(boxes: Boxes) -> None:
    assert seen(look(boxes("talking"), "talking", [12, 13])) == [12, "ValueError: thirteen"]


def test_a_worker_that_cannot_start_says_so_without_a_path(boxes: Boxes, tmp_path: Path) -> None:
    box = boxes("plain", Place("worker", python=script(tmp_path, "exit 5")))
    assert seen(look(box, "plain", [12, 14])) == ["the worker could not be started: it ended (status 5)"] * 2
    look(box, "plain", [12])
    look(box, "plain", [12])
    told = "the worker of plain is not started again, it failed 3 times: the worker could not be started: it ended"
    assert seen(look(box, "plain", [12])) == [f"{told} (status 5)"]


def test_a_worker_that_says_nothing_is_given_up(boxes: Boxes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("autorater.places.process.START", 0.2)
    box = boxes("plain", Place("worker", python=script(tmp_path, "exec sleep 60")))
    assert seen(look(box, "plain", [12])) == ["the worker could not be started: it does not answer"]


def test_what_a_worker_writes_is_read_and_not_written_over(tmp_path: Path) -> None:
    lines = 3000
    loop = f"i=0; while [ $i -lt {lines} ]; do echo line-$i >&2; i=$((i+1)); done; exec sleep 60"
    worker = Worker(breaking("plain"), {}, device="cpu", python=script(tmp_path, loop))
    until = time.monotonic() + 20
    while not worker.tail().endswith(f"line-{lines - 1}") and time.monotonic() < until:
        pass
    assert os.fstat(worker.errors.fileno()).st_size == sum(len(f"line-{line}\n") for line in range(lines))
    assert worker.tail().splitlines()[-3:] == [f"line-{lines - last}" for last in (3, 2, 1)]
    worker.end()
    assert worker.tail() == ""


def test_closing_does_not_wait_for_a_worker_that_does_not_start(boxes: Boxes, tmp_path: Path) -> None:
    box = boxes("plain", Place("worker", python=script(tmp_path, "exec sleep 60")))
    waiting = box.submit("plain", View(open_picture(png(1))))
    time.sleep(0.2)
    begun = time.monotonic()
    box.close()
    assert time.monotonic() - begun < 10
    with pytest.raises(SpecialistError, match="the toolbox was closed before plain looked"):
        waiting.result(timeout=1)


@pytest.mark.parametrize("by_itself", [True, False])
def test_what_a_specialist_started_ends_with_a_worker_that_died(boxes: Boxes, by_itself: bool) -> None:
    box = boxes("bearing", quantities=(PID,))
    (child,) = seen(look(box, "bearing", [12]))
    if by_itself:
        look(box, "bearing", [13])
    else:
        if not Path("/proc/self/stat").is_file():
            pytest.skip("this system does not show who started whom")
        worker = int(Path(f"/proc/{int(child)}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[1])
        os.kill(worker, signal.SIGKILL)
        assert ends(worker)
        time.sleep(0.3)  # with all its threads
        box.close()
    assert ends(int(child), seconds=5)


# --- memory and processes ---------------------------------------------------------------------------------------------


def test_an_idle_worker_is_ended_and_comes_back(boxes: Boxes) -> None:
    box = boxes("process", Place("worker", idle_seconds=0.2), quantities=(PID,))
    (first,) = seen(look(box, "process", [12]))
    assert ends(int(first))
    (second,) = seen(look(box, "process", [12]))
    assert second != first


def test_a_busy_worker_is_not_idle(boxes: Boxes) -> None:
    box = boxes("slow", Place("worker", idle_seconds=0.1))
    assert seen(look(box, "slow", [12, 14])) == [12, 14]


@pytest.mark.parametrize(("how", "busy"), [(signal.SIGKILL, False), (signal.SIGKILL, True), (None, True)])
def test_a_worker_ends_with_its_parent(how: signal.Signals | None, busy: bool, tmp_path: Path) -> None:
    script = tmp_path / "parent.py"
    script.write_text(PARENT, encoding="utf-8")
    command = [sys.executable, str(script), "busy" if busy else "idle", "leave" if how is None else "stay"]
    parent = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": str(TESTS)})
    assert parent.stdout is not None
    with parent.stdout:
        pid = json.loads(parent.stdout.readline())
        if how is not None:
            parent.send_signal(how)
        parent.wait(timeout=30)
    assert ends(pid)


PARENT = """
import os, sys, time
from breaking import PID, breaking
from pictures import png
from autorater.image import open_picture
from autorater.toolbox import Toolbox, View

def view(width):
    return View(open_picture(png(width, width=width, height=4)))

box = Toolbox({"lasting": breaking("lasting", quantities=(PID,))}, places={"lasting": "worker"})
pid = box.submit("lasting", view(12)).result()[0].readings[0].value
if sys.argv[1] == "busy":
    box.submit("lasting", view(13))
    time.sleep(0.3)
print(int(pid), flush=True)
if sys.argv[2] == "stay":
    time.sleep(60)
"""


def test_the_token_is_in_no_command_line(boxes: Boxes) -> None:
    box = boxes("process", quantities=(PID,))
    (pid,) = seen(look(box, "process", [12]))
    command = Path(f"/proc/{int(pid)}/cmdline")
    if not command.is_file():
        pytest.skip("this system does not show command lines")
    assert command.read_bytes().split(b"\0")[1:] == [b"-P", b"-m", b"autorater.worker", b""]
