"""MUSIQ: technical quality, looked at in several sizes at once."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from autorater.assessment import Outcome
from autorater.toolbox import View
from autorater_tools._pyiqa import load_metric, rate

FILES = {
    "koniq10k": "musiq_koniq_ckpt-e95806b9.pth",
    "spaq": "musiq_spaq_ckpt-358bb6af.pth",
    "paq2piq": "musiq_paq2piq_ckpt-364c0c84.pth",
}


class IqaMusiq:
    """Ke et al., ICCV 2021, a transformer over patches of three scales; through pyiqa."""

    def __init__(self, *, weights: Path, device: str = "cpu", trained_on: str = "koniq10k") -> None:
        self.metric: Any = load_metric(
            "musiq", card="iqa_musiq", weights=weights, files=(FILES[trained_on],), device=device, pretrained=trained_on
        )

    def __call__(self, views: Sequence[View], /) -> list[Outcome]:
        """One outcome per view, in order."""
        return rate(self.metric, views, quantity="quality")
