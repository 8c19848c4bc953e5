"""Hands and bodies: where MediaPipe finds them, how sure it is, and how even the two sides of the body are."""

from collections.abc import Sequence
from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import NDArray

from autorater.assessment import Declined, Measured, Outcome, Reading, Region
from autorater.toolbox import View
from autorater_tools._pixels import at_most
from autorater_tools._weights import own_card, weights_path

LONGER_SIDE = 1024
"""Pixels of the longer side at most; both networks look at crops of it."""
MOST_HANDS = 8
SEEN = 0.5
"""Visibility above which MediaPipe's own drawing shows a joint."""
SIDES = {"Left": "right hand", "Right": "left hand"}
"""The package names hands as if the picture were a mirror's; these are the person's own."""
LIMBS = {
    "upper arm": ((11, 13), (12, 14)),
    "forearm": ((13, 15), (14, 16)),
    "thigh": ((23, 25), (24, 26)),
    "shin": ((25, 27), (26, 28)),
}
"""Limb → the two ends on the left and on the right, as landmarks of BlazePose."""


class HandsAndBodies:
    """MediaPipe Hands and Pose (Zhang et al., 2020; Bazarevsky et al., 2020) with the networks of the package."""

    def __init__(self, *, device: str = "cpu") -> None:
        card = own_card("hands_and_bodies")
        for weights in card.meta.weights:
            weights_path(card, weights.file)  # checked here, for the library loads them by itself
        solutions: Any = import_module("mediapipe").solutions  # it lies in an environment of its own
        told = {"static_image_mode": True, "model_complexity": 1, "min_detection_confidence": 0.5}
        self.hands: Any = solutions.hands.Hands(max_num_hands=MOST_HANDS, **told)
        self.pose: Any = solutions.pose.Pose(**told)

    def __call__(self, views: Sequence[View], /) -> list[Outcome]:
        """One outcome per view, in order."""
        return [self.measure(view) for view in views]

    def measure(self, view: View) -> Outcome:
        """What is found in one image; declined when there is neither a hand nor a body."""
        pixels = np.ascontiguousarray(at_most(view.image.rgb(), LONGER_SIDE))
        hands, body = hands_of(self.hands.process(pixels)), body_of(self.pose.process(pixels))
        if not hands and body is None:
            return Declined(reason="neither a hand nor a body was found")
        seen = 0.0 if body is None else float(np.mean(body[1] >= SEEN))
        values = {"hands": len(hands), "bodies": 0 if body is None else 1, "joints_seen": seen}
        regions = list(hands)
        if body is not None and np.any(body[1] >= SEEN):
            regions.append(Region(label="body", box=box_of(body[0][body[1] >= SEEN]), score=round(seen, 4)))
        return Measured(
            readings=tuple(Reading(quantity=name, value=value) for name, value in values.items()),
            regions=tuple(regions),
            text=describe(hands, None if body is None else asymmetries(body[2], body[1])),
        )


def hands_of(found: Any) -> list[Region]:
    """One region for each hand that the network found; the score is how sure it is of left or right, 0.5 to 1."""
    hands: list[Any] = list(found.multi_hand_landmarks or ())
    sides: list[Any] = list(found.multi_handedness or ())
    return [
        Region(
            label=SIDES[side.classification[0].label],
            box=box_of(np.array([[float(point.x), float(point.y)] for point in hand.landmark])),
            score=round(min(1.0, float(side.classification[0].score)), 4),
        )
        for hand, side in zip(hands, sides, strict=True)
    ]


def body_of(found: Any) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]] | None:
    """Of the body found: (33, 2) points as fractions of the image, (33,) visibilities, (33, 3) points in metres."""
    if not found.pose_landmarks:
        return None
    points = found.pose_landmarks.landmark
    metres = found.pose_world_landmarks.landmark
    return (
        np.array([[point.x, point.y] for point in points]),
        np.array([point.visibility for point in points]),
        np.array([[point.x, point.y, point.z] for point in metres]),
    )


def asymmetries(metres: NDArray[np.float64], seen: NDArray[np.float64]) -> dict[str, float]:
    """Limb → |left - right| / longer of both, 0 even to 1, where all four ends are seen."""
    found: dict[str, float] = {}
    for limb, sides in LIMBS.items():
        if min(seen[end] for side in sides for end in side) < SEEN:
            continue
        left, right = (float(np.linalg.norm(metres[one] - metres[other])) for one, other in sides)
        found[limb] = abs(left - right) / max(left, right, 1e-6)
    return found


def box_of(points: NDArray[np.float64]) -> tuple[float, float, float, float]:
    """The box around (n, 2) points within the image."""
    (left, top), (right, bottom) = np.clip(points.min(0), 0, 1), np.clip(points.max(0), 0, 1)
    return float(left), float(top), float(right), float(bottom)


def describe(hands: Sequence[Region], uneven: dict[str, float] | None) -> str:
    """The findings in words."""
    told = [f"{hand.label} ({hand.score:.2f})" for hand in hands if hand.score is not None]
    words = f"Hands: {', '.join(told) or 'none'}."
    if uneven is None:
        return f"{words} No body."
    sides = [f"{limb} {value:.0%}" for limb, value in uneven.items()]
    return f"{words} Left and right differ in length: {', '.join(sides) or 'not seen on both sides'}."
