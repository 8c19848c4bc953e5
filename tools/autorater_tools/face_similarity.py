"""Face similarity: whether the people of the source are still the same people in the edit."""

from collections.abc import Sequence

from autorater.assessment import Outcome
from autorater.toolbox import View
from autorater_tools._face_matching import compare_faces
from autorater_tools._faces import load_faces
from autorater_tools._weights import own_card

SAME = 0.93
"""Cosine similarity above which DeepFace calls two Dlib faces the same person (distance below 0.07)."""


class FaceSimilarity:
    """DeepFace with Dlib's recognition network; the faces of all sources against those of the image, one to one."""

    def __init__(self, *, device: str = "cpu") -> None:
        self.faces = load_faces(own_card("face_similarity"))

    def __call__(self, views: Sequence[View], /) -> list[Outcome]:
        """One outcome per view, in order."""
        return [compare_faces(view, self.faces.find, same=SAME, name=False, zero=True) for view in views]
