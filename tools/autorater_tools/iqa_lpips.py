"""LPIPS: how far the deep features of an edit are from those of its source."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from autorater.assessment import Outcome
from autorater.toolbox import View
from autorater_tools._pyiqa import differ, load_metric, require

FILES = {
    "alex": ("LPIPS_v0.1_alex-df73285e.pth", "checkpoints/alexnet-owt-7be5be79.pth"),
    "vgg": ("LPIPS_v0.1_vgg-a78928a0.pth", "checkpoints/vgg16-397923af.pth"),
}
METRICS = {"alex": "lpips", "vgg": "lpips-vgg"}


class IqaLpips:
    """Zhang et al., CVPR 2018, version 0.1, on AlexNet or VGG-16; through pyiqa."""

    def __init__(self, *, weights: Path, device: str = "cpu", network: str = "alex") -> None:
        files = FILES[network]
        self.metric: Any = load_metric(METRICS[network], card="iqa_lpips", weights=weights, files=files, device=device)
        layers = [f"lin{layer}.model.1.weight" for layer in range(5)]
        require(weights / files[0], layers, card="iqa_lpips")

    def __call__(self, views: Sequence[View], /) -> list[Outcome]:
        """One outcome per view, in order; the first source is the one compared with."""
        return differ(self.metric, views, quantity="distance", shorter=64)
