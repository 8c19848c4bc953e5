"""EditReward: how well an edit follows its instruction and how good it looks, by a VLM with a head for each."""

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from autorater.assessment import Declined, Measured, Outcome, Reading
from autorater.toolbox import View
from autorater_tools._checkpoints import in_batches
from autorater_tools._clip import batch
from autorater_tools._edits import need_edits, refused
from autorater_tools._heads import dense
from autorater_tools._prompt_texts import PLACE, read_texts, with_place
from autorater_tools._qwen import TOO_LONG, Prompt
from autorater_tools._reward_token import RewardToken, spread
from autorater_tools._tensors import demand, under

ASPECTS = {"following": "INSTRUCTION_EDIT_FOLLOWING", "quality": "INSTRUCTION_EDIT_QUALITY"}
"""Aspect → its instruction in the authors' file, in the order of the heads."""
LAYERS = ("0", "3", "5")
FILES = ("model.safetensors", "model.pth")


class EditReward:
    """Wu et al., "EditReward", 2025: MiMo-VL-7B or Qwen2.5-VL-7B, one prompt and one ranknet head an aspect.

    overall is the mean of the two aspects, its spread the geometric mean of theirs, as in the authors' configuration.
    """

    def __init__(self, *, device: str = "cpu", weights: Path, base: str = "mimo-vl") -> None:
        self.device = device
        texts = read_texts(weights / "prompts.py", tuple(ASPECTS.values()))
        ending = read_texts(weights / "data_collator_qwen_edit.py", ("prompt_with_special_token",))
        behind = ending["prompt_with_special_token"]
        self.instructions = [with_place(texts[name]) + behind for name in ASPECTS.values()]
        folder = weights / f"reward-{base}"
        file = next((folder / name for name in FILES if (folder / name).is_file()), folder / FILES[0])
        self.network = RewardToken(weights / base, file, device=device)
        starts = tuple(f"rm_heads.head_{number}." for number in range(len(ASPECTS)))
        demand([], [name for name in self.network.heads if not name.startswith(starts)], file.name)
        states = [under(self.network.heads, start) for start in starts]
        width = self.network.width
        self.heads = [dense(one, LAYERS, width=width, source=file.name, rectified=True).to(device) for one in states]

    def __call__(self, views: Sequence[View], /) -> list[Outcome]:
        """One outcome per view, in order; the first source is the one that was edited."""
        need_edits(views)
        usable = [view for view in views if not refused(view)]
        found = iter(in_batches(usable, self.scores, size=batch(self.device)))
        return [Declined(reason=TOO_LONG) if refused(view) else told(next(found)) for view in views]

    @torch.inference_mode()
    def scores(self, views: Sequence[View]) -> list[Tensor]:
        """For each view (aspects, 2): the mean and the logarithm of the spread of each aspect, float32 on the CPU."""
        aspects: list[Tensor] = []
        for instruction, head in zip(self.instructions, self.heads, strict=True):
            prompts = [self.prompt(view, instruction) for view in views]
            aspects.append(head(self.network.hidden(prompts)).cpu())
        return list(torch.stack(aspects, dim=1))

    def prompt(self, view: View, instruction: str) -> Prompt:
        """The conversation: source, edit, and the authors' instruction around the edit instruction."""
        text = instruction.replace(PLACE, self.network.words.plain(view.prompt or ""))
        return Prompt(self.network.words.chat(text, images=2), (view.sources[0].rgb(), view.image.rgb()))


def told(rows: Tensor) -> Outcome:
    """The readings for (aspects, 2): every aspect, and overall."""
    named = dict(zip((*ASPECTS, "overall"), (*rows, rows.mean(0)), strict=True))
    return Measured(
        readings=tuple(
            Reading(quantity=name, value=float(row[0]), sigma=spread(float(row[1]))) for name, row in named.items()
        )
    )
