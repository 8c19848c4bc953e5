"""CLIP-IQA+: whether CLIP finds a picture nearer to a good photo than to a bad one."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from autorater.assessment import Outcome
from autorater.toolbox import View
from autorater_tools._pyiqa import load_metric, rate

FILES = ("CLIP-IQA+_learned_prompts-603f3273.pth", "clip/RN50.pt")


class IqaClipiqaPlus:
    """Wang, Chan and Loy, AAAI 2023, with learned prompts, on CLIP's ResNet-50; through pyiqa."""

    def __init__(self, *, weights: Path, device: str = "cpu") -> None:
        self.metric: Any = load_metric("clipiqa+", card="iqa_clipiqa_plus", weights=weights, files=FILES, device=device)

    def __call__(self, views: Sequence[View], /) -> list[Outcome]:
        """One outcome per view, in order."""
        return rate(self.metric, views, quantity="quality")
