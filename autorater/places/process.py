"""A worker process: the same server as behind an address, on this machine, started and ended by us."""

import contextlib
import json
import logging
import os
import secrets
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any

from autorater.canonical import canonical_json
from autorater.card import Card, Value
from autorater.errors import SpecialistError, one_line

_log = logging.getLogger(__name__)

START = 120.0
"""Seconds that a worker may take to say where it listens; weights are loaded later."""


class Worker:
    """One running worker. It ends when this process does, however that ends: it watches the pipe that it reads from.

    Raises:
        SpecialistError: it did not start; the message names no path.

    """

    def __init__(self, card: Card, options: Mapping[str, Value], *, device: str, python: Path | None) -> None:
        self.token = secrets.token_urlsafe(32)
        self.errors = _log_file()
        self.buried = False
        try:
            # Its own session (on Windows a group): Ctrl-C is for us, who end it when what is under way is recorded.
            # -P: nothing is imported from the folder where we happen to stand.
            self.process = subprocess.Popen(
                [str(python or sys.executable), "-P", "-m", "autorater.worker"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self.errors,
                start_new_session=True,
                creationflags=getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0),
            )
        except OSError as error:
            self.errors.close()
            raise SpecialistError(f"the worker could not be started: {error.strerror}") from error
        self.hello = {
            "token": self.token,
            "card": card.model_dump(mode="json"),
            "options": dict(options),
            "device": device,
        }

    def greet(self) -> str:
        """Tell it what it is; the address at which it listens.

        Raises:
            SpecialistError: it did not start; the message names no path.

        """
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        with contextlib.suppress(OSError):  # it ended already: BrokenPipeError, on Windows EINVAL
            self.process.stdin.write(canonical_json(self.hello) + b"\n")
            self.process.stdin.flush()
        line = _read_line(self.process.stdout, START)
        try:
            told: Any = json.loads(line)
            if "error" in told:
                raise SpecialistError(f"the worker could not be started: {one_line(told['error'])[:250]}")
            return f"http://127.0.0.1:{int(told['port'])}"
        except (ValueError, KeyError, TypeError):
            _log.warning("a worker did not start: %s", self.tail())
            raise SpecialistError(f"the worker could not be started: it {self.how_ended()}") from None

    def how_ended(self, seconds: float = 5.0) -> str:
        """How it ended ("ended (signal 9)", "ended (status 1)"), or that it is still there."""
        until = time.monotonic() + seconds
        while not self._is_over():
            if time.monotonic() > until:
                return "does not answer"
            time.sleep(0.01)
        code = self._bury()
        return f"ended (signal {-code})" if code < 0 else f"ended (status {code})"

    def tail(self) -> str:
        """The last that it wrote to its standard error; for people, not for the log of a run."""
        with contextlib.suppress(ValueError, OSError):
            start = max(0, os.fstat(self.errors.fileno()).st_size - 2000)
            return _read_from(self.errors, start).decode(errors="replace").strip()
        return ""

    def kill(self) -> None:
        """End it at once, and what it started, also when it ended by itself. Called from any thread."""
        if self.buried:  # its number may be another's by now
            return
        with contextlib.suppress(ProcessLookupError, PermissionError):
            if hasattr(os, "killpg"):
                os.killpg(self.process.pid, signal.SIGKILL)
            else:
                self.process.kill()

    def _is_over(self) -> bool:
        """Whether it ended. Leaves it unburied where the system can, so that its number stays that of its group."""
        if self.buried or not hasattr(os, "waitid"):
            return self.process.poll() is not None
        try:
            return os.waitid(os.P_PID, self.process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None
        except ChildProcessError:  # somebody else buried it
            return True

    def _bury(self) -> int:
        """End it with all that it started, and wait for it; its status."""
        self.kill()
        self.buried = True
        return self.process.wait()

    def end(self) -> None:
        """End it, wait for it, and close what belongs to it."""
        self._bury()
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe is not None:
                with contextlib.suppress(OSError):
                    pipe.close()
        self.errors.close()


def _log_file() -> IO[bytes]:
    """A file without a name that a worker adds to."""
    file = tempfile.TemporaryFile()  # noqa: SIM115 (closed by `end`)
    with contextlib.suppress(ImportError):  # Windows
        import fcntl

        fcntl.fcntl(file, fcntl.F_SETFL, fcntl.fcntl(file, fcntl.F_GETFL) | os.O_APPEND)
    return file


def _read_from(file: IO[bytes], start: int) -> bytes:
    """What stands in the file from there on. Its worker writes at the offset that it shares with us: that stays."""
    if hasattr(os, "pread"):
        return os.pread(file.fileno(), 2000, start)
    file.seek(start)
    return file.read()  # and the offset is at the end again


def _read_line(pipe: IO[bytes], seconds: float) -> bytes:
    """The first line, or nothing when the time was up. Nothing but a thread can wait for a pipe on every system."""
    lines: list[bytes] = []
    reading = threading.Thread(target=lambda: lines.append(pipe.readline()), daemon=True)
    reading.start()  # when it does not come, the thread ends with the worker
    reading.join(timeout=seconds)
    return lines[0] if lines else b""
