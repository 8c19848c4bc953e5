"""HPSv2: which image of a prompt people would prefer, by the cosine of a CLIP that was tuned on their choices."""

from collections.abc import Sequence
from pathlib import Path

from autorater.assessment import Outcome
from autorater.toolbox import View
from autorater_tools._clip import Clip, load_words, scored
from autorater_tools._open_clip import build
from autorater_tools._tensors import read_tensors
from autorater_tools._torchvision import allow_torchvision

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
        self.clip = Clip(model, load_words(weights / "words"), device=device, key=str(file))

    def __call__(self, views: Sequence[View], /) -> list[Outcome]:
        """One outcome per view, in order."""
        return scored(self.clip, views, lambda cosine: cosine)
