"""Whether the picture shows what the prompt says: how sure a vision language model is of yes."""

from collections.abc import Sequence
from pathlib import Path

from PIL import Image

from autorater.assessment import Declined, Measured, Outcome, Reading
from autorater.toolbox import View
from autorater_tools._checkpoints import in_batches
from autorater_tools._level_words import yes_over_no, yes_tokens
from autorater_tools._lmm import ImageTextModel, brain_precision
from autorater_tools._prompts import need_prompts
from autorater_tools._sentences import split_claims

QUESTION = 'Does this figure show "{text}"? Please answer yes or no.'
MOST = 32
"""Claims of one prompt that are asked at most."""


class Vqascore:
    """VQAScore (Lin et al., ECCV 2024) on any image-text checkpoint, `weights/<variant>`."""

    def __init__(
        self, *, weights: Path, device: str = "cpu", variant: str = "qwen2.5-vl-7b", split: str = "none"
    ) -> None:
        self.model = ImageTextModel(weights / variant, device=device, dtype=brain_precision(device))
        self.yes, self.no = yes_tokens(self.model.tokenizer)
        self.split = split

    def __call__(self, views: Sequence[View], /) -> list[Outcome]:
        """One outcome per view, in order."""
        claims = [self.claims(prompt) for prompt in need_prompts(views, "the prompt is needed")]
        images = [view.image.rgb() for view in views]
        single = [(image, found[0]) for image, found in zip(images, claims, strict=True) if len(found) == 1]
        answers = iter(in_batches(single, self.ask))
        return [
            self.told(found, next(answers) if len(found) == 1 else self.each(image, found))
            for image, found in zip(images, claims, strict=True)
        ]

    def claims(self, prompt: str) -> list[str]:
        """What the prompt claims, without control tokens of the checkpoint."""
        return [self.model.plain(claim) for claim in split_claims(prompt, by=self.split)][:MOST]

    def ask(self, pairs: Sequence[tuple[Image.Image, str]]) -> list[tuple[list[float], list[float]]]:
        """P(yes) and mass of one claim each about many images."""
        prompts = [self.model.prompt(QUESTION.format(text=claim)) for _, claim in pairs]
        logits = self.model.next_logits([image for image, _ in pairs], prompts)
        return [([share], [mass]) for share, mass in zip(*yes_over_no(logits, self.yes, self.no), strict=True)]

    def each(self, image: Image.Image, claims: list[str]) -> tuple[list[float], list[float]]:
        """P(yes) and mass of many claims about one image, which is looked at once."""
        if not claims:
            return [], []
        prompts = [self.model.prompt(QUESTION.format(text=claim)) for claim in claims]
        return yes_over_no(self.model.logits_of_questions(image, prompts), self.yes, self.no)

    def told(self, claims: list[str], answers: tuple[list[float], list[float]]) -> Outcome:
        """The means, and each claim with its probability when there are several."""
        shares, masses = answers
        if not claims:
            return Declined(reason="the prompt claims nothing")
        lines = [f"{share:.2f} {claim}" for share, claim in zip(shares, claims, strict=True)]
        return Measured(
            readings=(
                Reading(quantity="alignment", value=round(sum(shares) / len(shares), 4)),
                Reading(quantity="weakest", value=round(min(shares), 4)),
                Reading(quantity="mass", value=round(sum(masses) / len(masses), 4)),
            ),
            text="; ".join(lines) if len(lines) > 1 else "",
        )
