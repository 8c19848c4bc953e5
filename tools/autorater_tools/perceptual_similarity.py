"""Perceptual similarity: how different an edit looks from its source, tolerant of small shifts."""

from collections.abc import Sequence

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional

from autorater.assessment import Declined, Measured, Outcome, Reading
from autorater.errors import SpecialistError
from autorater.image import Picture
from autorater.toolbox import View
from autorater_tools._pixels import NO_SOURCE, at_most
from autorater_tools._weights import own_card, weights_path

LONGER_SIDE = 256
SHORTER_SIDE = 32
PADDINGS = (2, 2, 1, 1, 1)
"""Of the five convolutions."""
POOLED = (False, True, True, False, False)
"""Whether a maximum and a blurred halving come before the convolution."""


class PerceptualSimilarity:
    """ST-LPIPS on AlexNet: Ghildyal and Liu, "Shift-tolerant perceptual similarity metric", ECCV 2022.

    A plain forward pass over the weights of `stlpips-pytorch`: AlexNet of stride 1, every halving after a binomial blur
    with reflected borders, feature differences weighted by the trained linear layers as in LPIPS (Zhang et al., 2018).
    """

    def __init__(self, *, device: str = "cpu") -> None:
        path = weights_path(own_card("perceptual_similarity"), "alex_shift_tolerant.pth")
        self.device = device
        self.state: dict[str, Tensor] = torch.load(path, map_location=device, weights_only=True)
        weights = [name for name in self.state if name.startswith("net.") and name.endswith(".weight")]
        self.convolutions = [name.removesuffix(".weight") for name in sorted(weights)]

    def __call__(self, views: Sequence[View], /) -> list[Outcome]:
        """One outcome per view, in order; the first source is the one compared with."""
        return [self.measure(view) for view in views]

    def measure(self, view: View) -> Outcome:
        """The distance of one edit from its source, both at the source's proportions."""
        if not view.sources:
            raise SpecialistError(NO_SOURCE)
        size = at_most(view.sources[0].rgb(), LONGER_SIDE).size
        if min(size) < SHORTER_SIDE:
            return Declined(reason=f"the source is {size[0]}x{size[1]} at its working size; {SHORTER_SIDE} are needed")
        before = view.sources[0].remember(("st-lpips", self.device), lambda: self.features(view.sources[0], size))
        distance = self.distance(before, self.features(view.image, size))
        return Measured(readings=(Reading(quantity="distance", value=distance),))

    def features(self, picture: Picture, size: tuple[int, int]) -> list[Tensor]:
        """The five feature maps of `picture` at `size` (width, height)."""
        return self.forward(to_tensor(_of_size(picture, size)).to(self.device))

    @torch.inference_mode()
    def forward(self, pixels: Tensor) -> list[Tensor]:
        """Feature maps of unit length over the channels, for `pixels` (1, 3, height, width) from -1 to 1."""
        x = (pixels - self.state["scaling_layer.shift"]) / self.state["scaling_layer.scale"]
        maps: list[Tensor] = []
        for layer, name in enumerate(self.convolutions):
            if POOLED[layer]:
                x = _halve(functional.max_pool2d(x, 3, 1))
            x = functional.conv2d(x, self.state[f"{name}.weight"], self.state[f"{name}.bias"], padding=PADDINGS[layer])
            if layer == 0:
                x = _halve(x)  # the first map is blurred before it is rectified
            x = functional.relu(x)
            maps.append(x / ((x * x).sum(1, keepdim=True).sqrt() + 1e-10))
        return maps

    @torch.inference_mode()
    def distance(self, one: Sequence[Tensor], other: Sequence[Tensor]) -> float:
        """The sum over layers of the mean weighted squared difference; 0 for equal pictures, lower is more alike."""
        total = 0.0
        for layer, (left, right) in enumerate(zip(one, other, strict=True)):
            weight = self.state[f"lin{layer}.model.1.weight"]
            total += float(functional.conv2d((left - right) ** 2, weight).mean())
        return max(0.0, total)


def to_tensor(image: Image.Image) -> Tensor:
    """Pixels from -1 to 1, shape (1, 3, height, width), float32."""
    pixels = np.asarray(image, dtype=np.float32) / 127.5 - 1
    return torch.as_tensor(pixels).permute(2, 0, 1)[None].contiguous()


def _of_size(picture: Picture, size: tuple[int, int]) -> Image.Image:
    image = picture.rgb()
    return image if image.size == size else image.resize(size, Image.Resampling.BICUBIC)


def _halve(x: Tensor) -> Tensor:
    """A binomial 3x3 blur and every second pixel, two pixels of reflected border."""
    line = torch.tensor([1.0, 2.0, 1.0], device=x.device) / 4
    kernel = (line[:, None] * line).expand(x.shape[1], 1, 3, 3)
    return functional.conv2d(functional.pad(x, (2, 2, 2, 2), mode="reflect"), kernel, stride=2, groups=x.shape[1])
