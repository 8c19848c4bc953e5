"""The COCO detectors: decoding by hand, on tiny graphs, and the packaged networks themselves."""

from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest
import torch
from asking import cards, photograph, small
from human_models import human_models
from tiny_weights import tiny_weights

from autorater.assessment import Measured
from autorater.errors import SpecialistError
from autorater.image import open_picture
from autorater.toolbox import View
from autorater_tools._boxes import Box
from autorater_tools._coco import (
    CLASSES,
    CocoDetector,
    centernet_boxes,
    letterboxed,
    nanodet_boxes,
    surest_of_each_place,
    together,
)
from autorater_tools._tfjs import TfjsGraph
from autorater_tools.coco_objects import CocoObjects


def test_a_cell_of_nanodet_reaches_as_far_as_its_distributions_mean() -> None:
    distances = torch.full((13 * 13, 4, 11), -50.0)
    distances[:, :, 0] = 0  # no reach at all
    distances[13 + 2, 0, 1:4] = 50  # left: 1, 2 or 3 strides, 2 on average
    distances[13 + 2, 3, 10] = 50  # down: 10 strides
    _, corners = nanodet_boxes(torch.zeros(169, 80), distances.flatten(1), 32)
    across, down = (2.5 * 32, 1.5 * 32)
    expected = torch.tensor([across - 64, down, across, down + 320]) / 416
    assert torch.allclose(corners[13 + 2], expected, atol=1e-5)
    assert torch.allclose(corners[0], torch.tensor([16.0] * 4) / 416)


def test_a_thing_of_centernet_is_a_peak_and_its_four_reaches() -> None:
    heat, reach = torch.zeros(128, 128, 80), torch.zeros(128, 128, 4)
    heat[20, 30, 5], heat[20, 31, 5], heat[50, 60, 7] = 0.9, 0.8, 0.6
    reach[20, 30] = torch.tensor([8.0, 4.0, 16.0, 12.0])
    scores, corners = centernet_boxes(heat, reach)
    best, classes = scores.max(1)
    assert np.flatnonzero(best.numpy()).tolist() == [20 * 128 + 30, 50 * 128 + 60]
    assert classes[20 * 128 + 30] == 5
    assert list((corners[20 * 128 + 30] * 512).numpy()) == [120 - 8, 80 - 4, 120 + 16, 80 + 12]


def test_what_both_see_is_surer_and_one_place_holds_one_thing() -> None:
    here, shifted, there = (0.1, 0.1, 0.5, 0.5), (0.12, 0.1, 0.5, 0.5), (0.6, 0.6, 0.9, 0.9)
    everything = together(
        [Box("cat", 0.5, here), Box("dog", 0.55, shifted), Box("car", 0.3, there)],
        [Box("cat", 0.4, shifted), Box("bird", 0.2, there)],
    )
    assert [one.box.label for one in everything] == ["cat", "dog", "car", "bird"]
    seen = surest_of_each_place(everything)
    assert [(one.box.label, one.box.score, one.both) for one in seen] == [("cat", 0.7, True), ("car", 0.3, False)]
    assert seen[0].box.corners == here
    assert together([], []) == []


