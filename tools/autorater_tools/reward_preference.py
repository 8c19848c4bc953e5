"""A reward head of one's own (`autorater train-head`): which of two candidates of a prompt people would prefer."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from torch import Tensor

from autorater.assessment import Declined, Measured, Outcome, Reading
from autorater.errors import SpecialistError
from autorater.image import Picture
from autorater.toolbox import View
from autorater_tools._qwen import TOO_LONG
from autorater_tools._reward_model import load_reward_model
from autorater_tools._rivals import Side, compare_rivals, remembered_rewards
from autorater_tools._skip_attention import preference

NO_PAIRS = "this reward head (l1) was trained on opinions and knows no probability of a pair: use reward_head"


class RewardPreference:
    """The preference of the trained heads of the loss bt, gpm or ce; of `perspective`, the first where it is ""."""

    def __init__(self, *, weights: Path, device: str = "cpu", perspective: str = "") -> None:
        self.model = load_reward_model(weights, device=device)
        self.asked = self.model.form.perspective(perspective)
        if self.model.form.loss == "l1":
            raise SpecialistError(NO_PAIRS)
        self.model.use(self.asked.name)
        self.device = device
        self.key = ("reward-preference", str(weights), self.model.form.model_dump_json(), device, self.asked.name)

    def __call__(self, views: Sequence[View], /) -> list[Outcome]:
        """One outcome per view, in order."""
        return compare_rivals(views, self.all_rewards, self.compare)

    def all_rewards(self, sides: Mapping[Side, Picture]) -> dict[Side, Tensor]:
        """The reward of every picture for its prompt; kept with the picture, since its rival asks for it again."""
        return remembered_rewards(sides, self.rewards, key=self.key, device=self.device)

    @torch.inference_mode()
    def rewards(self, sides: Sequence[tuple[Picture, str]]) -> list[Tensor]:
        """The reward of each picture for its prompt, (numbers,), on the CPU."""
        read = self.model.read([(picture.rgb(), prompt) for picture, prompt in sides])
        return list(self.model.rewards(read).cpu())

    def compare(self, view: View, rewards: Mapping[Side, Tensor]) -> Outcome:
        """What one view is told."""
        prompt, rival = view.prompt or "", view.rival or view.image
        own, other = (rewards.get((picture.sha256, prompt)) for picture in (view.image, rival))
        if own is None or other is None:
            return Declined(reason=TOO_LONG)
        value = preference(own, other, temperature=self.model.form.temperature)
        return Measured(readings=(Reading(quantity="preference", value=round(value, 6)),), text=self.asked.told)
