"""The sync door: from a script, from a running loop, interrupted."""

import asyncio
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Iterator

import pytest

from autorater.sync import run_sync


async def answer(value: int) -> int:
    await asyncio.sleep(0.001)
    return value


def test_a_plain_script_waits_for_the_result() -> None:
    assert run_sync(answer(7)) == 7


def test_errors_come_as_they_are() -> None:
    async def fail() -> None:
        raise LookupError("as it is")

    with pytest.raises(LookupError, match="as it is"):
        run_sync(fail())


async def test_a_notebook_has_a_running_loop_already() -> None:
    assert run_sync(answer(8)) == 8


def test_many_threads_share_the_door() -> None:
    found: list[int] = []

    def ask(number: int) -> None:
        found.append(run_sync(answer(number)))

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(found) == list(range(20))


def test_inside_its_own_loop_it_says_what_to_do() -> None:
    async def inside() -> int:
        return run_sync(answer(1))

    with pytest.raises(RuntimeError, match="await the async form"):
        run_sync(inside())


INTERRUPTED = """
    import asyncio, sys
    from autorater.sync import run_sync

    def say(word):
        sys.stdout.write(word + "\\n")
        sys.stdout.flush()

    async def work():
        say("started")
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            say("cancelled")
            raise

    try:
        run_sync(work())
    except KeyboardInterrupt:
        say("interrupted")
    async def again():
        return "usable"
    say(run_sync(again()))
"""


@pytest.fixture
def interrupted() -> Iterator["subprocess.Popen[str]"]:
    command = [sys.executable, "-c", textwrap.dedent(INTERRUPTED)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        yield process
        process.kill()


@pytest.mark.skipif(sys.platform == "win32", reason="a process cannot be sent Ctrl-C there")
def test_control_c_cancels_the_work(interrupted: "subprocess.Popen[str]") -> None:
    assert interrupted.stdout is not None
    assert interrupted.stdout.readline() == "started\n"
    start = time.monotonic()
    interrupted.send_signal(signal.SIGINT)
    told = interrupted.stdout.read().split()
    assert sorted(told[:2]) == ["cancelled", "interrupted"]
    assert told[2] == "usable"
    assert time.monotonic() - start < 30
