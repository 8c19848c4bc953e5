"""A reward head of one's own (`autorater train-head`): a score for a picture and its prompt."""

from collections.abc import Sequence
from pathlib import Path

import torch
from PIL import Image

from autorater.assessment import Declined, Measured, Outcome, Reading
from autorater.errors import SpecialistError
from autorater.toolbox import View
from autorater_tools._checkpoints import in_batches
from autorater_tools._clip import batch
from autorater_tools._prompts import need_prompts
from autorater_tools._qwen import TOO_LONG, too_long
from autorater_tools._reward_model import load_reward_model

PAIRS_ONLY = "this reward head (gpm) compares pairs and gives no score of one image: use reward_preference"


class RewardHead:
    """The score of the trained heads of the loss bt, ce or l1; of `perspective`, the first where it is ""."""

    def __init__(self, *, weights: Path, device: str = "cpu", perspective: str = "") -> None:
        self.model = load_reward_model(weights, device=device)
        self.asked = self.model.form.perspective(perspective)
        if self.model.form.size > 1:
            raise SpecialistError(PAIRS_ONLY)
        self.model.use(self.asked.name)
        self.device = device

    def __call__(self, views: Sequence[View], /) -> list[Outcome]:
        """One outcome per view, in order."""
        need_prompts(views)
        usable = [(view.image.rgb(), view.prompt or "") for view in views if not too_long(view.image.rgb())]
        scores = iter(in_batches(usable, self.scores, size=batch(self.device)))
        return [Declined(reason=TOO_LONG) if too_long(view.image.rgb()) else self.told(next(scores)) for view in views]

    @torch.inference_mode()
    def scores(self, sides: Sequence[tuple[Image.Image, str]]) -> list[float]:
        """The scores: of a regression on the scale of its data, else the reward as it is."""
        low, high = (self.asked.low, self.asked.high) if self.model.form.loss == "l1" else (0.0, 1.0)
        return [low + (high - low) * float(one) for one in self.model.rewards(self.model.read(sides))[:, 0]]

    def told(self, score: float) -> Outcome:
        """What one view is told."""
        return Measured(readings=(Reading(quantity="score", value=round(score, 4)),), text=self.asked.told)
