"""Faces through DeepFace, on weights that a package ships: nothing is downloaded and no home folder is touched."""

import importlib
import os
import shutil
import weakref
from collections.abc import Generator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from functools import lru_cache, partial
from hashlib import sha256
from itertools import count
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray
from platformdirs import user_cache_path

from autorater.card import Card
from autorater.image import Picture
from autorater_tools._building import BUILDING
from autorater_tools._pixels import pixels_at_most
from autorater_tools._weights import known_sha256, weights_path

LONGER_SIDE = 768
SURE = 0.3
"""Detections of less confidence are dropped: they are mostly folds of cloth and foliage."""
Registry = dict[str, dict[str, Any]]
_NUMBERS = count(1)
FILES = ("dlib_face_recognition_resnet_model_v1.dat", "shape_predictor_5_face_landmarks.dat")


@dataclass(frozen=True, slots=True)
class Face:
    """One face: its embedding, its box as fractions of the picture, the detector's confidence 0 to 1."""

    vector: NDArray[np.float64]
    box: tuple[float, float, float, float]
    confidence: float


class Faces:
    """DeepFace (Serengil and Ozpinar, 2020) with one of its models and one of its detectors.

    The default is dlib's recognition network with its detector (King, JMLR 2009). The package keeps one client
    of a name for the whole process; here each object has its own, under names that nobody else asks for.
    """

    def __init__(
        self, weights: tuple[Path, ...], *, model: str = "Dlib", detector: str = "dlib", device: str = "cpu"
    ) -> None:
        self.key = ("deepface", model, detector, device, *map(str, weights))
        home = home_of(weights)
        with homing(home):
            self.deepface: Any = importlib.import_module("deepface.DeepFace")
            modelling: Any = importlib.import_module("deepface.modules.modeling")
            number = next(_NUMBERS)
            own = {
                task: (f"{name} {number}", _moved(modelling.get_model_class(task, name)(), device))
                for task, name in (("facial_recognition", model), ("face_detector", detector))
            }
            kept: Registry = modelling.__dict__.setdefault(
                "cached_models", {task: {} for task in modelling.AVAILABLE_MODELS}
            )
            for task, (name, client) in own.items():
                kept[task][name] = client
                weakref.finalize(self, kept[task].pop, name, None)
        self.names = {"model_name": own["facial_recognition"][0], "detector_backend": own["face_detector"][0]}
        # CenterFace opens its file anew at every call.
        self.at_work = partial(homing, home) if detector == "centerface" else nullcontext
        self.absent: Any = importlib.import_module("deepface.modules.exceptions").FaceNotDetected

    def find(self, picture: Picture) -> tuple[Face, ...]:
        """The faces of `picture`, from left to right; computed once for a picture."""
        return picture.remember(self.key, lambda: self._find(picture))

    def _find(self, picture: Picture) -> tuple[Face, ...]:
        pixels = pixels_at_most(picture, LONGER_SIDE)
        height, width = pixels.shape[:2]
        blue_first = np.ascontiguousarray(pixels[:, :, ::-1])  # DeepFace reads arrays as blue-green-red
        try:
            with self.at_work():
                found = self.deepface.represent(blue_first, **self.names)
        except self.absent:
            return ()
        faces = [_face(row, width, height) for row in cast("list[dict[str, Any]]", found)]
        return tuple(sorted((face for face in faces if face.confidence >= SURE), key=lambda face: face.box))


def load_faces(card: Card) -> Faces:
    """DeepFace with the two weights files of `card`, loaded once in a process."""
    return _load(tuple(weights_path(card, name) for name in FILES))


@lru_cache
def _load(weights: tuple[Path, ...]) -> Faces:
    return Faces(weights)


def _moved(client: Any, device: str) -> Any:
    """The client on `device`: DeepFace takes a GPU when there is one. What runs on OpenCV or dlib stays where it is."""
    module = next((one for one in (client, getattr(client, "model", None)) if hasattr(one, "device")), None)
    if module is not None and hasattr(client.model, "to"):
        torch: Any = importlib.import_module("torch")
        module.device = torch.device(device)
        client.model = client.model.to(module.device)
    return client


def _face(found: dict[str, Any], width: int, height: int) -> Face:
    area = found["facial_area"]
    left, top = _inside(area["x"] / width), _inside(area["y"] / height)
    right, bottom = _inside((area["x"] + area["w"]) / width), _inside((area["y"] + area["h"]) / height)
    box = (left, top, right, bottom)
    confidence = min(1.0, max(0.0, float(found["face_confidence"])))
    return Face(np.array(found["embedding"], dtype=np.float64), box, confidence)


def _inside(place: float) -> float:
    """Detectors see faces that reach beyond the picture."""
    return min(1.0, max(0.0, place))


def home_of(weights: tuple[Path, ...]) -> Path:
    """A home for DeepFace in the user's cache, one for these weights, with them in it under their names."""
    of = sha256("\n".join(map(str, weights)).encode()).hexdigest()[:16]
    home = user_cache_path("autorater") / "deepface" / of
    folder = home / ".deepface" / "weights"
    folder.mkdir(parents=True, exist_ok=True)
    for path in weights:
        part = folder / path.parent.name if path.parent.name == "buffalo_l" else folder
        part.mkdir(exist_ok=True)
        _place(path, part / path.name)
    return home


@contextmanager
def homing(home: Path) -> Generator[None]:
    """DeepFace's home for a while, one at a time; then the environment is as before."""
    with BUILDING:
        before = os.environ.get("DEEPFACE_HOME")
        os.environ["DEEPFACE_HOME"] = str(home)
        try:
            yield
        finally:
            if before is None:
                del os.environ["DEEPFACE_HOME"]
            else:
                os.environ["DEEPFACE_HOME"] = before


def _place(source: Path, target: Path) -> None:
    """Make `target` the file `source`: a link where the system allows one, else a copy that appears at once."""
    if target.exists() and (target.samefile(source) or known_sha256(target) == known_sha256(source)):
        return
    fresh = target.with_name(f"{target.name}.{os.getpid()}")
    try:
        fresh.symlink_to(source)
    except OSError:  # Windows without the right to make links
        shutil.copyfile(source, fresh)
    fresh.replace(target)
