"""One tiny base for all tests of reward heads."""

import sys
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

if find_spec("torch"):
    from autorater.vision_ops import allow_torchvision

    allow_torchvision()  # before anything imports peft or transformers, which import torchvision

TOOLS = Path(__file__).parents[2] / "tools"


def build(folder: Path) -> Path:
    """A LLaVA of some ten thousand random weights."""
    if str(TOOLS) not in sys.path:
        sys.path.append(str(TOOLS))
    lmm: Any = import_module("tiny_lmm")
    return lmm.build_llava(folder)


@pytest.fixture(autouse=True, scope="session")
def one_thread() -> None:
    """The pictures are small: threads would wait for each other."""
    torch: Any = import_module("torch")
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint."""
    return build(tmp_path_factory.mktemp("reward") / "tiny-llava")


@pytest.fixture(scope="session")
def blind_base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same with the visual path cut: its projector gives zeros."""
    folder = build(tmp_path_factory.mktemp("reward") / "blind-llava")
    safetensors: Any = import_module("safetensors.torch")
    tensors = safetensors.load_file(folder / "model.safetensors")
    cut = [name for name in tensors if "multi_modal_projector.linear_2" in name]
    assert len(cut) == 2
    safetensors.save_file(
        {**tensors, **{name: tensors[name] * 0 for name in cut}},
        folder / "model.safetensors",
        metadata={"format": "pt"},
    )
    return folder
