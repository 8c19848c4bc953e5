"""Real models of random weights, made on the spot: one for transformers, one for llama.cpp."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from autorater.model import Model, open_model
from autorater.vision_ops import allow_torchvision

allow_torchvision()  # before a test module imports classes of transformers, which import torchvision where it is there


@pytest.fixture(scope="session")
def llava(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a tiny LLaVA."""
    pytest.importorskip("llguidance", reason="the extra transformers is not installed")
    from tiny_llava import build_llava

    return build_llava(tmp_path_factory.mktemp("models") / "tiny-llava")


@pytest.fixture(scope="module")
def one_thread() -> Iterator[None]:
    """Several threads wait for each other, twenty times as long as they work, when the machine is busy."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def local(llava: Path, one_thread: None) -> Model:
    """The tiny LLaVA, opened by its folder."""
    return open_model(f"transformers:{llava}", device="cpu")
