"""HPSv3: which image of a prompt people would prefer, by a Qwen2-VL with a head that tells a mean and a spread."""

from collections.abc import Sequence
from pathlib import Path

import torch

from autorater.assessment import Declined, Measured, Outcome, Reading
from autorater.errors import SpecialistError
from autorater.toolbox import View
from autorater_tools._checkpoints import in_batches
from autorater_tools._clip import NO_PROMPT, batch
from autorater_tools._heads import dense
from autorater_tools._prompt_texts import PLACE, read_texts, with_place
from autorater_tools._qwen import (
    TOO_LONG,
    Prompt,
    Words,
    body_of,
    half,
    heads_of,
    hidden_at,
    load_body,
    spread,
    too_long,
)
from autorater_tools._tensors import read_tensors, under

FILE = "HPSv3.safetensors"
TEXTS = "data_collator_qwen.py"
REWARD = "<|Reward|>"
PIXELS = 256 * 28 * 28
LAYERS = ("0", "3", "5")
"""1024, 16 and 2 wide, with a ReLU between them: the mean and the logarithm of the standard deviation."""


class Hpsv3:
    """Ma et al., "HPSv3: Towards Wide-Spectrum Human Preference Score", ICCV 2025, on Qwen2-VL-7B.

    The authors' instruction, which is part of what the network was trained on, is read from their package's file.
    """

    def __init__(self, *, device: str = "cpu", weights: Path) -> None:
        self.device = device
        self.words = Words(weights / "base", pixels=(PIXELS, PIXELS), more=(REWARD,))
        texts = read_texts(weights / TEXTS, ("INSTRUCTION", "prompt_with_special_token"))
        self.instruction = with_place(texts["INSTRUCTION"]) + texts["prompt_with_special_token"]
        state = read_tensors(weights / FILE)
        self.body = load_body(weights / "base", body_of(state), device=device, dtype=half(device), source=FILE)
        self.reward = self.words.id(REWARD)
        if self.reward >= self.body.config.text_config.vocab_size:
            raise SpecialistError(f"{FILE} has no place for the token {REWARD}: the tokenizer is of another version")
        heads = heads_of(state)
        named = under(heads, "rm_head.") | {name: one for name, one in heads.items() if not name.startswith("rm_head.")}
        width: int = self.body.config.text_config.hidden_size
        self.head = dense(named, LAYERS, width=width, source=FILE, rectified=True).to(device)

    def __call__(self, views: Sequence[View], /) -> list[Outcome]:
        """One outcome per view, in order."""
        if any(view.prompt is None for view in views):
            raise SpecialistError(NO_PROMPT)
        usable = [view for view in views if not too_long(view.image.rgb())]
        found = iter(in_batches(usable, self.scores, size=batch(self.device)))
        return [Declined(reason=TOO_LONG) if too_long(view.image.rgb()) else score(*next(found)) for view in views]

    @torch.inference_mode()
    def scores(self, views: Sequence[View]) -> list[tuple[float, float]]:
        """The mean and the logarithm of the standard deviation for each view."""
        prompts = [Prompt(self.text(view.prompt or ""), (view.image.rgb(),)) for view in views]
        rows = self.head(hidden_at(self.body, self.words, prompts, self.reward))
        return [(float(row[0]), float(row[1])) for row in rows]

    def text(self, prompt: str) -> str:
        """The conversation up to the answer, with the authors' instruction around `prompt`."""
        return self.words.chat(self.instruction.replace(PLACE, self.words.plain(prompt)), images=1)


def score(mean: float, logarithm: float) -> Outcome:
    """What one view is told."""
    return Measured(readings=(Reading(quantity="score", value=mean, sigma=spread(logarithm)),))
