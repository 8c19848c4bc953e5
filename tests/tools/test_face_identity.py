"""Any model and detector of DeepFace: as face_similarity with Dlib, on random tensors with Facenet512."""

import gc
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from asking import ask, cards, flat, photograph
from PIL import Image

from autorater.assessment import Declined, Measured, Outcome
from autorater.card import CardMeta
from autorater.errors import SpecialistError
from autorater.image import open_picture
from autorater.toolbox import View

torch = pytest.importorskip("torch")
if cards()["face_identity"].missing():
    pytest.skip("face_identity needs the extra embedded", allow_module_level=True)

from tiny_faces import build, write_facenet  # noqa: E402

from autorater_tools._face_matching import describe, label, pair  # noqa: E402
from autorater_tools._faces import Face  # noqa: E402
from autorater_tools.face_identity import FaceIdentity  # noqa: E402


def twice() -> Image.Image:
    image = Image.new("RGB", (1024, 512))
    image.paste(photograph("astronaut"), (0, 0))
    image.paste(photograph("astronaut"), (512, 0))
    return image


def look(specialist: FaceIdentity, image: Any, source: Any) -> Outcome:
    return specialist([View(image=open_picture(image), sources=(open_picture(source),))])[0]


def face(*vector: float) -> Face:
    return Face(np.array(vector), (0, 0, 1, 1), 1)


def test_dlib_gives_the_same_as_face_similarity() -> None:
    specialist = FaceIdentity(model="Dlib", detector="dlib")
    for image, source in ((twice(), photograph("astronaut")), (photograph("astronaut"), photograph("astronaut"))):
        one, other = look(specialist, image, source), ask("face_similarity", image, sources=[source])
        assert isinstance(one, Measured)
        assert isinstance(other, Measured)
        assert one.readings == other.readings
        assert one.text == other.text
        assert [region.box for region in one.regions] == [region.box for region in other.regions]


def test_lost_faces_are_counted_and_no_number_stands_for_their_similarity() -> None:
    specialist = FaceIdentity(model="Dlib", detector="dlib")
    gone = look(specialist, photograph("coffee"), photograph("astronaut"))
    assert gone == Declined(reason="no face was found in the image: of the source, 1 lost")
    zero = ask("face_similarity", photograph("coffee"), sources=[photograph("astronaut")])
    assert isinstance(zero, Measured)
    assert [reading.value for reading in zero.readings] == [0, 0, 1, 0, 1, 0]
    half = look(specialist, photograph("astronaut"), twice())
    assert isinstance(half, Measured)
    assert [reading.value for reading in half.readings][2:] == [2, 1, 1, 0]
    assert min(reading.value for reading in half.readings[:2]) > 0.95
    assert "lost" in half.text


def test_each_has_its_own_weights_and_device(tmp_path: Path) -> None:
    """DeepFace keeps one client of a name for the whole process."""
    registry: Any = import_module("deepface.modules.modeling")
    made: list[FaceIdentity] = []
    for number in (3, 4):
        (tmp_path / str(number)).mkdir()
        write_facenet(tmp_path / str(number) / "facenet512_weights.pth", seed=number)
        made.append(FaceIdentity(weights=tmp_path / str(number), model="Facenet512", detector="dlib"))
    picture = open_picture(photograph("astronaut"))
    vectors = [one.faces.find(picture)[0].vector for one in (*made, *made)]
    assert not np.allclose(vectors[0], vectors[1])
    assert np.array_equal(vectors[0], vectors[2])
    assert np.array_equal(vectors[1], vectors[3])
    on_meta = FaceIdentity(weights=tmp_path / "3", model="Facenet512", detector="dlib", device="meta")
    devices = [
        registry.cached_models["facial_recognition"][one.faces.names["model_name"]].device.type
        for one in (*made, on_meta)
    ]
    assert devices == ["cpu", "cpu", "meta"]
    assert on_meta.faces.key != made[0].faces.key
    names = [one.faces.names["model_name"] for one in (*made, on_meta)]
    del made, on_meta
    gc.collect()
    assert not set(names) & set(registry.cached_models["facial_recognition"])


def test_faces_are_named_in_the_image() -> None:
    outcome = look(FaceIdentity(model="Dlib", detector="dlib"), twice(), photograph("astronaut"))
    assert isinstance(outcome, Measured)
    assert sorted(region.label for region in outcome.regions) == ["added face", "same person as face 1 of the source"]