def test_a_letterbox_keeps_proportions() -> None:
    square = letterboxed(photograph("coffee").resize((300, 100)), 416)
    assert square.shape == (416, 416, 3)
    rows = square.any((1, 2))
    assert (int(rows.argmax()), int(rows.sum())) == ((416 - 139) // 2, 139)


def test_counts_and_words_on_tiny_graphs() -> None:
    found = CocoObjects(weights=tiny_weights("coco_objects"), threshold=0.3)
    (outcome,) = found([View(image=small("astronaut"))])
    assert isinstance(outcome, Measured)
    values = {reading.quantity: reading.value for reading in outcome.readings}
    assert values["objects"] >= len(outcome.regions) > 0
    assert values["classes"] <= values["objects"]
    assert outcome.text.startswith("Found: ")
    (nothing,) = CocoObjects(weights=tiny_weights("coco_objects"), threshold=1.0)([View(image=small("astronaut"))])
    assert isinstance(nothing, Measured)
    assert [reading.value for reading in nothing.readings] == [0, 0, 0]
    assert nothing.text == "None of the 80 kinds of things that it knows was found."


@pytest.mark.parametrize("wrong", [-0.1, 1.5, float("nan")])
def test_a_threshold_that_no_score_can_have_is_refused(wrong: float) -> None:
    with pytest.raises(SpecialistError, match=r"coco_objects\.threshold: expected 0 to 1, got"):
        CocoObjects(weights=tiny_weights("coco_objects"), threshold=wrong)


def test_no_weights_at_all() -> None:
    with pytest.raises(SpecialistError, match="run `autorater tools pull coco_objects`"):
        CocoObjects()


# From here on with the packaged networks.


def test_the_card_names_the_packaged_files() -> None:
    for weights in cards()["coco_objects"].meta.weights:
        data = (human_models() / weights.file).read_bytes()
        assert (sha256(data).hexdigest(), len(data)) == (weights.sha256, weights.bytes)


def test_the_networks_give_what_tensorflow_js_gives() -> None:
    """Mean, deviation, greatest value and its place, as @tensorflow/tfjs 4 on its CPU backend computes them."""
    random = np.random.default_rng(0)
    noise = torch.tensor(random.normal(size=(1, 3, 416, 416)).astype(np.float32))
    pixels = torch.tensor(random.uniform(0, 255, size=(1, 512, 512, 3)).astype(np.float32))
    names = [f"Identity{ending}" for ending in ("", "_1", "_2", "_3", "_4", "_5")]
    outputs = TfjsGraph(human_models() / "nanodet.json")({"input_1": noise}, names)
    graph = TfjsGraph(human_models() / "centernet.json")
    outputs += graph({"tower_0/images": pixels}, ["tower_0/keypoints", "tower_0/wh"])
    expected = [
        (0.005109897949668153, 0.0029581530418400863, 0.04680195823311806, (0, 965, 51)),
        (0.006914907373389272, 0.0024854577387674924, 0.025552602484822273, (0, 142, 0)),
        (0.013807332612327493, 0.01296460134965827, 0.2458026260137558, (0, 83, 72)),
        (-2.853346269902377e-06, 0.9129930812576736, 4.873893737792969, (0, 2183, 22)),
        (-1.866106521045699e-05, 0.5332198025449593, 2.095062494277954, (0, 82, 15)),
        (-2.9074111132709195e-05, 0.9728387311252498, 4.123162746429443, (0, 83, 5)),
        (0.001704501251625562, 0.0020613062592626146, 0.21644428372383118, (0, 63, 63, 25)),
        (128.96779325750867, 82.03120436021275, 294.9532775878906, (0, 48, 69, 3)),
    ]
    for output, (mean, deviation, greatest, place) in zip(outputs, expected, strict=True):
        values = output.double().numpy()
        assert values.mean() == pytest.approx(mean, rel=1e-5, abs=2e-6)
        assert values.std() == pytest.approx(deviation, rel=1e-5)
        assert values.max() == pytest.approx(greatest, rel=1e-5)
        assert np.unravel_index(values.argmax(), values.shape) == place


@pytest.mark.parametrize(("name", "label"), [("astronaut", "person"), ("chelsea", "cat"), ("coffee", "cup")])
def test_photographs(name: str, label: str) -> None:
    detector = CocoDetector(human_models())
    found = detector.find(open_picture(photograph(name)), threshold=0.4)
    assert found[0].box.label == label
    assert label in CLASSES
    (outcome,) = CocoObjects(weights=human_models(), threshold=0.4)([View(image=open_picture(photograph(name)))])
    assert isinstance(outcome, Measured)
    assert label in outcome.text


def test_a_wide_picture_has_its_boxes_where_the_things_are() -> None:
    wide = open_picture(np.pad(np.asarray(photograph("chelsea")), ((0, 0), (451, 0), (0, 0))))
    found = CocoDetector(Path(human_models())).find(wide, threshold=0.3)
    assert found[0].box.label == "cat"
    assert found[0].box.corners[0] > 0.45
