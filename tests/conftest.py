"""Every test runs without network and the user's keys, in an empty folder, and writes nothing into the repository."""

import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from places import ROOT, SCRATCH

_OWN = ("__pycache__", ".pytest_cache", "pytest-cache-files-", ".ruff_cache")
_LOCAL = ("127.0.0.1", "::1", "localhost", None)
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT
_KEYS = ("_API_KEY", "_AUTH_TOKEN", "_BASE_URL", "_ORG_ID", "_PROJECT_ID")

# Before any test module is imported: libraries read these when they are imported.
for _name in [name for name in os.environ if name.endswith(_KEYS) or name.startswith("AUTORATER_")]:
    del os.environ[_name]
os.environ.update(
    HOME=str(SCRATCH),
    XDG_CACHE_HOME=str(SCRATCH / "cache"),
    HF_HOME=str(SCRATCH / "hub"),
    HF_HUB_OFFLINE="1",
    HYPOTHESIS_STORAGE_DIRECTORY=str(SCRATCH / "hypothesis"),
    COLUMNS="120",
    NO_COLOR="1",
)
settings.register_profile("autorater", database=None, deadline=None, derandomize=True, max_examples=60)
settings.load_profile("autorater")


def _watch(event: str, arguments: tuple[Any, ...]) -> None:
    if event in ("socket.connect", "socket.getaddrinfo"):
        address: Any = arguments[1] if event == "socket.connect" else arguments
        if isinstance(address, tuple) and address[0] not in _LOCAL:
            raise RuntimeError(f"a test reached for {address[0]!r}: only this machine is allowed")
    elif event == "open" and isinstance(arguments[0], str) and arguments[2] & _WRITING:
        path = arguments[0]
        if path.startswith(f"{ROOT}{os.sep}") and not any(part in path for part in _OWN):
            raise RuntimeError(f"a test wrote to {path!r}: only temporary folders are allowed")


sys.addaudithook(_watch)  # cannot be taken away again, and holds for threads and C code too


@pytest.fixture(autouse=True)
def empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A test that names a relative file means one of its own."""
    monkeypatch.chdir(tmp_path)


@pytest.fixture(scope="session", autouse=True)
def scratch() -> Iterator[None]:
    """What libraries kept in the home folder of the tests is deleted."""
    yield
    shutil.rmtree(SCRATCH, ignore_errors=True)
