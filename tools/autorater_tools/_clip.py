"""CLIP on transformers: unit embeddings of pictures and texts, each computed once, for the scores that stand on it.

Radford et al., "Learning Transferable Visual Models From Natural Language Supervision", ICML 2021.
"""

from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional

from autorater.assessment import Measured, Outcome, Reading
from autorater.image import Picture
from autorater.toolbox import View
from autorater.vision_ops import allow_torchvision
from autorater_tools._checkpoints import in_batches, load_pretrained, precision
from autorater_tools._prompts import need_prompts
from autorater_tools._tensors import load_whole

MEAN = (0.48145466, 0.4578275, 0.40821073)
DEVIATION = (0.26862954, 0.26130258, 0.27577711)
TEXTS = 256
"""Embeddings of texts that are kept: a run asks for few prompts, many times each."""
Prepare = Callable[[Image.Image, int], Tensor]


@dataclass(frozen=True, slots=True)
class Text:
    """The unit embedding of a text, shape (width,), and how many tokens it had before it was cut to the limit."""

    embedding: Tensor
    tokens: int


class Clip:
    """One CLIP model with its tokenizer. `model` is a transformers CLIPModel on `device`; `key` names its weights.

    `prepare` makes of a picture and the side of the model's square what it sees, shape (3, side, side). `scale` is what
    the cosine was multiplied by in training.
    """

    def __init__(
        self,
        model: Any,
        tokenizer: Any,
        *,
        device: str,
        key: str,
        prepare: "Prepare | None" = None,
        scale: float = 1.0,
    ) -> None:
        self.model = model
        self.tokenizer = tokenizer
        self.device = device
        self.key = ("clip", key, device)
        self.prepare = prepare or to_pixels
        self.scale = scale
        self.side: int = model.config.vision_config.image_size
        self.limit: int = model.config.text_config.max_position_embeddings
        self.texts: OrderedDict[str, Text] = OrderedDict()

    def picture_embeddings(self, pictures: Sequence[Picture]) -> Tensor:
        """Unit embeddings, shape (pictures, width), float32 on the CPU; kept with each picture."""
        kept = [picture.remember(self.key, dict[str, Tensor]) for picture in pictures]
        new = {picture.sha256: picture for picture, memory in zip(pictures, kept, strict=True) if not memory}
        rows = dict(zip(new, in_batches(list(new.values()), self._pictures, size=batch(self.device)), strict=True))
        for picture, memory in zip(pictures, kept, strict=True):
            if not memory:
                memory["embedding"] = rows[picture.sha256]
        return torch.stack([memory["embedding"] for memory in kept])

    def text(self, text: str) -> Text:
        """The embedding of `text`, cut at the model's limit of tokens (77) as its authors cut it."""
        if text not in self.texts:
            self.texts[text] = self._text(text)
            if len(self.texts) > TEXTS:
                self.texts.popitem(last=False)
        self.texts.move_to_end(text)
        return self.texts[text]

    def cosines(self, views: Sequence[View], *, before: str = "") -> list[tuple[float, Text]]:
        """The cosine (-1 to 1) of every view's image and prompt (after the words `before`), with the text's embedding.

        Raises:
            SpecialistError: a view has no prompt.

        """
        texts = [self.text(before + prompt) for prompt in need_prompts(views)]
        pictures = self.picture_embeddings([view.image for view in views])
        found = (pictures * torch.stack([text.embedding for text in texts])).sum(-1).clamp(-1, 1)
        return [(float(cosine), text) for cosine, text in zip(found, texts, strict=True)]

    @torch.inference_mode()
    def _pictures(self, pictures: Sequence[Picture]) -> list[Tensor]:
        pixels = torch.stack([self.prepare(picture.rgb(), self.side) for picture in pictures])
        features = self.model.get_image_features(pixel_values=pixels.to(self.device, self.model.dtype)).pooler_output
        return list(functional.normalize(features.float(), dim=-1).cpu())

    @torch.inference_mode()
    def _text(self, text: str) -> Text:
        tokens = len(self.tokenizer(text, verbose=False).input_ids)
        cut = self.tokenizer(text, truncation=True, max_length=self.limit, return_tensors="pt")
        features = self.model.get_text_features(input_ids=cut.input_ids.to(self.device)).pooler_output
        return Text(functional.normalize(features.float(), dim=-1)[0].cpu(), tokens)


