"""Object checks: whether number, colour and position of things are as the prompt says."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from autorater.assessment import Declined, Measured, Outcome, Reading
from autorater.image import Picture
from autorater.toolbox import View
from autorater_tools._boxes import Box
from autorater_tools._claims import Answer, Claim, count_answer, find_claims, position_answer
from autorater_tools._detectors import open_detector
from autorater_tools._pixels import one_by_one, pixels_at_most
from autorater_tools._prompts import need_prompt
from autorater_tools.colour_match import shares

NO_PROMPT = "a prompt is needed: this specialist checks what the prompt says of things"
PLAIN = 0.25
"""A thing has a colour when it covers at least this share of the inner part of its box …"""
TRACE = 0.08
"""… and has it not when it covers less than this; between the two nobody knows."""
INNER = 0.2
"""Left out at each side of a box, in which there is mostly background."""


class ObjectChecks:
    """Claims of the prompt, by rules, against the boxes of a detector."""

    def __init__(self, *, device: str = "cpu", weights: Path | None = None, detector: str = "coco_objects") -> None:
        self.detector = open_detector(detector, weights, device=device)

    def __call__(self, views: Sequence[View], /) -> list[Outcome]:
        """One outcome per view, in order."""
        return one_by_one(views, self.measure)

    def measure(self, view: View) -> Outcome:
        """The claims for one picture; declined when the prompt makes none, or none that can be told."""
        claims = find_claims(need_prompt(view, NO_PROMPT))
        if not claims:
            return Declined(reason="the prompt says nothing of number, colour or position of things")
        nouns = list(dict.fromkeys(noun for claim in claims for noun in (claim.noun, claim.other) if noun))
        boxes = self.detector.find(view.image, nouns)
        answers = [self.answer(claim, boxes, view.image) for claim in claims]
        text = "; ".join(f"{claim.text}: {answer}" for claim, answer in zip(claims, answers, strict=True))
        if unknown := [noun for noun in nouns if noun not in boxes]:
            text += f". Not known to the detector: {', '.join(unknown)}"
        told = [answer for answer in answers if answer != "cannot tell"]
        if not told:
            return Declined(reason=f"no claim of the prompt can be told ({text})"[:500])
        values = {
            "met": sum(answer == "yes" for answer in told) / len(told),
            "told": len(told),
            "claims": len(claims),
        }
        sure = [box for noun in nouns for box in boxes.get(noun, ()) if box.score >= self.detector.sure]
        return Measured(
            readings=tuple(Reading(quantity=name, value=value) for name, value in values.items()),
            regions=tuple(box.region() for box in sure),
            text=f"{text}.",
        )

    def answer(self, claim: Claim, boxes: Mapping[str, Sequence[Box]], picture: Picture) -> Answer:
        """Yes, no, or that it cannot be told."""
        if claim.noun not in boxes or (claim.other and claim.other not in boxes):
            return "cannot tell"
        if claim.kind == "count":
            return count_answer(claim, boxes[claim.noun], sure=self.detector.sure)
        if claim.kind == "position":
            stretch = picture.width / picture.height
            return position_answer(claim, boxes, sure=self.detector.sure, stretch=stretch)
        found = [box for box in boxes[claim.noun] if box.score >= self.detector.sure]
        return colour_answer(claim, [colour_share(picture, box, claim.colour) for box in found])


def colour_answer(claim: Claim, covered: Sequence[float]) -> Answer:
    """Whether enough of the things found have the colour, from the share of each that it covers."""
    if not covered:
        return "cannot tell"
    wanted = min(claim.count, len(covered))
    if sum(share >= PLAIN for share in covered) >= wanted:
        return "yes"
    return "no" if sum(share >= TRACE for share in covered) < wanted else "cannot tell"


def colour_share(picture: Picture, box: Box, colour: str) -> float:
    """The share of the inner part of the box whose pixels are nearest to this colour, 0 to 1."""
    pixels = pixels_at_most(picture, 512)
    height, width = pixels.shape[:2]
    left, top, right, bottom = box.corners
    wide, high = (right - left) * INNER, (bottom - top) * INNER
    rows = slice(int((top + high) * height), max(int((top + high) * height) + 1, int((bottom - high) * height)))
    columns = slice(int((left + wide) * width), max(int((left + wide) * width) + 1, int((right - wide) * width)))
    inner = pixels[rows, columns]
    return shares(inner)[colour] if inner.size else 0.0
