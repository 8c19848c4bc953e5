"""Training on tiny models: one thread each, so that it is quick on shared machines too."""

from collections.abc import Iterator
from importlib.util import find_spec

import pytest

if find_spec("torch"):
    from autorater.vision_ops import allow_torchvision

    allow_torchvision()  # before a test module imports classes of transformers, which import torchvision

collect_ignore_glob = [] if find_spec("trl") and find_spec("peft") else ["test_*.py"]


@pytest.fixture(autouse=True, scope="session")
def one_thread() -> Iterator[None]:
    """Several threads that wait for each other on a busy machine take many times longer."""
    if not find_spec("torch"):
        yield
        return
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)
