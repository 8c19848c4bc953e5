"""A server that hands out weights, and a store of the test's own."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from weights_server import WeightsServer


@pytest.fixture
def server() -> Iterator[WeightsServer]:
    running = WeightsServer()
    yield running
    running.close()


@pytest.fixture(autouse=True)
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("AUTORATER_WEIGHTS", str(tmp_path / "store"))
    return tmp_path / "store"


@pytest.fixture
def online(monkeypatch: pytest.MonkeyPatch) -> None:
    """The tests' environment switches the hub off; the one here is on this machine."""
    constants = pytest.importorskip("huggingface_hub.constants", reason="the extra hub is not installed")
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_IMPLICIT_TOKEN", False)
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_TELEMETRY", False)
