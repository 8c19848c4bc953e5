"""TOPIQ: technical quality, guided from the meaning of the picture down to its distortions."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from autorater.assessment import Outcome
from autorater.toolbox import View
from autorater_tools._pyiqa import load_metric, rate

METRICS = {
    "koniq10k": ("topiq_nr", "cfanet_nr_koniq_res50-9a73138b.pth"),
    "flive": ("topiq_nr-flive", "cfanet_nr_flive_res50-ded1c74e.pth"),
    "spaq": ("topiq_nr-spaq", "cfanet_nr_spaq_res50-a7f799ac.pth"),
}


class IqaTopiqNr:
    """Chen et al., IEEE TIP 2024, without a reference, on ResNet-50; through pyiqa."""

    def __init__(self, *, weights: Path, device: str = "cpu", trained_on: str = "koniq10k") -> None:
        name, file = METRICS[trained_on]
        self.metric: Any = load_metric(name, card="iqa_topiq_nr", weights=weights, files=(file,), device=device)

    def __call__(self, views: Sequence[View], /) -> list[Outcome]:
        """One outcome per view, in order."""
        return rate(self.metric, views, quantity="quality")
