"""PickScore: which image of a prompt the users of Pick-a-Pic would prefer."""

from collections.abc import Sequence
from pathlib import Path

from autorater.assessment import Outcome
from autorater.toolbox import View
from autorater_tools._clip import load_clip, scored


class Pickscore:
    """CLIP-H fine-tuned on preferences: Kirstain et al., "Pick-a-Pic", NeurIPS 2023.

    score = exp(logit_scale) · cosine; the softmax over the candidates of one prompt gives the share of people who
    would prefer each.
    """

    def __init__(self, *, device: str = "cpu", weights: Path) -> None:
        self.clip = load_clip(weights / "model", device=device, words=weights / "words", floor=True)

    def __call__(self, views: Sequence[View], /) -> list[Outcome]:
        """One outcome per view, in order."""
        return scored(self.clip, views, lambda cosine: self.clip.scale * cosine)
