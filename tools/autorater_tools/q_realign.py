"""Image quality or aesthetics as Q-ReAlign sees them: a Qwen3.5-VL tuned to end a sentence with one of five words."""

from collections.abc import Sequence
from pathlib import Path

from PIL import Image

from autorater.assessment import Measured, Outcome, Reading
from autorater.toolbox import View
from autorater_tools._checkpoints import in_batches
from autorater_tools._level_words import expected_level, next_tokens
from autorater_tools._lmm import ImageTextModel, brain_precision

TASKS = {
    "quality": ("How would you rate the quality of this image?", "The quality of the image is"),
    "aesthetics": ("How would you rate the aesthetics of this image?", "The aesthetics of the image is"),
}
"""The question and how the answer begins, as in training."""
WORDS = ("excellent", "good", "fair", "poor", "bad")


class QRealign:
    """Q-ReAlign (Q-Future/Q-ReAlign), `weights/<variant>`."""

    def __init__(self, *, weights: Path, device: str = "cpu", variant: str = "lite-4b", task: str = "quality") -> None:
        self.model = ImageTextModel(weights / variant, device=device, dtype=brain_precision(device))
        question, self.start = TASKS[task]
        self.words = next_tokens(self.model.tokenizer, self.start, WORDS)
        self.prompt = self.model.prompt(question)

    def __call__(self, views: Sequence[View], /) -> list[Outcome]:
        """One outcome per view, in order."""
        return in_batches([view.image.rgb() for view in views], self.measure)

    def measure(self, images: Sequence[Image.Image]) -> list[Outcome]:
        """The expected level of the five words for each image, and their probability mass."""
        logits = self.model.next_logits(images, [self.prompt] * len(images), answer=self.start)
        return [
            Measured(
                readings=(
                    Reading(quantity="level", value=round(score, 4)),
                    Reading(quantity="mass", value=round(mass, 4)),
                )
            )
            for score, mass in zip(*expected_level(logits, self.words), strict=True)
        ]
