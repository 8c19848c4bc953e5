"""Edit scope: what changed between source and edit, and how much of it outside of what was asked."""

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from autorater.assessment import MASK_SIDE, Mask, Measured, Outcome, Reading, Region
from autorater.errors import SpecialistError
from autorater.image import Picture
from autorater.toolbox import View
from autorater_tools._boxes import Box, Corners, covered, grown, without_doubles
from autorater_tools._changes import changed_mask, components
from autorater_tools._detectors import Detector, noun_of, open_detector
from autorater_tools._pairs import other_proportions
from autorater_tools._phrases import find_phrases
from autorater_tools._pixels import NO_SOURCE, Pixels, one_by_one, pixels_at_most, small_or_blank
from autorater_tools._prompts import need_prompt
from autorater_tools._words import ADJECTIVES, AROUND, FILTERED, FUNCTION, QUANTITIES, STYLE, TIMES

NO_PROMPT = "a prompt is needed: this specialist asks what the instruction speaks of"
LONGER_SIDE = 512
MARGIN = 0.15
"""Added to each box on each side: shadows, reflections and what moves aside belong to an edit."""
SAME = 0.7
"""Boxes of one thing in source and edit that overlap by more than this are listed once."""
REGIONS = 6
LEAST = 0.001
"""Changed regions that cover less of the picture than this share are not listed."""
_WHOLE = re.compile(
    r"\b(background|scene|style|styled|weather|snowy|rainy|foggy|brighter|darker|brightness|contrast|saturation|tone|"
    r"black and white|monochrome|"
    r"watercolou?r|cartoon|anime|sketch|oil painting|pixel art|(?:whole|entire) (?:image|picture|photo|scene))\b",
    re.IGNORECASE,
)
_NO_NOUNS = FUNCTION | ADJECTIVES | STYLE | QUANTITIES | TIMES | AROUND
_PLACE = re.compile(r"\b(?:(?:in|into|at|from) the background|(?:in|into|to|from) the scene)\b", re.IGNORECASE)
"""Where something is or comes to; nobody asked for the rest of it to change."""


class EditScope:
    """The changed mask against the boxes of what the instruction names, in the source and in the edit."""

    def __init__(self, *, device: str = "cpu", weights: Path | None = None, detector: str = "coco_objects") -> None:
        self.detector: Detector | None = None
        if detector != "none":
            self.detector = open_detector(detector, weights, device=device)

    def __call__(self, views: Sequence[View], /) -> list[Outcome]:
        """One outcome per view, in order."""
        return one_by_one(views, self.measure)

    def measure(self, view: View) -> Outcome:
        """The change of one edit, at the source's size with a longer side of at most 512 pixels."""
        if not view.sources:
            raise SpecialistError(NO_SOURCE)
        prompt = need_prompt(view, NO_PROMPT)
        source, image = view.sources[0], view.image
        if refusal := other_proportions(source, image, what="places"):
            return refusal
        before = pixels_at_most(source, LONGER_SIDE)
        if refusal := small_or_blank(before):
            return refusal
        changed = changed_mask(before, _of_size(image, before))
        found = components(changed, least=LEAST)
        asked, located, words = self.asked(prompt, source, image, [corners for corners, _ in found])
        outside = changed & ~covered(asked, *changed.shape)
        values = {
            "changed_share": float(changed.mean()),
            "outside_share": float(outside.mean()),
            "located": float(located),
        }
        beyond = [corners for corners, _ in components(outside, least=LEAST)]
        regions = [Region(label="changed, not asked for", box=corners) for corners in beyond[:REGIONS]]
        regions += [Region(label="asked for", box=corners) for corners in asked[:REGIONS] if located]
        return Measured(
            readings=tuple(Reading(quantity=name, value=value) for name, value in values.items()),
            regions=tuple(regions),
            mask=Mask.of("changed", _smaller(changed)),
            text=f"{values['changed_share']:.1%} of the picture changed; {values['outside_share']:.1%} of the picture "
            f"changed outside of what was asked for. {words}",
        )

    def asked(
        self, prompt: str, source: Picture, image: Picture, changed: Sequence[Corners]
    ) -> tuple[list[Corners], bool, str]:
        """The places that the instruction speaks of, whether it names them, and how they were found."""
        if about_everything(prompt):
            return [(0.0, 0.0, 1.0, 1.0)], True, "The instruction speaks of the whole picture."
        nouns = list(dict.fromkeys(noun_of(phrase.words) for phrase in find_phrases(prompt)))
        boxes = without_doubles(self.boxes(source, nouns) + self.boxes(image, nouns), limit=SAME)
        if boxes:
            named = sorted({box.label for box in boxes})
            return (
                [grown(box.corners, MARGIN) for box in boxes],
                True,
                f"Asked for: where {', '.join(named)} was found.",
            )
        text = "Nothing that the instruction names was found, so the largest change is taken for what was asked for."
        return [grown(corners, MARGIN) for corners in changed[:1]], False, text

    def boxes(self, picture: Picture, nouns: Sequence[str]) -> list[Box]:
        """What the detector is sure of."""
        if self.detector is None:
            return []
        found = self.detector.find(picture, nouns)
        return [box for noun in nouns for box in found.get(noun, ()) if box.score >= self.detector.sure]


def about_everything(instruction: str) -> bool:
    """Whether the instruction is about the whole picture, by its words: style, weather, light, season, background."""
    text = _PLACE.sub("", instruction)
    words: list[str] = re.findall(r"[^\W_]+(?:-[^\W_]+)*|[^\w\s]", text.lower())
    return bool(_WHOLE.search(text)) or any(
        word in TIMES and not (word == "filter" and before in FILTERED) and not _is_noun(after)
        for before, word, after in zip(["", *words], words, [*words[1:], ""], strict=False)
    )


def _is_noun(word: str) -> bool:
    return word[:1].isalpha() and word not in _NO_NOUNS and not word.endswith(("ly", "where"))


def _smaller(changed: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """At the size of a mask, still changed or not: a pixel is when half of what it covers is."""
    from PIL import Image

    image = Image.fromarray(changed.astype(np.uint8) * 255)
    image.thumbnail((MASK_SIDE, MASK_SIDE), Image.Resampling.BOX)
    return np.asarray(image) >= 128


def _of_size(picture: Picture, model: Pixels) -> Pixels:
    from PIL import Image

    height, width = model.shape[:2]
    return np.asarray(picture.rgb().resize((width, height), Image.Resampling.BICUBIC))
