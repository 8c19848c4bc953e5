"""LAION's aesthetic predictor: how beautiful people would find the picture, on a scale from 1 to 10."""

from collections.abc import Sequence
from pathlib import Path

import torch

from autorater.assessment import Measured, Outcome, Reading
from autorater.toolbox import View
from autorater_tools._clip import load_clip
from autorater_tools._heads import dense
from autorater_tools._tensors import read_tensors

FILE = "sac+logos+ava1-l14-linearMSE.pth"
LAYERS = ("layers.0", "layers.2", "layers.4", "layers.6", "layers.7")
"""1024, 128, 64, 16 and 1 wide, with nothing between them but dropout: together one linear function."""


class LaionAesthetic:
    """The improved aesthetic predictor (Schuhmann, 2022): linear layers on the unit embedding of CLIP ViT-L/14."""

    def __init__(self, *, device: str = "cpu", weights: Path) -> None:
        self.clip = load_clip(weights / "clip", device=device)
        width: int = self.clip.model.config.projection_dim
        self.head = dense(read_tensors(weights / FILE), LAYERS, width=width, source=FILE)

    def __call__(self, views: Sequence[View], /) -> list[Outcome]:
        """One outcome per view, in order."""
        embeddings = self.clip.picture_embeddings([view.image for view in views])
        with torch.inference_mode():
            scores = [float(self.head(embedding)) for embedding in embeddings]
        return [Measured(readings=(Reading(quantity="score", value=score),)) for score in scores]
