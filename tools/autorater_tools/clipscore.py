"""CLIPScore: how well the image goes with the prompt."""

from collections.abc import Sequence
from pathlib import Path

from autorater.assessment import Outcome
from autorater.toolbox import View
from autorater_tools._clip import load_clip, scored

WEIGHT = 2.5
PREFIX = "A photo depicts "


class Clipscore:
    """Hessel et al., "CLIPScore: A Reference-free Evaluation Metric for Image Captioning", EMNLP 2021.

    score = 2.5 · max(cosine, 0), the text after the words "A photo depicts", as in the paper's code.
    """

    def __init__(
        self, *, device: str = "cpu", weights: Path, variant: str = "base-patch32", prefix: bool = True
    ) -> None:
        self.clip = load_clip(weights / variant, device=device)
        self.prefix = PREFIX if prefix else ""

    def __call__(self, views: Sequence[View], /) -> list[Outcome]:
        """One outcome per view, in order."""
        return scored(self.clip, views, lambda cosine: WEIGHT * max(cosine, 0.0), before=self.prefix)
