"""The tests of the specialists: one thread each, so that they are quick on shared machines too."""

from importlib.util import find_spec

import pytest

if find_spec("torch"):
    from autorater.vision_ops import allow_torchvision

    allow_torchvision()  # before a test module imports classes of transformers, which import torchvision


@pytest.fixture(autouse=True, scope="session")
def one_thread() -> None:
    """The pictures are small; several threads that wait for each other on a busy machine take many times longer."""
    if find_spec("torch"):
        import torch

        torch.set_num_threads(1)
