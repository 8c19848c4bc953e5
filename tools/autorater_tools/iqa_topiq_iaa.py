"""TOPIQ for aesthetics: how much people like a photograph."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from autorater.assessment import Outcome
from autorater.toolbox import View
from autorater_tools._pyiqa import load_metric, rate

FILE = "cfanet_iaa_ava_swin-393b41b4.pth"


class IqaTopiqIaa:
    """Chen et al., IEEE TIP 2024, trained on the ratings of AVA, on Swin-B; through pyiqa."""

    def __init__(self, *, weights: Path, device: str = "cpu") -> None:
        self.metric: Any = load_metric("topiq_iaa", card="iqa_topiq_iaa", weights=weights, files=(FILE,), device=device)

    def __call__(self, views: Sequence[View], /) -> list[Outcome]:
        """One outcome per view, in order."""
        return rate(self.metric, views, quantity="aesthetics")
