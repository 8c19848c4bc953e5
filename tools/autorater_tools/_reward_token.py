"""Reward models that put a token of their own behind the prompt and read what the network holds there."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from autorater.errors import SpecialistError
from autorater_tools._checkpoints import load_pretrained
from autorater_tools._qwen import Prompt, Words, half
from autorater_tools._tensors import State, assemble, read_tensors

REWARD = "<|Reward|>"
PIXELS = 256 * 28 * 28
"""Of every image, more or fewer are resized to that area."""


class RewardToken:
    """The network of `base` (configuration, tokenizer) with the tensors of `file`, and the token that it was taught.

    `heads` are the tensors of the file that are neither of the network nor its unused layer over the vocabulary.
    """

    def __init__(self, base: Path, file: Path, *, device: str) -> None:
        self.words = Words(base, pixels=(PIXELS, PIXELS), more=(REWARD,))
        self.token = self.words.id(REWARD)
        state = read_tensors(file)
        self.heads = heads_of(state)
        self.body = load_body(base, body_of(state), device=device, dtype=half(device), source=file.name)
        self.width: int = self.body.config.text_config.hidden_size
        if self.token >= self.body.config.text_config.vocab_size:
            raise SpecialistError(f"{file.name} has no place for {REWARD}: the tokenizer is of another version")

    def hidden(self, prompts: Sequence[Prompt]) -> Tensor:
        """What the last layer holds at the token of each prompt, shape (prompts, width), float32."""
        return hidden_at(self.body, self.words, prompts, self.token)


def body_of(state: State) -> dict[str, Tensor]:
    """The tensors of the vision and the language part, as transformers names them today; heads are left out.

    Checkpoints of transformers before 4.52 have `visual.` and `model.`, later ones `model.visual.` and
    `model.language_model.`.
    """
    new = any(name.startswith("model.language_model.") for name in state)
    parts = {"model.": ""} if new else {"visual.": "visual.", "model.": "language_model."}
    result: dict[str, Tensor] = {}
    for name, tensor in state.items():
        for old, other in parts.items():
            if name.startswith(old):
                result[other + name.removeprefix(old)] = tensor
                break
    return result


def heads_of(state: State) -> dict[str, Tensor]:
    """What is neither of the body nor the unused layer over the vocabulary: the reward heads."""
    return {name: tensor for name, tensor in state.items() if not name.startswith(("model.", "visual.", "lm_head."))}


def load_body(folder: Path, state: State, *, device: str, dtype: torch.dtype, source: str) -> Any:
    """The network of the configuration in `folder` with the tensors of `body_of`, without its layer over the words.

    Raises:
        SpecialistError: the configuration cannot be read, or tensors are missing or left over.

    """
    from transformers import AutoConfig, Qwen2_5_VLModel, Qwen2VLModel

    config = load_pretrained(AutoConfig, folder)
    models: dict[str, Any] = {"qwen2_vl": Qwen2VLModel, "qwen2_5_vl": Qwen2_5_VLModel}
    if config.model_type not in models:
        raise SpecialistError(f"{folder.name!r} is a {config.model_type}, expected one of {', '.join(models)}")
    words = state.get("language_model.embed_tokens.weight")
    if words is not None:
        config.text_config.vocab_size = words.shape[0]  # a token was added, which resizes the table of words
    return assemble(models[config.model_type], config, state, device=device, dtype=dtype, source=source)


@torch.inference_mode()
def hidden_at(body: Any, words: Words, prompts: Sequence[Prompt], token: int) -> Tensor:
    """What the last layer holds at the one place of `token` in every prompt, shape (prompts, width), float32.

    Tokens are counted one after the other, those of images too. The reward models that are read so were trained with
    that: their forward pass skips the positions in three dimensions that these networks use when they write.
    """
    inputs = words.inputs(prompts)
    ids = inputs["input_ids"].to(body.device)
    places = ids == token
    if not bool((places.sum(1) == 1).all()):
        raise SpecialistError("the prompt holds the reward token not exactly once: the authors' prompt was changed")
    output = body(
        input_ids=ids,
        attention_mask=inputs["attention_mask"].to(body.device),
        position_ids=torch.arange(ids.shape[1], device=body.device).expand(3, *ids.shape),
        pixel_values=inputs["pixel_values"].to(body.device, body.dtype),
        image_grid_thw=inputs["image_grid_thw"].to(body.device),
        use_cache=False,
    )
    return output.last_hidden_state[places].float()


def spread(logarithm: float) -> float | None:
    """exp(`logarithm`), the standard deviation that a head predicts, or None when that is no usable number."""
    value = math.exp(min(logarithm, 700.0))
    return value if math.isfinite(value) and value < 1e6 else None