def test_another_model_runs_on_its_own_weights(tmp_path: Path) -> None:
    write_facenet(tmp_path / "facenet512_weights.pth")
    specialist = FaceIdentity(weights=tmp_path, model="Facenet512", detector="dlib")
    assert specialist.same == pytest.approx(0.70)
    outcome = look(specialist, photograph("astronaut"), photograph("astronaut"))
    assert isinstance(outcome, Measured)
    assert outcome.readings[0].value == pytest.approx(1)
    assert isinstance(look(specialist, photograph("astronaut"), photograph("coffee")), Declined)
    assert specialist.faces.find(open_picture(photograph("astronaut")))[0].vector.shape == (512,)


def test_the_default_model_and_detector_run(tmp_path: Path) -> None:
    build(tmp_path)
    outcome = look(FaceIdentity(weights=tmp_path), photograph("astronaut"), photograph("astronaut"))
    assert isinstance(outcome, Measured)
    found = {reading.quantity: reading.value for reading in outcome.readings}
    assert found["worst_similarity"] == pytest.approx(1)
    assert found["faces_in_source"] == found["faces_in_image"] == len(outcome.regions) >= 1
    assert (found["lost_faces"], found["added_faces"]) == (0, 0)


def test_a_missing_or_damaged_file_is_told_and_nothing_is_fetched(tmp_path: Path) -> None:
    for options, file in (
        ({"model": "Facenet512", "detector": "dlib"}, "facenet512_weights.pth"),
        ({"model": "Dlib", "detector": "yunet"}, "face_detection_yunet_2023mar.onnx"),
        ({"model": "SFace", "detector": "dlib"}, "face_recognition_sface_2021dec.onnx"),
    ):
        with pytest.raises(SpecialistError, match=rf"{file} is not among.*tools pull face_identity"):
            FaceIdentity(weights=tmp_path, **options)
        (tmp_path / file).write_bytes(b"<html>not found</html>")
        with pytest.raises(SpecialistError, match=r"cannot be loaded.*tools pull face_identity"):
            FaceIdentity(weights=tmp_path, **options)


def test_a_detector_whose_package_is_absent_is_told() -> None:
    if find_spec("mtcnn"):
        pytest.skip("mtcnn is installed")
    with pytest.raises(SpecialistError, match="cannot be loaded"):
        FaceIdentity(model="Dlib", detector="mtcnn")


def test_pairing_is_one_to_one_over_all_faces() -> None:
    """The best single pair (0.98) is given up for the best sum; the greedy way would leave 0 for the other face."""
    before = [face(1, 0), face(np.cos(0.2), np.sin(0.2))]
    after = [face(np.cos(0.1), np.sin(0.1)), face(0, 1)]
    pairs = pair(before, after)
    assert [found and found[0] for found in pairs] == [0, 1]
    assert pair(before, []) == [None, None]
    assert pair(before, after[:1])[1] is None or pair(before, after[:1])[0] is None
    assert label([(1, 0.9), None], 2, same=0.7) == ["added face", "same person as face 1 of the source"]
    assert describe([0.9, None], same=0.7, added=1) == (
        "Faces of the source: 0.900 (same person), lost. 1 more in the image."
    )


def test_the_card_names_a_file_for_every_choice_or_none_is_needed() -> None:
    card = cards()["face_identity"]
    needs_none = {"opencv", "mtcnn", "fastmtcnn", "mediapipe"}
    choices = {option.name: option.choices for option in CardMeta.model_validate(card.meta.model_dump()).options}
    for model in choices["model"]:
        assert len(card.files({"model": model, "detector": "opencv"})) == 1
    for detector in choices["detector"]:
        found = card.files({"model": "none", "detector": detector})
        assert bool(found) != (detector in needs_none)


def test_models_and_detectors_are_the_packages() -> None:
    known: Any = import_module("deepface.modules.modeling")
    options = {option.name: set(option.choices) for option in cards()["face_identity"].meta.options}
    assert options["model"] == set(known.AVAILABLE_MODELS["facial_recognition"])
    detectors = set(known.AVAILABLE_MODELS["face_detector"])
    assert options["detector"] == {name for name in detectors if not name.startswith("yolo")}


def test_a_source_is_needed() -> None:
    with pytest.raises(SpecialistError, match="source image is needed"):
        FaceIdentity(model="Dlib", detector="dlib")([View(image=open_picture(flat()))])
