"""LLaVA-Reward: which of two candidates of a prompt people would prefer, in the aspect that it was tuned on."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import yaml
from torch import Tensor

from autorater.assessment import Declined, Measured, Outcome, Reading
from autorater.errors import SpecialistError
from autorater.image import Picture
from autorater.toolbox import View
from autorater.vision_ops import allow_torchvision
from autorater_tools._lora import merge
from autorater_tools._qwen import TOO_LONG, Prompt, Words, half, last_and_seen, layer_name
from autorater_tools._rivals import Side, compare_rivals, remembered_rewards
from autorater_tools._skip_attention import preference, skip_attention
from autorater_tools._tensors import State, demand, fill, load_whole, read_tensors

FILE = "pytorch_model.bin"
PIXELS = (256 * 28 * 28, 1280 * 28 * 28)
TURN = "<|im_start|>user\n<|vision_start|><|image_pad|><|vision_end|>{prompt}<|im_end|>"
"""What the model reads: no system text, no instruction, and the closing token is the last."""
PROJECTOR = r"(?:^|\.)merger\.((?:ln_q|mlp\.[02])\.(?:weight|bias))$"
HEAD = r"(?:^|\.)(?:W_[qkv]|ca_layernorm|value_head)\.weight$"


@dataclass(frozen=True, slots=True)
class Form:
    """What `reward_config.yaml` says of a checkpoint."""

    general: bool
    crossed: bool
    temperature: float

    @property
    def rewards(self) -> int:
        """How many numbers the head gives."""
        return 2 if self.general else 1


class LlavaReward:
    """Zhou et al., ICCV 2025, on Qwen2.5-VL: LoRA, tuned projector, SkipCA head; one reward or a pair of numbers."""

    def __init__(self, *, device: str = "cpu", weights: Path, looks_back: bool = True) -> None:
        allow_torchvision()
        from transformers import Qwen2_5_VLForConditionalGeneration

        self.device, self.looks_back = device, looks_back
        self.key = ("llava-reward", str(weights), device, looks_back)
        self.form = read_form(weights / "reward" / "reward_config.yaml")
        self.words = Words(weights / "base", pixels=PIXELS)
        network = load_whole(Qwen2_5_VLForConditionalGeneration, weights / "base", device=device, dtype=half(device))
        self.body: Any = network.model
        state = read_tensors(weights / "reward" / FILE)
        others = [name for name in state if not re.search(rf"{PROJECTOR}|{HEAD}|lora_", name)]
        demand([], others, FILE)
        _fill_projector(self.body.visual.merger, state)
        merge(self.body, weights / "reward" / "lora", layer_name)
        self.head = skip_attention(
            state,
            crossed=self.form.crossed,
            width=self.body.config.text_config.hidden_size,
            rewards=self.form.rewards,
            device=device,
            source=FILE,
        )

    def __call__(self, views: Sequence[View], /) -> list[Outcome]:
        """One outcome per view, in order."""
        return compare_rivals(views, self.all_rewards, self.compare)

    def all_rewards(self, sides: Mapping[Side, Picture]) -> dict[Side, Tensor]:
        """The reward of every picture for its prompt; kept with the picture, since its rival asks for it again."""
        return remembered_rewards(sides, self.rewards, key=self.key, device=self.device)

    def compare(self, view: View, rewards: Mapping[Side, Tensor]) -> Outcome:
        """What one view is told."""
        prompt, rival = view.prompt or "", view.rival or view.image
        own, other = (rewards.get((picture.sha256, prompt)) for picture in (view.image, rival))
        if own is None or other is None:
            return Declined(reason=TOO_LONG)
        value = preference(own, other, temperature=self.form.temperature)
        alone = "" if self.form.general else f"Its own reward is {float(own[0]):.3f}, higher is better."
        return Measured(readings=(Reading(quantity="preference", value=value),), text=alone)

    @torch.inference_mode()
    def rewards(self, sides: Sequence[tuple[Picture, str]]) -> list[Tensor]:
        """The reward of each picture for its prompt, shape (1,) or (2,), on the CPU."""
        prompts = [
            Prompt(TURN.format(prompt=self.words.plain(prompt).strip()), (picture.rgb(),)) for picture, prompt in sides
        ]
        rows = last_and_seen(self.body, self.words, prompts)
        return [self.head(last, seen if self.looks_back else seen[:0]).cpu() for last, seen in rows]


def read_form(path: Path) -> Form:
    """The form of a checkpoint. Raises SpecialistError when the file cannot be read or asks for another form."""
    try:
        given: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
        general, crossed = bool(given["is_general_preference"]), bool(given["add_cross_attention"])
        size, temperature = int(given["value_head_dim"]), float(given["general_preference_tau"])
    except (OSError, ValueError, KeyError, TypeError, yaml.YAMLError) as error:
        raise SpecialistError(
            f"{path.name} cannot be read ({type(error).__name__}): bring the whole folder of the checkpoint"
        ) from error
    if (general and size != 2) or temperature <= 0:
        raise SpecialistError(
            f"{path.name} asks for {size} numbers and a temperature of {temperature}; 2 and more than 0 are expected"
        )
    return Form(general, crossed, temperature)


def _fill_projector(merger: Any, state: State) -> None:
    """The tuned projector, which the authors' file holds whatever stands before its names."""
    named = {match[1]: tensor for name, tensor in state.items() if (match := re.search(PROJECTOR, name))}
    fill(merger, named, source=FILE)
