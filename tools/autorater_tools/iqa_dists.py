"""DISTS: how far an edit is from its source in structure and in texture, which may be drawn anew."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from autorater.assessment import Outcome
from autorater.toolbox import View
from autorater_tools._pyiqa import differ, load_metric, require

FILES = ("DISTS_weights-f5e65c96.pth", "checkpoints/vgg16-397923af.pth")


class IqaDists:
    """Ding et al., IEEE TPAMI 2022, on VGG-16; through pyiqa."""

    def __init__(self, *, weights: Path, device: str = "cpu") -> None:
        self.metric: Any = load_metric("dists", card="iqa_dists", weights=weights, files=FILES, device=device)
        require(weights / FILES[0], ("alpha", "beta"), card="iqa_dists")

    def __call__(self, views: Sequence[View], /) -> list[Outcome]:
        """One outcome per view, in order; the first source is the one compared with."""
        return differ(self.metric, views, quantity="distance")
