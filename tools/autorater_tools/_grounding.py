"""What both implementations of Grounding DINO share: caption, picture, and which box is of which phrase.

Liu et al., Grounding DINO (ECCV 2024). A caption is phrases in lower case, each followed by a full stop; the network
gives for each of its queries a box and one logit for each token of the caption.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from autorater.errors import SpecialistError
from autorater.vision_ops import allow_torchvision
from autorater_tools._boxes import Box, corners_within, without_doubles
from autorater_tools._checkpoints import load_model, load_pretrained

DOUBLE = 0.7
"""Two boxes of one phrase that overlap by more than this are one thing: the network itself removes no doubles."""
MOST_TOKENS = 256
"""Of a caption, its two end marks included (`max_text_len`): more would be cut silently."""


@dataclass(frozen=True, slots=True)
class Caption:
    """What the text encoder reads, and where in it each phrase lies."""

    phrases: tuple[str, ...]
    cut: tuple[str, ...]
    """The phrases for which there was no room."""
    tokens: tuple[int, ...]
    spans: tuple[tuple[int, int], ...]
    """For each phrase its first token and the one after its last."""

    @property
    def text(self) -> str:
        """The caption as the original code takes it."""
        return " . ".join(self.phrases) + " ."


@dataclass(frozen=True, slots=True)
class Sighting:
    """What was found in one picture: the boxes, best first, and for each phrase its best score, kept or not."""

    boxes: tuple[Box, ...]
    best: dict[str, float]
    cut: tuple[str, ...]


class Network(Protocol):
    """One implementation with its weights. Not a specialist: it knows nothing of requests."""

    tokenizer: Any
    preparation: "Preparation"
    device: str

    def __call__(self, pixels: Tensor, captions: Sequence[Caption]) -> tuple[Tensor, Tensor]:
        """Logits (n, queries, tokens) and boxes (n, queries, 4) as centre and size, for pixels (n, 3, h, w)."""
        ...


def caption_of(phrases: Sequence[str], tokenizer: Any) -> Caption:
    """The caption of these phrases; those that do not fit in 256 tokens are left out and named."""
    stop = tokenizer.convert_tokens_to_ids(".")
    tokens: list[int] = [tokenizer.cls_token_id]
    kept: list[str] = []
    spans: list[tuple[int, int]] = []
    cut: list[str] = []
    for phrase in phrases:
        own: list[int] = tokenizer(phrase, add_special_tokens=False)["input_ids"]
        if not own or len(tokens) + len(own) + 2 > MOST_TOKENS:
            cut.append(phrase)
            continue
        kept.append(phrase)
        spans.append((len(tokens), len(tokens) + len(own)))
        tokens += [*own, stop]
    return Caption(tuple(kept), tuple(cut), (*tokens, tokenizer.sep_token_id), tuple(spans))


@dataclass(frozen=True, slots=True)
class Preparation:
    """How a picture becomes input: its shorter side, the most of its longer side, mean and deviation of channels."""

    shorter: int = 800
    longer: int = 1333
    mean: tuple[float, ...] = (0.485, 0.456, 0.406)
    deviation: tuple[float, ...] = (0.229, 0.224, 0.225)

    @staticmethod
    def of(folder: Path) -> "Preparation":
        """As the checkpoint's preprocessor_config.json says. Raises SpecialistError when it is damaged."""
        try:
            told: dict[str, Any] = json.loads((folder / "preprocessor_config.json").read_text(encoding="utf-8"))
            size: dict[str, int] = told["size"]
            return Preparation(
                size["shortest_edge"], size["longest_edge"], tuple(told["image_mean"]), tuple(told["image_std"])
            )
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise SpecialistError(
                f"{folder.name!r} has no preprocessor_config.json that can be read ({error!r}): "
                "fetch it again with `autorater tools pull grounding_dino`"
            ) from error

    def size(self, width: int, height: int) -> tuple[int, int]:
        """Width and height that the network sees; proportions are kept but for rounding."""
        short, long = sorted((width, height))
        side = min(float(self.shorter), self.longer * short / long)
        first, second = max(1, round(side)), max(1, int(side * long / short))
        return (first, second) if width < height else (second, first)

    def __call__(self, image: Image.Image) -> Tensor:
        """Shape (3, height, width), bilinear with antialiasing as the official code resizes."""
        resized = image.resize(self.size(*image.size), Image.Resampling.BILINEAR)
        pixels = np.asarray(resized, dtype=np.float32) / 255
        pixels = (pixels - np.array(self.mean, np.float32)) / np.array(self.deviation, np.float32)
        return torch.tensor(pixels.transpose(2, 0, 1))


def sighting(logits: Tensor, boxes: Tensor, caption: Caption, *, box: float, text: float) -> Sighting:
    """Boxes with one phrase each.

    A query is kept when its greatest probability over all tokens is above `box`. It belongs to the phrase whose tokens
    hold the greatest probability, and is dropped when that is not above `text`: so labels never merge.
    """
    probabilities = logits[:, : len(caption.tokens)].float().sigmoid().cpu()
    each = torch.stack([probabilities[:, start:end].amax(1) for start, end in caption.spans], dim=1)
    scores, owners = each.max(1)
    places: list[list[float]] = boxes.float().cpu().numpy().tolist()
    found = [
        Box(caption.phrases[int(owners[row])], round(float(scores[row]), 4), _corners(places[row]))
        for row in range(len(places))
        if float(probabilities[row].max()) > box and float(scores[row]) > text
    ]
    best = {phrase: round(float(each[:, place].max()), 4) for place, phrase in enumerate(caption.phrases)}
    return Sighting(tuple(without_doubles(found, limit=DOUBLE)), best, caption.cut)


def _corners(place: Sequence[float]) -> tuple[float, float, float, float]:
    across, down, wide, high = place
    return corners_within(across - wide / 2, down - high / 2, across + wide / 2, down + high / 2)


class Ported:
    """The port in transformers: Grounding DINO, MM-Grounding-DINO and LLMDet, whichever the folder holds."""

    def __init__(self, folder: Path, *, device: str) -> None:
        allow_torchvision()
        from transformers import AutoModelForZeroShotObjectDetection, AutoTokenizer

        self.device = device
        self.preparation = Preparation.of(folder)
        self.tokenizer: Any = load_pretrained(AutoTokenizer, folder)
        self.model: Any = load_model(AutoModelForZeroShotObjectDetection, folder, device=device)

    @torch.inference_mode()
    def __call__(self, pixels: Tensor, captions: Sequence[Caption]) -> tuple[Tensor, Tensor]:
        """See `Network`."""
        length = max(len(caption.tokens) for caption in captions)
        tokens = torch.full((len(captions), length), self.tokenizer.pad_token_id, dtype=torch.long)
        mask = torch.zeros_like(tokens)
        for row, caption in enumerate(captions):
            tokens[row, : len(caption.tokens)] = torch.tensor(caption.tokens)
            mask[row, : len(caption.tokens)] = 1
        given = {"input_ids": tokens, "attention_mask": mask, "token_type_ids": torch.zeros_like(tokens)}
        seen = torch.ones((len(pixels), *pixels.shape[2:]), dtype=torch.long)
        outputs = self.model(
            pixel_values=pixels.to(self.device, self.model.dtype),
            pixel_mask=seen.to(self.device),
            **{name: value.to(self.device) for name, value in given.items()},
        )
        return outputs.logits, outputs.pred_boxes
