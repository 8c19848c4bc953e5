"""HPSv2: which image of a prompt people would prefer, by the cosine of a CLIP that was tuned on their choices."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional

from autorater.assessment import Outcome
from autorater.toolbox import View
from autorater.vision_ops import allow_torchvision
from autorater_tools._clip import Clip, load_words, normalised, scored
from autorater_tools._open_clip import build
from autorater_tools._tensors import read_tensors

FILES = {"v2.0": "HPS_v2_compressed.pt", "v2.1": "HPS_v2.1_compressed.pt"}
HEADS = (80, 64)
"""Widths of one attention head in ViT-H-14's vision and text parts."""


class Hpsv2:
    """Wu et al., "Human Preference Score v2", 2023: CLIP ViT-H-14, cosine without its scale.

    The authors' file has open_clip's names; it is loaded into transformers' CLIPModel.
    """

    def __init__(self, *, device: str = "cpu", weights: Path, version: str = "v2.1") -> None:
        allow_torchvision()
        file = weights / FILES[version]
        model = build(read_tensors(file), device=device, source=file.name, heads=HEADS, activation="gelu")
        self.clip = Clip(model, load_words(weights / "words"), device=device, key=str(file), prepare=whole)

    def __call__(self, views: Sequence[View], /) -> list[Outcome]:
        """One outcome per view, in order."""
        return scored(self.clip, views, lambda cosine: cosine)


def whole(image: Image.Image, side: int) -> Tensor:
    """What HPSv2 sees, shape (3, side, side): the whole picture in the middle of a black square, normalised.

    Its authors' `light_augmentation` does so, in training and in their `score`: the longer side becomes `side`, bicubic
    on numbers that are not cut to 0 to 1 afterwards, with the antialiasing that torchvision has since 0.17.
    """
    pixels = torch.as_tensor(np.array(image)).permute(2, 0, 1)[None].float() / 255
    high, wide = (max(1, round(length * side / max(image.size))) for length in (image.height, image.width))
    if (wide, high) != image.size:
        pixels = functional.interpolate(pixels, (high, wide), mode="bicubic", antialias=True)
    down, across = side - high, side - wide
    borders = (across // 2, across - across // 2, down // 2, down - down // 2)
    return normalised(functional.pad(pixels, borders)[0])
