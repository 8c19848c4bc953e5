"""Qwen2-VL and Qwen2.5-VL as the body of a reward model: conversations as tensors, and what they become in it."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from torch import Tensor

from autorater.vision_ops import allow_torchvision
from autorater_tools._checkpoints import load_pretrained

LONGEST = 200
"""Pictures that are longer than this many times their shorter side are refused by the models' own resizing."""
TOO_LONG = "the picture is more than 200 times as long as it is wide, which the model's resizing refuses"


@dataclass(frozen=True, slots=True)
class Prompt:
    """One conversation as text, image placeholders included, and its images in order."""

    text: str
    images: tuple[Image.Image, ...]


class Words:
    """Tokenizer, image processor and chat format of a checkpoint folder.

    Images are brought to `pixels` (least, most) pixels, or to what the checkpoint says; `more` are tokens to add.
    """

    def __init__(self, folder: Path, *, pixels: tuple[int, int] | None = None, more: Sequence[str] = ()) -> None:
        allow_torchvision()
        from transformers import AutoProcessor, Qwen2VLImageProcessorPil

        self.processor: Any = load_pretrained(AutoProcessor, folder)
        self.processor.image_processor = load_pretrained(Qwen2VLImageProcessorPil, folder)
        if pixels:
            self.processor.image_processor.size = {"shortest_edge": pixels[0], "longest_edge": pixels[1]}
        self.tokenizer: Any = self.processor.tokenizer
        if more:
            self.tokenizer.add_special_tokens({"additional_special_tokens": list(more)})

    def id(self, token: str) -> int:
        """The number of a token."""
        return int(self.tokenizer.convert_tokens_to_ids(token))

    def plain(self, text: str) -> str:
        """`text` from outside, in which control tokens (`<|im_end|>`) are broken by a space."""
        tokens = [str(token.content) for token in self.tokenizer.added_tokens_decoder.values() if token.special]
        pattern = "|".join(re.escape(token) for token in sorted(tokens, key=len, reverse=True)) or "(?!)"
        return re.sub(pattern, lambda match: f"{match[0][0]} {match[0][1:]}", text)

    def chat(self, text: str, *, images: int) -> str:
        """One user turn with `images` images before `text`, up to where the answer would begin."""
        content: list[dict[str, str]] = [{"type": "image"}] * images
        turn = {"role": "user", "content": [*content, {"type": "text", "text": text}]}
        return str(self.processor.apply_chat_template([turn], tokenize=False, add_generation_prompt=True))

    def inputs(self, prompts: Sequence[Prompt], *, side: str = "right") -> Mapping[str, Tensor]:
        """The prompts as tensors; shorter rows are filled up on the right, where nothing that is read can see it.

        To write on, they are filled up on the left.
        """
        images = [list(prompt.images) for prompt in prompts]
        texts = [prompt.text for prompt in prompts]
        found = self.processor(text=texts, images=images, padding=True, padding_side=side, return_tensors="pt")
        return dict(found)


def too_long(image: Image.Image) -> bool:
    """Whether the models' resizing refuses a picture of this shape."""
    return max(image.size) > LONGEST * min(image.size)


def half(device: str) -> torch.dtype:
    """bfloat16 on a GPU, in which these models were trained; float32 on the CPU."""
    return torch.bfloat16 if device.startswith("cuda") else torch.float32


@torch.inference_mode()
def last_and_seen(body: Any, words: Words, prompts: Sequence[Prompt]) -> list[tuple[Tensor, Tensor]]:
    """For every prompt what the last layer holds at its last token, (width,), and its image tokens, (tokens, width).

    Image tokens are those that enter the language network, after the projector; both are float32. Positions are counted
    in three dimensions, as the network does by itself.
    """
    inputs = {name: tensor.to(body.device) for name, tensor in words.inputs(prompts).items()}
    inputs["pixel_values"] = inputs["pixel_values"].to(body.dtype)
    output = body(**inputs, output_hidden_states=True, use_cache=False)
    ends = inputs["attention_mask"].sum(1) - 1
    image = inputs["input_ids"] == body.config.image_token_id
    return [
        (output.last_hidden_state[row, end].float(), output.hidden_states[0][row, image[row]].float())
        for row, end in enumerate(ends)
    ]


def layer_name(name: str) -> str:
    """The name in the body of a layer that an adapter names as transformers did before 4.52, or does today."""
    for old, new in {"model.language_model.": "language_model.", "model.visual.": "visual."}.items():
        if name.startswith(old):
            return new + name.removeprefix(old)
    return f"language_model.{name.removeprefix('model.')}" if name.startswith("model.") else name
