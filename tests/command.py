"""The command `autorater`, run in this process or in one of its own."""

import contextlib
import io
import json
import subprocess
import sys
from dataclasses import dataclass
from typing import Any

from autorater.cli import main


@dataclass(frozen=True)
class Ran:
    """What a command left behind."""

    status: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """Its standard output, which is one JSON document and nothing else."""
        return json.loads(self.out)


def run(*arguments: object) -> Ran:
    """Run the command here."""
    out, err = io.StringIO(), io.StringIO()
    status: Any = 0
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            main([str(argument) for argument in arguments])
        except SystemExit as stop:
            status = stop.code or 0
    return Ran(status, out.getvalue(), err.getvalue())


def start(*arguments: object) -> "subprocess.Popen[str]":
    """Start the command as `python -m autorater` in a process of its own."""
    command = [sys.executable, "-m", "autorater", *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def spawn(*arguments: object) -> Ran:
    """Run the command as `python -m autorater` in a process of its own."""
    process = start(*arguments)
    out, err = process.communicate(timeout=120)
    return Ran(process.returncode, out, err)
