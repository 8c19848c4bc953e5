"""The operations of TensorFlow that small convolutional detectors use, in torch.

Pictures are (n, height, width, channels).
"""

from base64 import b64decode
from collections.abc import Callable, Mapping, Sequence
from math import ceil
from typing import Any, TypeAlias

import torch
from torch import Tensor
from torch.nn import functional


class Attributes:
    """The settings of a node as the file has them: texts are base64, whole numbers are texts."""

    def __init__(self, told: Mapping[str, Mapping[str, Any]]) -> None:
        self.told = told

    def integers(self, name: str, default: Sequence[int] = ()) -> list[int]:
        """A list of whole numbers."""
        return [int(value) for value in self.told[name]["list"]["i"]] if name in self.told else list(default)

    def number(self, name: str, default: float) -> float:
        """One number."""
        return float(self.told[name]["f"]) if name in self.told else default

    def flag(self, name: str) -> bool:
        """Yes or no; no when it is not told."""
        return bool(self.told.get(name, {}).get("b", False))

    def text(self, name: str) -> str:
        """One text."""
        return b64decode(self.told[name]["s"]).decode()

    def texts(self, name: str) -> list[str]:
        """A list of texts."""
        return [b64decode(value).decode() for value in self.told[name]["list"].get("s", [])]


Operation: TypeAlias = Callable[[Attributes, Sequence[Tensor]], list[Tensor]]
"""From a node's attributes and inputs to its outputs."""


def _integers(values: Tensor) -> list[int]:
    return [int(value) for value in values.reshape(-1)]


def _bordered(told: Attributes, planes: Tensor, kernel: Sequence[int], *, fill: float = 0.0) -> Tensor:
    """`planes` (n, channels, h, w) with the border of the padding "SAME", whose larger half comes after."""
    if told.text("padding") == "VALID":
        return planes
    strides, dilations = told.integers("strides")[1:3], told.integers("dilations", [1] * 4)[1:3]
    border: list[int] = []
    for axis, size in enumerate(kernel):
        side, stride = planes.shape[axis + 2], strides[axis]
        total = max(0, (ceil(side / stride) - 1) * stride + (size - 1) * dilations[axis] + 1 - side)
        border = [total // 2, total - total // 2, *border]
    return functional.pad(planes, border, value=fill)


def _convolved(told: Attributes, x: Tensor, kernel: Tensor, groups: int) -> Tensor:
    """`kernel` is (outputs, channels of a group, h, w)."""
    planes = _bordered(told, x.permute(0, 3, 1, 2), kernel.shape[2:])
    strides, dilations = told.integers("strides")[1:3], told.integers("dilations")[1:3]
    return functional.conv2d(planes, kernel, None, strides, 0, dilations, groups).permute(0, 2, 3, 1)


def _convolution(told: Attributes, inputs: Sequence[Tensor]) -> list[Tensor]:
    x, kernel = inputs[:2]
    return [_convolved(told, x, kernel.permute(3, 2, 0, 1), x.shape[3] // kernel.shape[2])]


def _depthwise(told: Attributes, inputs: Sequence[Tensor]) -> list[Tensor]:
    x, kernel = inputs[:2]
    high, wide, channels, times = kernel.shape
    return [_convolved(told, x, kernel.permute(2, 3, 0, 1).reshape(channels * times, 1, high, wide), channels)]


def _fused(convolution: Operation) -> Operation:
    """The convolution followed by what the node has fused to it."""

    def run(told: Attributes, inputs: Sequence[Tensor]) -> list[Tensor]:
        (x,) = convolution(told, inputs)
        for name in told.texts("fused_ops"):
            x = x + inputs[2] if name == "BiasAdd" else OPERATIONS[name](told, [x])[0]
        return [x]

    return run


def _pooled(told: Attributes, inputs: Sequence[Tensor]) -> list[Tensor]:
    size = told.integers("ksize")[1:3]
    planes = _bordered(told, inputs[0].permute(0, 3, 1, 2), size, fill=-torch.inf)
    return [functional.max_pool2d(planes, size, told.integers("strides")[1:3]).permute(0, 2, 3, 1)]


def _resized(told: Attributes, inputs: Sequence[Tensor]) -> list[Tensor]:
    """Bilinear; the centres of pixels are at halves or, in older graphs, at whole numbers."""
    x, size = inputs
    for axis, side in enumerate(_integers(size), start=1):
        old = x.shape[axis]
        place = torch.arange(side, dtype=torch.float32)
        if told.flag("align_corners") and side > 1:
            place = place * ((old - 1) / (side - 1))
        else:
            place = (place + 0.5) * old / side - 0.5 if told.flag("half_pixel_centers") else place * old / side
        place = place.clamp(0, old - 1)
        below = place.long()
        share = (place - below).view([-1 if other == axis else 1 for other in range(4)])
        x = x.index_select(axis, below) * (1 - share) + x.index_select(axis, (below + 1).clamp(max=old - 1)) * share
    return [x]


def _padded(_: Attributes, inputs: Sequence[Tensor]) -> list[Tensor]:
    amounts = _integers(inputs[1])
    pairs = list(zip(amounts[::2], amounts[1::2], strict=True))
    flat = [amount for pair in reversed(pairs) for amount in pair]
    return [functional.pad(inputs[0], flat, value=float(inputs[2]) if len(inputs) > 2 else 0.0)]


def _scattered(_: Attributes, inputs: Sequence[Tensor]) -> list[Tensor]:
    places, shape, values, default = inputs
    dense = default.expand(_integers(shape)).clone()
    dense[places.reshape(-1, dense.dim()).long().unbind(1)] = values.reshape(-1)
    return [dense]


OPERATIONS: dict[str, Operation] = {
    "Add": lambda _, x: [x[0] + x[1]],
    "AddV2": lambda _, x: [x[0] + x[1]],
    "ConcatV2": lambda _, x: [torch.cat(list(x[:-1]), dim=int(x[-1]))],
    "Conv2D": _convolution,
    "DepthwiseConv2dNative": _depthwise,
    "FusedDepthwiseConv2dNative": _fused(_depthwise),
    "Identity": lambda _, x: [x[0]],
    "LeakyRelu": lambda told, x: [functional.leaky_relu(x[0], told.number("alpha", 0.2))],
    "MaxPool": _pooled,
    "Mean": lambda told, x: [x[0].mean(_integers(x[1]), keepdim=told.flag("keep_dims"))],
    "Mul": lambda _, x: [x[0] * x[1]],
    "Pad": _padded,
    "PadV2": _padded,
    "Relu": lambda _, x: [functional.relu(x[0])],
    "Relu6": lambda _, x: [functional.relu6(x[0])],
    "Reshape": lambda _, x: [x[0].reshape(_integers(x[1]))],
    "ResizeBilinear": _resized,
    "Sigmoid": lambda _, x: [torch.sigmoid(x[0])],
    "SparseToDense": _scattered,
    "SplitV": lambda _, x: list(torch.split(x[0], _integers(x[1]), int(x[2]))),
    "Transpose": lambda _, x: [x[0].permute(_integers(x[1]))],
    "_FusedConv2D": _fused(_convolution),
}
