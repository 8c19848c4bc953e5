"""HPSv3: which image of a prompt people would prefer, by a Qwen2-VL with a head that tells a mean and a spread."""

from collections.abc import Sequence
from pathlib import Path

import torch

from autorater.assessment import Declined, Measured, Outcome, Reading
from autorater.toolbox import View
from autorater_tools._checkpoints import in_batches
from autorater_tools._clip import batch
from autorater_tools._heads import dense
from autorater_tools._prompt_texts import PLACE, read_texts, with_place
from autorater_tools._prompts import need_prompts
from autorater_tools._qwen import TOO_LONG, Prompt, too_long
from autorater_tools._reward_token import RewardToken, spread

FILE = "HPSv3.safetensors"
TEXTS = "data_collator_qwen.py"
LAYERS = ("0", "3", "5")
"""1024, 16 and 2 wide, with a ReLU between them: the mean and the logarithm of the standard deviation."""


class Hpsv3:
    """Ma et al., "HPSv3: Towards Wide-Spectrum Human Preference Score", ICCV 2025, on Qwen2-VL-7B.

    The authors' instruction, which is part of what the network was trained on, is read from their package's file.
    """

    def __init__(self, *, device: str = "cpu", weights: Path) -> None:
        self.device = device
        texts = read_texts(weights / TEXTS, ("INSTRUCTION", "prompt_with_special_token"))
        self.instruction = with_place(texts["INSTRUCTION"]) + texts["prompt_with_special_token"]
        self.network = RewardToken(weights / "base", weights / FILE, device=device)
        named = {name.removeprefix("rm_head."): tensor for name, tensor in self.network.heads.items()}
        self.head = dense(named, LAYERS, width=self.network.width, source=FILE, rectified=True).to(device)

    def __call__(self, views: Sequence[View], /) -> list[Outcome]:
        """One outcome per view, in order."""
        need_prompts(views)
        usable = [view for view in views if not too_long(view.image.rgb())]
        found = iter(in_batches(usable, self.scores, size=batch(self.device)))
        return [Declined(reason=TOO_LONG) if too_long(view.image.rgb()) else score(*next(found)) for view in views]

    @torch.inference_mode()
    def scores(self, views: Sequence[View]) -> list[tuple[float, float]]:
        """The mean and the logarithm of the standard deviation for each view."""
        prompts = [Prompt(self.text(view.prompt or ""), (view.image.rgb(),)) for view in views]
        rows = self.head(self.network.hidden(prompts))
        return [(float(row[0]), float(row[1])) for row in rows]

    def text(self, prompt: str) -> str:
        """The conversation up to the answer, with the authors' instruction around `prompt`."""
        return self.network.words.chat(self.instruction.replace(PLACE, self.network.words.plain(prompt)), images=1)


def score(mean: float, logarithm: float) -> Outcome:
    """What one view is told."""
    return Measured(readings=(Reading(quantity="score", value=mean, sigma=spread(logarithm)),))
