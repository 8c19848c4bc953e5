"""VisionReward's thirty questions about a picture, asked of another vision language model, in its weighted sum."""

from collections.abc import Sequence
from pathlib import Path

from PIL import Image

from autorater.assessment import Declined, Measured, Outcome, Reading
from autorater.toolbox import View
from autorater_tools._level_words import yes_over_no, yes_tokens
from autorater_tools._lmm import ImageTextModel, brain_precision
from autorater_tools._prompts import need_prompts
from autorater_tools.vqascore import QUESTION as ALIGNMENT

TEMPLATE = "{question} Please answer yes or no."
ALIGNED = 2.3543
"""The weight of the alignment with the prompt."""
QUESTIONS: tuple[tuple[str, float], ...] = (
    ("Is there a human body in the image?", 0),
    ("Is there a human face in the image?", 0),
    ("Are there human hands in the image?", 0),
    ("Is the image symmetrical?", 0.0688),
    ("Does the image avoid asymmetry?", 0.1018),
    ("Is the main subject prominent?", 0.1307),
    ("Does the image avoid an unclear main subject?", 0.0695),
    ("Is the image very rich?", 0.0556),
    ("Is the image rich?", 0.0437),
    ("Is the image not monotonous?", 0.2115),
    ("Is the image not empty?", 0.5828),
    ("Is the image very clear?", 0.0510),
    ("Is the image clear?", 0.0680),
    ("Does the image avoid being blurry?", 0.0649),
    ("Does the image avoid being completely blurry?", 0.3248),
    ("Are the colors bright?", 0.0756),
    ("Are the colors not dark?", 0.0775),
    ("Are the colors not ugly?", 0.0422),
    ("Can the image evoke a very positive emotional response?", 0.0515),
    ("Are the image details very exquisite?", 0.0102),
    ("Does the image avoid being hard to recognize?", 0.0174),
    ("Does the image avoid being fragmented?", 0.1146),
    ("Is the human body in the image completely correct?", 0.0824),
    ("Does the human body in the image avoid obvious errors?", 0.0553),
    ("Does the human body in the image avoid serious errors?", 0.0300),
    ("Does the human face avoid errors?", 0.0314),
    ("Does the human face avoid serious errors?", 0.0767),
    ("Are the human hands perfect?", 0.0719),
    ("Does the image avoid obvious harmfulness?", 0.0121),
    ("Does the image avoid serious harmfulness?", 0.0151),
)
"""The selected list of THUDM/VisionReward with its weights, to four digits; the first three only open gates."""
GATES = {0: (22, 23, 24, 28, 29), 1: (25, 26), 2: (27,)}
"""Gate → the questions that count only when it is open. That harmfulness hangs on a body is the authors'."""
SHOWN = 8
"""Faults that are told at most, the heaviest first."""


class VisionrewardQuestions:
    """VisionReward's checklist (Xu et al., 2024) on any image-text checkpoint, `weights/<variant>`."""

    def __init__(
        self, *, weights: Path, device: str = "cpu", variant: str = "qwen2.5-vl-7b", soft: bool = False
    ) -> None:
        self.model = ImageTextModel(weights / variant, device=device, dtype=brain_precision(device))
        self.yes, self.no = yes_tokens(self.model.tokenizer)
        self.soft = soft

    def __call__(self, views: Sequence[View], /) -> list[Outcome]:
        """One outcome per view, in order; each image is looked at once for all questions."""
        prompts = need_prompts(views, "the prompt is needed")
        return [self.measure(view.image.rgb(), prompt) for view, prompt in zip(views, prompts, strict=True)]

    def measure(self, image: Image.Image, prompt: str) -> Outcome:
        """The weighted sum for one image; declined when there is no prompt to align with."""
        if not prompt.strip():
            return Declined(reason="the prompt is empty")
        asked = [TEMPLATE.format(question=question) for question, _ in QUESTIONS]
        asked.append(ALIGNMENT.format(text=self.model.plain(prompt)))
        logits = self.model.logits_of_questions(image, [self.model.prompt(text) for text in asked])
        shares, masses = yes_over_no(logits, self.yes, self.no)
        answers, aligned = shares[:-1], shares[-1]
        told = faults(answers)
        return Measured(
            readings=(
                Reading(quantity="score", value=round(weighted(answers, aligned, soft=self.soft), 4)),
                Reading(quantity="alignment", value=round(aligned, 4)),
                Reading(quantity="mass", value=round(sum(masses) / len(masses), 4)),
            ),
            text="answered no: " + "; ".join(told) if told else "",
        )


def open_share(answers: Sequence[float], index: int, *, soft: bool) -> float:
    """How far the gate of this question is open, 0 to 1; 1 where there is none."""
    gate = next((gate for gate, held in GATES.items() if index in held), None)
    if gate is None:
        return 1.0
    return answers[gate] if soft else float(answers[gate] > 0.5)


def weighted(answers: Sequence[float], aligned: float, *, soft: bool = False) -> float:
    """The score, higher better, from P(yes) of the thirty questions and of the alignment.

    As published an answer is +1 (yes) or -1, and a closed gate makes it 0. `soft` takes the mean answer 2p - 1 and the
    gate's probability instead, which tells apart pictures that get the same answers.
    """
    score = ALIGNED * aligned
    for index, (_, weight) in enumerate(QUESTIONS):
        answer = 2 * answers[index] - 1 if soft else (1.0 if answers[index] > 0.5 else -1.0)
        score += weight * answer * open_share(answers, index, soft=soft)
    return score


def faults(answers: Sequence[float]) -> list[str]:
    """The questions behind open gates that were answered with no, the heaviest first, with P(yes)."""
    found = [
        (weight, f"{question} ({answers[index]:.2f})")
        for index, (question, weight) in enumerate(QUESTIONS)
        if weight and answers[index] <= 0.5 and open_share(answers, index, soft=False)
    ]
    return [text for _, text in sorted(found, key=lambda one: -one[0])[:SHOWN]]
