"""Stand-ins for PAL4VST's export: traced networks with its interface."""

import warnings
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn


class RedIsWrong(nn.Module):
    """1 where red is far above green, by a 1x1 convolution to two classes and an argmax, as the export ends."""

    def __init__(self) -> None:
        super().__init__()
        self.classes = nn.Conv2d(3, 2, 1)
        with torch.no_grad():
            self.classes.weight.copy_(torch.tensor([[0.0, 0, 0], [1, -1, 0]])[:, :, None, None])
            self.classes.bias = nn.Parameter(torch.tensor([0.0, -1]))

    def forward(self, x: Tensor) -> Tensor:
        return self.classes(x).argmax(1, keepdim=True)


class Halved(RedIsWrong):
    """Another model: its mask is of another size."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x)[:, :, ::2, ::2]


def trace(network: nn.Module, path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    script: Any = torch.jit
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        script.trace(network, torch.zeros(1, 3, 512, 512)).save(str(path))
    return path


def build(folder: Path) -> None:
    """What the default variant needs."""
    trace(RedIsWrong(), folder / "unified" / "end2end.pt")
