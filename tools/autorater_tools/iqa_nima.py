"""NIMA: the distribution of the marks that people would give a photograph."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from autorater.assessment import Outcome
from autorater.toolbox import View
from autorater_tools._pyiqa import load_metric, rate

FILE = "NIMA_InceptionV2_ava-b0c77c00.pth"


class IqaNima:
    """Talebi and Milanfar, IEEE TIP 2018, trained on the ratings of AVA, on Inception-ResNet-v2; through pyiqa."""

    def __init__(self, *, weights: Path, device: str = "cpu") -> None:
        self.metric: Any = load_metric("nima", card="iqa_nima", weights=weights, files=(FILE,), device=device)

    def __call__(self, views: Sequence[View], /) -> list[Outcome]:
        """One outcome per view, in order."""
        return rate(self.metric, views, quantity="aesthetics")
