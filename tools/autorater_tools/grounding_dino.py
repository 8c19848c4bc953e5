"""Grounding DINO: where the things that the prompt names are in the picture."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import torch

from autorater.assessment import Declined, Measured, Outcome, Reading
from autorater.errors import SpecialistError
from autorater.image import Picture
from autorater.toolbox import View
from autorater_tools._boxes import check_threshold
from autorater_tools._checkpoints import in_batches
from autorater_tools._grounding import Caption, Network, Ported, Sighting, caption_of, sighting
from autorater_tools._phrases import listed_texts, phrase_texts, whole_text
from autorater_tools._prompts import need_prompts

NO_PROMPT = "a prompt is needed: this specialist looks for what the prompt names"
FOLDERS = {
    "tiny": "grounding-dino-tiny",
    "base": "grounding-dino-base",
    "mm_grounding_dino_tiny": "mm_grounding_dino_tiny_o365v1_goldg_v3det",
    "mm_grounding_dino_base": "mm_grounding_dino_base_all",
    "mm_grounding_dino_large": "mm_grounding_dino_large_all",
    "llmdet_tiny": "llmdet_tiny",
    "llmdet_base": "llmdet_base",
    "llmdet_large": "llmdet_large",
}
"""Variant → the folder of its checkpoint, named as on the hub."""
RULES = {"noun_phrases": phrase_texts, "listed": listed_texts, "whole": whole_text}
BATCH = 8
MOST_REGIONS = 40


class GroundingDino:
    """Boxes for each phrase of the prompt, by the port in transformers or by the original code."""

    def __init__(
        self,
        *,
        device: str = "cpu",
        weights: Path | None = None,
        variant: str = "tiny",
        backend: str = "transformers",
        box_threshold: float = 0.35,
        text_threshold: float = 0.25,
        phrases: str = "noun_phrases",
    ) -> None:
        self.box_threshold = check_threshold("grounding_dino.box_threshold", box_threshold)
        self.text_threshold = check_threshold("grounding_dino.text_threshold", text_threshold)
        self.network = _open(variant, backend, weights, device)
        self.rule = RULES[phrases]

    def __call__(self, views: Sequence[View], /) -> list[Outcome]:
        """One outcome per view, in order."""
        wanted = [self.rule(prompt) for prompt in need_prompts(views, NO_PROMPT)]
        seen = iter(self.look([(view.image, phrases) for view, phrases in zip(views, wanted, strict=True) if phrases]))
        return [told(next(seen), phrases) if phrases else NOTHING_NAMED for phrases in wanted]

    def look(self, asked: Sequence[tuple[Picture, Sequence[str]]]) -> list[Sighting]:
        """What is found of the phrases in each picture.

        Pictures of one input size go through the network together. Others do not: padding one to the size of another
        changes its numbers (the windows of the backbone see the padding), and the same picture must give the same.
        """
        captions = [caption_of(phrases, self.network.tokenizer) for _, phrases in asked]
        groups: dict[tuple[int, int], list[int]] = {}
        for place, (picture, _) in enumerate(asked):
            if captions[place].phrases:
                groups.setdefault(self.network.preparation.size(picture.width, picture.height), []).append(place)
        found = [Sighting((), {}, caption.cut) for caption in captions]
        for places in groups.values():
            pairs = [(asked[place][0], captions[place]) for place in places]
            for place, sight in zip(places, in_batches(pairs, self._look, size=BATCH), strict=True):
                found[place] = sight
        return found

    def _look(self, pairs: Sequence[tuple[Picture, Caption]]) -> list[Sighting]:
        pixels = torch.stack([self.network.preparation(picture.rgb()) for picture, _ in pairs])
        captions = [caption for _, caption in pairs]
        logits, boxes = self.network(pixels, captions)
        return [
            sighting(logits[row], boxes[row], caption, box=self.box_threshold, text=self.text_threshold)
            for row, caption in enumerate(captions)
        ]


NOTHING_NAMED = Declined(reason="the prompt names nothing that could be looked for")


def told(sight: Sighting, phrases: Sequence[str]) -> Outcome:
    """What was found, as numbers, regions and words."""
    if not sight.best:
        return Declined(reason=f"no phrase fits in the caption of 256 tokens: {', '.join(sight.cut)[:200]}")
    counts = Counter(box.label for box in sight.boxes)
    sure = {phrase: [box.score for box in sight.boxes if box.label == phrase] for phrase in sight.best}
    words = [
        f"{phrase}: {counts[phrase]} ({', '.join(f'{score:.2f}' for score in scores[:6])}{', …' * (len(scores) > 6)})"
        if scores
        else f"{phrase}: not found (at most {sight.best[phrase]:.2f})"
        for phrase, scores in sure.items()
    ]
    text = "; ".join(words) + "."
    if sight.cut:
        text += f" Not looked for, because the caption is full: {', '.join(sight.cut)}."
    values = {
        "found": len(counts) / len(sight.best),
        "boxes": float(len(sight.boxes)),
        "best_score": max(sight.best.values()),
        "weakest_score": min(sight.best.values()),
    }
    return Measured(
        readings=tuple(Reading(quantity=name, value=value) for name, value in values.items()),
        regions=tuple(box.region() for box in sight.boxes[:MOST_REGIONS]),
        text=text,
    )


def _open(variant: str, backend: str, weights: Path | None, device: str) -> Network:
    if backend == "groundingdino":
        from autorater_tools._grounding_original import CHECKPOINTS, Original, packaged_config

        config = packaged_config(variant)
        folder = _given(weights)
        return Original(
            config=config,
            checkpoint=folder / CHECKPOINTS[variant],
            text_encoder=folder / "bert-base-uncased",
            device=device,
        )
    return Ported(_given(weights) / FOLDERS[variant], device=device)


def _given(weights: Path | None) -> Path:
    if weights is None:
        raise SpecialistError("the weights of grounding_dino are not here: run `autorater tools pull grounding_dino`")
    return weights
