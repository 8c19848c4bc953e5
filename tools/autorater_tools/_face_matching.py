"""Faces of a source and of an edit, paired one to one; what became of each."""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from autorater.assessment import Declined, Measured, Outcome, Reading, Region
from autorater.errors import SpecialistError
from autorater.image import Picture
from autorater.toolbox import View
from autorater_tools._faces import Face
from autorater_tools._pixels import NO_SOURCE
from autorater_tools._untyped import assign

Pair = tuple[int, float]
"""The place of the counterpart among the faces of the image, and the cosine similarity, -1 to 1."""


def compare_faces(
    view: View, find: Callable[[Picture], Sequence[Face]], *, same: float, name: bool, zero: bool
) -> Outcome:
    """The similarities for one edit; declined when no source shows a face.

    `same` is the cosine similarity from which on two faces are called the same person; `name` writes what became of a
    face to its region. A lost face counts as similarity 0 (`zero`); else the similarities are those of the pairs, and
    it is declined when there is none.
    """
    if not view.sources:
        raise SpecialistError(NO_SOURCE)
    before = [face for source in view.sources for face in find(source)]
    if not before:
        return Declined(reason="no face was found in the source")
    after = find(view.image)
    pairs = pair(before, after)
    kept = [found[1] for found in pairs if found is not None]
    if not zero and not kept:
        return Declined(reason=f"no face was found in the image: of the source, {len(before)} lost")
    counted = [*kept, *([0.0] * (len(before) - len(kept)) if zero else [])]
    values = {
        "worst_similarity": 0.0 if zero and len(kept) < len(before) else min(kept),
        "mean_similarity": sum(counted) / len(counted),
        "faces_in_source": len(before),
        "faces_in_image": len(after),
        "lost_faces": len(before) - len(kept),
        "added_faces": len(after) - len(kept),
    }
    names = label(pairs, len(after), same=same) if name else ["face"] * len(after)
    return Measured(
        readings=tuple(Reading(quantity=name, value=value) for name, value in values.items()),
        regions=tuple(
            Region(label=name, box=face.box, score=face.confidence) for name, face in zip(names, after, strict=True)
        ),
        text=describe(
            [None if found is None else found[1] for found in pairs], same=same, added=len(after) - len(kept)
        ),
    )


def pair(before: Sequence[Face], after: Sequence[Face]) -> list[Pair | None]:
    """For each face of `before` the face of `after` that it is paired with, or None.

    The pairing is one to one with the greatest sum of similarities.
    """
    found: list[Pair | None] = [None] * len(before)
    if before and after:
        similarity = _unit(before) @ _unit(after).T
        for row, column in assign(similarity):
            found[row] = column, float(np.clip(similarity[row, column], -1, 1))
    return found


def label(pairs: Sequence[Pair | None], count: int, *, same: float) -> list[str]:
    """What each of the `count` faces of the image is to the source."""
    names = ["added face"] * count
    for number, found in enumerate(pairs, 1):
        if found is not None:
            names[found[0]] = f"{'same' if found[1] >= same else 'another'} person as face {number} of the source"
    return names


def describe(similarities: Sequence[float | None], *, same: float, added: int) -> str:
    """What became of each face, in words."""
    words = [
        "lost" if value is None else f"{value:.3f} ({'same person' if value >= same else 'another person'})"
        for value in similarities
    ]
    return f"Faces of the source: {', '.join(words)}." + (f" {added} more in the image." if added else "")


def _unit(faces: Sequence[Face]) -> NDArray[np.float64]:
    vectors = np.array([face.vector for face in faces])
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