def batch(device: str) -> int:
    """Pictures that go through a model at once: on the CPU one, which is as fast and gives the same digits alone."""
    return 16 if device.startswith("cuda") else 1


def load_clip(folder: Path, *, device: str, words: Path | None = None, floor: bool = False) -> Clip:
    """The CLIP of a checkpoint folder; its tokenizer is in `words` when it lies elsewhere."""
    allow_torchvision()
    from transformers import CLIPModel

    model = load_whole(CLIPModel, folder, device="cpu", ignored=("position_ids",))
    scale = float(model.logit_scale.detach().exp())  # of float32: a half of the logarithm is up to 0.2 % beside it
    model.to(device, precision(device))
    prepare = partial(to_pixels, floor=floor)
    return Clip(model, load_words(words or folder), device=device, key=str(folder), prepare=prepare, scale=scale)


def load_words(folder: Path) -> Any:
    """The tokenizer of a CLIP checkpoint folder."""
    from transformers import CLIPTokenizer

    return load_pretrained(CLIPTokenizer, folder)


def central_square(image: Image.Image, side: int, *, floor: bool = False) -> Image.Image:
    """`image` with its shorter side resized to `side` (bicubic), then the square in the middle.

    Only the pixels of the square are computed, so that a ribbon costs no more than a square. Where the margins are not
    equal the left and upper one is rounded, as in torchvision, or rounded down (`floor`), as in transformers.
    """
    scale = side / min(image.size)
    sizes = [side if length == min(image.size) else int(side * length / min(image.size)) for length in image.size]
    margins = [(size - side) // 2 if floor else round((size - side) / 2) for size in sizes]
    steps = [length / size for length, size in zip(image.size, sizes, strict=True)]
    left, top = (margin * step for margin, step in zip(margins, steps, strict=True))
    if scale == 1 and margins == [0, 0] and image.width == image.height:
        return image
    box = (left, top, min(image.width, left + side * steps[0]), min(image.height, top + side * steps[1]))
    return image.resize((side, side), Image.Resampling.BICUBIC, box=box)


def to_pixels(image: Image.Image, side: int, *, floor: bool = False) -> Tensor:
    """What CLIP sees: the central square of `side` pixels, normalised, shape (3, side, side), float32."""
    levels = np.asarray(central_square(image, side, floor=floor), dtype=np.float32) / 255
    return normalised(torch.as_tensor(levels).permute(2, 0, 1))


def normalised(pixels: Tensor) -> Tensor:
    """Pixels 0 to 1, shape (3, height, width), in the scale that CLIP was trained on."""
    mean, deviation = (torch.tensor(values).view(3, 1, 1) for values in (MEAN, DEVIATION))
    return (pixels - mean) / deviation


def scored(clip: Clip, views: Sequence[View], score: Callable[[float], float], *, before: str = "") -> list[Outcome]:
    """One `Measured` a view with the quantity `score`: `score` of the cosine; the text says when the prompt was cut."""
    return [
        Measured(readings=(Reading(quantity="score", value=score(cosine)),), text=told_cut(text.tokens, clip.limit))
        for cosine, text in clip.cosines(views, before=before)
    ]


def told_cut(tokens: int, limit: int) -> str:
    """A sentence when a prompt of `tokens` tokens was cut to `limit`, else nothing."""
    if tokens <= limit:
        return ""
    return f"The prompt has {tokens} tokens and was cut: the score is for its first {limit} tokens."
