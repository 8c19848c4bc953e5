"""llama.cpp servers for the tests, each in a process of its own."""

import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from autorater.model import Model, open_model

SERVER = Path(__file__).with_name("serve_gguf.py")


@contextmanager
def serving(*files: Path) -> Generator[str]:
    """The address of a server in a process of its own, which ends with this block, or with these tests."""
    command = [sys.executable, str(SERVER), *map(str, files)]
    pipe, log = subprocess.PIPE, subprocess.DEVNULL
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=log, encoding="utf-8") as server:
        # A server that hangs, at its start or under a question, ends too, and so does the wait for it.
        watch = threading.Timer(120, server.kill)
        watch.start()
        try:
            assert server.stdout is not None
            yield server.stdout.readline().strip()
        finally:
            watch.cancel()
            server.kill()  # asked kindly, a server that has only just started waits for itself for ever


async def opened(name: str, **settings: Any) -> AsyncIterator[Model]:
    """A model, closed after use."""
    model: Any = open_model(name, **settings)
    yield model
    await model.close()
