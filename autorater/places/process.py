"""A worker process: the same server as behind an address, on this machine, started and ended by us."""

import contextlib
import json
import logging
import os
import secrets
import selectors
import signal
import subprocess
import sys
import tempfile
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
        self.errors: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 (closed by `end`)
        try:
            # Its own session: Ctrl-C is for us, who end it when what is under way is recorded. -P: nothing is imported
            # from the folder where we happen to stand.
            self.process = subprocess.Popen(
                [str(python or sys.executable), "-P", "-m", "autorater.worker"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self.errors,
                start_new_session=True,
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
        with contextlib.suppress(BrokenPipeError):
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
        try:
            code = self.process.wait(timeout=seconds)
        except subprocess.TimeoutExpired:
            return "does not answer"
        return f"ended (signal {-code})" if code < 0 else f"ended (status {code})"

    def tail(self) -> str:
        """The last that it wrote to its standard error; for people, not for the log of a run."""
        with contextlib.suppress(ValueError, OSError):
            self.errors.seek(0, os.SEEK_END)
            self.errors.seek(max(0, self.errors.tell() - 2000))
            return self.errors.read().decode(errors="replace").strip()
        return ""

    def kill(self) -> None:
        """End it at once, and what it started. Called from any thread."""
        if self.process.poll() is None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                if hasattr(os, "killpg"):
                    os.killpg(self.process.pid, signal.SIGKILL)
                else:
                    self.process.kill()

    def end(self) -> None:
        """End it, wait for it, and close what belongs to it."""
        self.kill()
        self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe is not None:
                with contextlib.suppress(OSError):
                    pipe.close()
        self.errors.close()


def _read_line(pipe: IO[bytes], seconds: float) -> bytes:
    """The first line, or what came of it before the pipe was closed or the time was up."""
    if os.name == "nt":  # where nobody can wait for a pipe
        return pipe.readline()
    line = b""
    until = time.monotonic() + seconds
    with selectors.DefaultSelector() as selector:
        selector.register(pipe, selectors.EVENT_READ)
        while not line.endswith(b"\n") and selector.select(max(0.0, until - time.monotonic())):
            if not (part := os.read(pipe.fileno(), 4096)):
                break
            line += part
    return line
