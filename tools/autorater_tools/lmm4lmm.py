"""Opinion scores of generated pictures as LMM4LMM gives them: a level word and a score head on an InternVL."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from PIL import Image

from autorater.assessment import Measured, Outcome, Reading
from autorater.errors import SpecialistError
from autorater.toolbox import View
from autorater_tools._checkpoints import in_batches
from autorater_tools._level_words import expected_level, next_tokens
from autorater_tools._lmm import ImageTextModel, brain_precision
from autorater_tools._prompts import need_prompts

WORDS = ("excellent", "good", "fair", "poor", "bad")
SIDE = 1024
"""Every image is squashed to this square first, as in the official code; then it is cut into tiles."""
TILES = 6
"""At most, beside the thumbnail (`max_dynamic_patch`); a converted checkpoint may tell InternVL's own 12."""
LAYERS = 5
ASKED = {
    "perception": ("How would you rate the quality of this image?", "The quality of the image is"),
    "correspondence": (
        "How would you rate the correspondence of this image and its prompt? prompt: {prompt}",
        "The correspondence of the image and its prompt is",
    ),
}
"""The question and how the answer begins; the head reads the state of its last token, before the level word."""


class Lmm4Lmm:
    """LMM4LMM (Wang et al., 2025): `weights/<variant>/` in transformers' layout, the head `<variant>.safetensors`."""

    def __init__(self, *, weights: Path, device: str = "cpu", variant: str = "correspondence") -> None:
        self.model = ImageTextModel(weights / variant, device=device, dtype=brain_precision(device))
        cutting = self.model.processor.image_processor
        cutting.crop_to_patches, cutting.min_patches, cutting.max_patches = True, 1, TILES
        self.head = load_head(weights / f"{variant}.safetensors", self.model.network)
        self.question, self.start = ASKED[variant]
        self.wants_prompt = variant == "correspondence"
        self.words = next_tokens(self.model.tokenizer, self.start, WORDS)

    def __call__(self, views: Sequence[View], /) -> list[Outcome]:
        """One outcome per view, in order."""
        if self.wants_prompt:
            need_prompts(views, "the prompt is needed")
        pairs = [(view.image.rgb(), self.model.plain(view.prompt or "")) for view in views]
        return in_batches(pairs, self.measure)

    def measure(self, pairs: Sequence[tuple[Image.Image, str]]) -> list[Outcome]:
        """The head's score, the expected level and the words' mass for each image."""
        images = [image.resize((SIDE, SIDE)) for image, _ in pairs]
        prompts = [self.model.prompt(self.question.format(prompt=prompt)) for _, prompt in pairs]
        with torch.inference_mode():
            states = self.model.next_states(images, prompts, answer=self.start)
            scores = [float(one) for one in score(self.head, states)]
            levels, masses = expected_level(self.model.network.lm_head(states), self.words)
        return [
            Measured(
                readings=(
                    Reading(quantity="score", value=round(value, 3)),
                    Reading(quantity="level", value=round(level, 4)),
                    Reading(quantity="mass", value=round(mass, 4)),
                )
            )
            for value, level, mass in zip(scores, levels, masses, strict=True)
        ]


def load_head(file: Path, network: Any) -> list[tuple[torch.Tensor, torch.Tensor]]:
    """The five layers (weight, bias) of the head, `mlpscore.fc1` to `mlpscore.fc5`, beside the network.

    Raises:
        SpecialistError: the file is missing or damaged, lacks a layer, or does not fit the network.

    """
    from safetensors import SafetensorError
    from safetensors.torch import load

    try:
        found = load(file.read_bytes())
    except (OSError, SafetensorError) as error:
        raise SpecialistError(f"{file.name} cannot be read ({error}): bring in the score head again") from error
    layers: list[tuple[torch.Tensor, torch.Tensor]] = []
    width = network.config.get_text_config().hidden_size
    for index in range(1, LAYERS + 1):
        weight, bias = (found.get(f"mlpscore.fc{index}.{part}") for part in ("weight", "bias"))
        if weight is None or bias is None or weight.shape != (len(bias), width):
            raise SpecialistError(
                f"{file.name}: mlpscore.fc{index} is missing or does not take {width} numbers: "
                "expected the score head of this checkpoint"
            )
        width = len(bias)
        layers.append((weight.to(network.device, torch.float32), bias.to(network.device, torch.float32)))
    if width != 1:
        raise SpecialistError(f"{file.name}: mlpscore.fc{LAYERS} gives {width} numbers, expected one")
    return layers


def score(head: Sequence[tuple[torch.Tensor, torch.Tensor]], states: torch.Tensor) -> torch.Tensor:
    """The scores (images,) of states (images, width): linear layers, each followed by a ReLU, the last one too."""
    values = states.float()
    for weight, bias in head:
        values = torch.nn.functional.linear(values, weight, bias).relu()
    return values[:, 0]
