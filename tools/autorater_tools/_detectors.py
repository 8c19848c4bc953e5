"""One door to the detectors, for specialists that ask "where is the cat?"."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Protocol

from autorater.errors import SpecialistError
from autorater.image import Picture
from autorater.toolbox import load_specialist
from autorater_tools._boxes import Box, without_doubles
from autorater_tools._coco import ALONE, CLASSES, DOUBLE, CocoDetector
from autorater_tools._concepts import singular
from autorater_tools._weights import own_card

IRREGULAR = {
    **{"people": "person", "men": "man", "women": "woman", "children": "child", "mice": "mouse", "knives": "knife"},
    **{"buses": "bus", "loaves": "loaf", "leaves": "leaf", "shelves": "shelf", "wolves": "wolf", "skis": "skis"},
}
_PERSON = """man woman boy girl child kid baby guy lady toddler teenager adult player worker chef doctor nurse soldier
dancer astronaut farmer fisherman firefighter policeman cyclist pedestrian human"""
_ALSO = {
    "person": _PERSON,
    "bicycle": "bike",
    "motorcycle": "motorbike",
    "airplane": "plane aeroplane aircraft jet",
    "car": "sedan taxi cab automobile",
    "boat": "ship sailboat yacht canoe",
    "cat": "kitten",
    "dog": "puppy",
    "horse": "pony",
    "sheep": "lamb",
    "cow": "bull calf ox",
    "couch": "sofa",
    "tv": "television monitor",
    "cell phone": "phone smartphone",
    "laptop": "notebook",
    "cup": "mug glass",
    "wine glass": "glass goblet",
    "potted plant": "houseplant",
    "dining table": "table",
    "donut": "doughnut",
    "refrigerator": "fridge",
    "handbag": "purse",
    "sports ball": "ball",
    "bear": "grizzly",
}
"""Class of COCO → other words for it. A word may stand for several classes."""


class Detector(Protocol):
    """Finds what nouns name."""

    sure: float
    """Boxes of at least this score count as found."""
    possible: float
    """Boxes below `sure` are given too, down to this score: what they show may be there."""

    def find(self, picture: Picture, nouns: Sequence[str]) -> dict[str, list[Box]]:
        """The boxes of each noun, best first; a noun that the detector does not know is absent."""
        ...


def open_detector(name: str, weights: Path | None, *, device: str) -> Detector:
    """The detector of this name. `weights` is the folder of coco_objects; grounding_dino has its own.

    Raises:
        SpecialistError: its weights are not here, or damaged.

    """
    if name == "grounding_dino":
        return Grounded(device)
    if weights is None:
        raise SpecialistError("the weights of coco_objects are not here: run `autorater tools pull coco_objects`")
    return Everyday(weights)


class Everyday:
    """The two COCO detectors; knows 80 classes and other words for them.

    A place may be a car and a truck to them: asked for a car, they say car. What one saw alone counts a little less.
    """

    sure = 0.5
    possible = 0.2

    def __init__(self, weights: Path) -> None:
        self.detector = CocoDetector(weights)

    def find(self, picture: Picture, nouns: Sequence[str]) -> dict[str, list[Box]]:
        """See `Detector`."""
        seen = self.detector.hints(picture)
        boxes = [one.box if one.both else replace(one.box, score=round(one.box.score - ALONE, 4)) for one in seen]
        found: dict[str, list[Box]] = {}
        for noun in nouns:
            if classes := classes_of(noun):
                own = [replace(box, label=noun) for box in boxes if box.label in classes and box.score >= self.possible]
                found[noun] = without_doubles(own, limit=DOUBLE)
        return found


class Grounded:
    """Grounding DINO; knows any noun, and finds something for most."""

    sure = 0.35
    possible = 0.25

    def __init__(self, device: str) -> None:
        from autorater_tools.grounding_dino import GroundingDino

        made = load_specialist(own_card("grounding_dino"), device=device, options={"box_threshold": self.possible})
        assert isinstance(made, GroundingDino)
        self.specialist = made

    def find(self, picture: Picture, nouns: Sequence[str]) -> dict[str, list[Box]]:
        """See `Detector`."""
        if not nouns:
            return {}
        (sight,) = self.specialist.look([(picture, list(dict.fromkeys(nouns)))])
        return {noun: [box for box in sight.boxes if box.label == noun] for noun in sight.best}


def noun_of(words: Sequence[str]) -> str:
    """What a phrase is about, in the singular: its last word, or its last two where they name one thing."""
    last = IRREGULAR.get(words[-1], singular(words[-1]))
    pair = f"{words[-2]} {last}" if len(words) > 1 else ""
    return pair if pair in CLASSES else last


def classes_of(noun: str) -> set[str]:
    """The classes of COCO that a noun in the singular names; empty when there is none."""
    named = {noun} & set(CLASSES)
    return named | {label for label, words in _ALSO.items() if noun in words.split()}
