"""Real models of random weights, made on the spot: one for transformers, one for llama.cpp."""

from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def llava(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a tiny LLaVA."""
    pytest.importorskip("llguidance", reason="the extra transformers is not installed")
    from tiny_llava import build_llava

    return build_llava(tmp_path_factory.mktemp("models") / "tiny-llava")
