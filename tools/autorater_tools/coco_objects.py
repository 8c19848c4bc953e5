"""COCO objects: which of 80 everyday things are in the picture, how many, and where."""

from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

from autorater.assessment import Measured, Outcome, Reading
from autorater.errors import SpecialistError
from autorater.toolbox import View
from autorater_tools._boxes import check_threshold
from autorater_tools._coco import CocoDetector, Seen
from autorater_tools._pixels import one_by_one

MOST_REGIONS = 40


class CocoObjects:
    """NanoDet-g and CenterNet-MobileNetV3; what both see is surer than what one sees."""

    def __init__(self, *, device: str = "cpu", weights: Path | None = None, threshold: float = 0.5) -> None:
        # Always on the CPU: the networks are so small that a GPU gains nothing.
        if weights is None:
            raise SpecialistError("the weights of coco_objects are not here: run `autorater tools pull coco_objects`")
        self.threshold = check_threshold("coco_objects.threshold", threshold)
        self.detector = CocoDetector(weights)

    def __call__(self, views: Sequence[View], /) -> list[Outcome]:
        """One outcome per view, in order."""
        return one_by_one(views, self.measure)

    def measure(self, view: View) -> Outcome:
        """What is in one picture; nothing at all is an answer too."""
        seen = self.detector.find(view.image, threshold=self.threshold)
        values = {
            "objects": len(seen),
            "agreed": sum(one.both for one in seen),
            "classes": len({one.box.label for one in seen}),
        }
        return Measured(
            readings=tuple(Reading(quantity=name, value=value) for name, value in values.items()),
            regions=tuple(one.box.region() for one in seen[:MOST_REGIONS]),
            text=told(seen),
        )


def told(seen: Sequence[Seen]) -> str:
    """The count of each class with its scores, in words."""
    if not seen:
        return "None of the 80 kinds of things that it knows was found."
    scores: dict[str, list[str]] = defaultdict(list)
    for one in seen:
        scores[one.box.label].append(f"{one.box.score:.2f}" + ("" if one.both else " by one network only"))
    parts = [f"{len(each)} {label} ({', '.join(each[:6])}{', …' * (len(each) > 6)})" for label, each in scores.items()]
    return "Found: " + "; ".join(parts) + "."
