"""Face similarity: whether the people of the source are still the same people in the edit."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from autorater.assessment import Declined, Measured, Outcome, Reading, Region
from autorater.errors import SpecialistError
from autorater.toolbox import View
from autorater_tools._faces import Face, load_faces
from autorater_tools._pixels import NO_SOURCE
from autorater_tools._untyped import assign
from autorater_tools._weights import own_card

SAME = 0.93
"""Cosine similarity above which DeepFace calls two Dlib faces the same person (distance below 0.07)."""


class FaceSimilarity:
    """DeepFace with Dlib's recognition network; the faces of all sources against those of the image, one to one."""

    def __init__(self, *, device: str = "cpu") -> None:
        self.faces = load_faces(own_card("face_similarity"))

    def __call__(self, views: Sequence[View], /) -> list[Outcome]:
        """One outcome per view, in order."""
        return [self.measure(view) for view in views]

    def measure(self, view: View) -> Outcome:
        """The similarities for one edit; declined when no source shows a face."""
        if not view.sources:
            raise SpecialistError(NO_SOURCE)
        before = [face for source in view.sources for face in self.faces.find(source)]
        if not before:
            return Declined(reason="no face was found in the source")
        after = self.faces.find(view.image)
        similarities = match(before, after)
        kept = [value for value in similarities if value is not None]
        values = {
            "worst_similarity": min(kept) if len(kept) == len(before) else 0.0,
            "mean_similarity": sum(kept) / len(before),
            "faces_in_source": len(before),
            "faces_in_image": len(after),
            "lost_faces": len(before) - len(kept),
            "added_faces": len(after) - len(kept),
        }
        return Measured(
            readings=tuple(Reading(quantity=name, value=value) for name, value in values.items()),
            regions=tuple(Region(label="face", box=face.box, score=face.confidence) for face in after),
            text=describe(similarities, added=len(after) - len(kept)),
        )


def match(before: Sequence[Face], after: Sequence[Face]) -> list[float | None]:
    """For each face of `before` its cosine similarity to the face of `after` that it is paired with, or None.

    The pairing is one to one with the greatest sum.
    """
    found: list[float | None] = [None] * len(before)
    if before and after:
        similarity = _unit(before) @ _unit(after).T
        for row, column in assign(similarity):
            found[row] = float(np.clip(similarity[row, column], -1, 1))
    return found


def describe(similarities: Sequence[float | None], *, added: int) -> str:
    """What became of each face, in words."""
    words = [
        "lost" if value is None else f"{value:.3f} ({'same person' if value >= SAME else 'another person'})"
        for value in similarities
    ]
    return f"Faces of the source: {', '.join(words)}." + (f" {added} more in the image." if added else "")


def _unit(faces: Sequence[Face]) -> NDArray[np.float64]:
    vectors = np.array([face.vector for face in faces])
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
