"""Image quality as Q-SiT sees it: a LLaVA-OneVision that says one of five words, and how sure it is of each."""

from collections.abc import Sequence
from pathlib import Path

from PIL import Image

from autorater.assessment import Measured, Outcome, Reading
from autorater.toolbox import View
from autorater_tools._checkpoints import in_batches
from autorater_tools._level_words import expected_level, first_tokens, split_words
from autorater_tools._lmm import ImageTextModel

QUESTION = (
    "Assume you are an image quality evaluator. \nYour rating should be chosen from the following five categories: "
    "Excellent, Good, Fair, Poor, and Bad (from high to low). \nHow would you rate the quality of this image?"
)
"""As published, the spaces before the line breaks included; the image follows it."""
PREFIX = "The quality of this image is "
WORDS = "Excellent,Good,Fair,Poor,Bad"
LONGEST = 200
"""Tokens of an answer in words, as published."""


class Qsit:
    """Q-SiT (Zhang et al., 2025), `weights/7b` or `weights/mini`."""

    def __init__(
        self,
        *,
        weights: Path,
        device: str = "cpu",
        variant: str = "7b",
        prefix: str = PREFIX,
        words: str = WORDS,
        describe: str = "",
    ) -> None:
        chosen = split_words(words, count=5)
        self.model = ImageTextModel(weights / variant, device=device)
        self.words = first_tokens(self.model.tokenizer, chosen)
        self.prefix = prefix
        self.prompt = self.model.prompt(QUESTION, image_first=False)
        self.question = self.model.prompt(describe, image_first=False) if describe else ""

    def __call__(self, views: Sequence[View], /) -> list[Outcome]:
        """One outcome per view, in order."""
        return in_batches([view.image.rgb() for view in views], self.measure)

    def measure(self, images: Sequence[Image.Image]) -> list[Outcome]:
        """The expected level of the five words for each image, and their probability mass."""
        logits = self.model.next_logits(images, [self.prompt] * len(images), answer=self.prefix)
        scores, masses = expected_level(logits, self.words)
        texts = [self.model.write(image, self.question, tokens=LONGEST) if self.question else "" for image in images]
        return [
            Measured(
                readings=(
                    Reading(quantity="quality", value=round(score, 4)),
                    Reading(quantity="mass", value=round(mass, 4)),
                ),
                text=text,
            )
            for score, mass, text in zip(scores, masses, texts, strict=True)
        ]
