"""Face identity: whether the people are still the same, by any recognition model and detector of DeepFace."""

from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

from autorater.assessment import Outcome
from autorater.errors import SpecialistError
from autorater.toolbox import View
from autorater_tools._face_matching import compare_faces
from autorater_tools._faces import Faces
from autorater_tools._offline import loading_from
from autorater_tools._weights import own_card, weights_path

CARD = "face_identity"
ENGINE = "pytorch"
"""Of DeepFace's engines the one whose weights the card names."""


class FaceIdentity:
    """DeepFace with a model and a detector by name; faces of all sources against those of the image, one to one."""

    def __init__(
        self, *, device: str = "cpu", weights: Path | None = None, model: str = "Facenet512", detector: str = "yunet"
    ) -> None:
        files = weight_files(weights, model=model, detector=detector)
        with loading_from(weights or Path("no weights"), CARD, *refusals(detector)):
            forget(detector)
            self.faces = Faces(files, model=model, detector=detector, device=device)
        known: Any = import_module("deepface.config.threshold")
        self.same = 1 - float(known.thresholds[model]["cosine"])

    def __call__(self, views: Sequence[View], /) -> list[Outcome]:
        """One outcome per view, in order."""
        return [compare_faces(view, self.faces.find, same=self.same, name=True, zero=False) for view in views]


def weight_files(weights: Path | None, *, model: str, detector: str) -> tuple[Path, ...]:
    """The files that this model and this detector load: from the store, or from the package that ships them.

    Raises:
        SpecialistError: one of them is missing.

    """
    card = own_card(CARD)
    found: list[Path] = []
    for one in card.files({"model": model, "detector": detector}):
        if one.package:
            found.append(weights_path(card, one.file))
        elif weights is None or not (weights / one.file).is_file():
            raise SpecialistError(f"{one.file} is not among the weights of {CARD}: run `autorater tools pull {CARD}`")
        else:
            found.append(weights / one.file)
    return tuple(found)


def refusals(detector: str) -> list[tuple[Any, dict[str, Any]]]:
    """What keeps DeepFace from downloading, and on the engine whose weights the card names."""
    packages = ["deepface", *(["retinaface"] if detector == "retinaface" else [])]
    changes: list[tuple[Any, dict[str, Any]]] = []
    for package in packages:
        changes.append((import_module(f"{package}.commons.weight_utils"), {"ensure_source_is_reachable": refuse}))
        changes.append((import_module(f"{package}.commons.backend_utils"), {"_backend_engine": ENGINE}))
    return changes


def refuse(url: str) -> None:
    """What stands in for the look before a download."""
    raise ConnectionError(f"{url} is not fetched: nothing is downloaded unasked")


def forget(detector: str) -> None:
    """Take RetinaFace, of which its package keeps one for the process, out of it, so that the given file is loaded."""
    if detector == "retinaface":
        import_module("retinaface.RetinaFace").__dict__.pop("model", None)
