"""VIF: how much of the information in the source can still be had from the edit."""

from collections.abc import Sequence
from typing import Any

from autorater.assessment import Outcome
from autorater.toolbox import View
from autorater_tools._pyiqa import differ, load_metric

LEAST = 128
"""The pyramid of four levels needs so many pixels a side."""


class IqaVif:
    """Sheikh and Bovik, IEEE TIP 2006, in a steerable pyramid; through pyiqa, without any weights."""

    def __init__(self, *, device: str = "cpu") -> None:
        self.metric: Any = load_metric("vif", card="iqa_vif", device=device)

    def __call__(self, views: Sequence[View], /) -> list[Outcome]:
        """One outcome per view, in order; the first source is the one compared with."""
        return differ(self.metric, views, quantity="fidelity", shorter=LEAST)
