"""The tests of the adapters reach 127.0.0.1 and nothing else, with no key of the user's."""

import sys
from collections.abc import Iterator
from typing import Any

import pytest
from wire_server import WireServer

_BLOCKED = {"now": False}
_KEYS = (
    "OPENAI_API_KEY",
    "ANTHROPIC_API_KEY",
    "ANTHROPIC_AUTH_TOKEN",
    "GEMINI_API_KEY",
    "GOOGLE_API_KEY",
    "AUTORATER_COMPATIBLE_API_KEY",
)


def _watch(event: str, arguments: tuple[Any, ...]) -> None:
    if not _BLOCKED["now"] or event not in ("socket.connect", "socket.getaddrinfo"):
        return
    address: Any = arguments[1] if event == "socket.connect" else arguments
    host = address if isinstance(address, str | bytes) else address[0]
    if host not in ("127.0.0.1", "::1", "localhost", None):
        raise RuntimeError(f"a test of the adapters reached for {host!r}: only 127.0.0.1 is allowed")


sys.addaudithook(_watch)  # cannot be taken away again, so it asks whether it is wanted


@pytest.fixture(autouse=True)
def blocked_network(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in _KEYS:
        monkeypatch.delenv(name, raising=False)
    _BLOCKED["now"] = True
    yield
    _BLOCKED["now"] = False


@pytest.fixture
def server() -> Iterator[WireServer]:
    with WireServer() as running:
        yield running
