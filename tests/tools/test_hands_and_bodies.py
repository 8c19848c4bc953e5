"""Hands and bodies: the geometry here, the networks where their environment is."""

import os
from pathlib import Path

import numpy as np
import pytest
from asking import photograph
from numpy.typing import NDArray
from pictures import picture

from autorater.assessment import Declined, Measured, Region
from autorater.image import open_picture
from autorater.toolbox import Toolbox, View
from autorater_tools.hands_and_bodies import asymmetries, box_of, describe


def body(**ends: tuple[float, float, float]) -> "NDArray[np.float64]":
    points = np.zeros((33, 3))
    for name, place in ends.items():
        points[int(name.removeprefix("p"))] = place
    return points


def test_limbs_are_compared_where_both_sides_are_seen() -> None:
    metres = body(p11=(0, 0, 0), p13=(0.3, 0, 0), p12=(1, 0, 0), p14=(1, 0, 0.2), p15=(0.3, 0.4, 0), p16=(1, 0, 0.6))
    seen = np.zeros(33)
    seen[[11, 12, 13, 14]] = 0.9
    assert asymmetries(metres, seen) == pytest.approx({"upper arm": 0.1 / 0.3})
    seen[[15, 16]] = 0.5
    assert asymmetries(metres, seen) == pytest.approx({"upper arm": 0.1 / 0.3, "forearm": 0.0})


def test_a_box_stays_within_the_image() -> None:
    assert box_of(np.array([[-0.2, 0.3], [0.5, 1.4]])) == (0.0, 0.3, 0.5, 1.0)


def test_words() -> None:
    hands = [Region(label="left hand", box=(0, 0, 1, 1), score=0.975)]
    assert describe(hands, None) == "Hands: left hand (0.97). No body."
    assert describe([], {}) == "Hands: none. Left and right differ in length: not seen on both sides."
    assert describe([], {"shin": 0.2}) == "Hands: none. Left and right differ in length: shin 20%."


def test_the_networks_run_in_a_worker_with_an_environment_of_their_own(monkeypatch: pytest.MonkeyPatch) -> None:
    folder = os.environ.get("TESTED_ENVIRONMENTS")
    if not folder or not Path(folder, "hands_and_bodies").is_dir():
        pytest.skip("TESTED_ENVIRONMENTS names no folder with what `autorater tools env hands_and_bodies` made")
    monkeypatch.setenv("AUTORATER_ENVIRONMENTS", folder)
    toolbox = Toolbox()
    try:
        toolbox.require(["hands_and_bodies"])
        portrait = open_picture(np.asarray(photograph("astronaut")))
        found, nothing = [
            toolbox.submit("hands_and_bodies", View(image=image)).result(timeout=120)[0]
            for image in (portrait, picture())
        ]
    finally:
        toolbox.close()
    assert isinstance(nothing, Declined)
    assert isinstance(found, Measured)
    values = {reading.quantity: reading.value for reading in found.readings}
    assert values["bodies"] == 1
    assert 0.2 < values["joints_seen"] < 0.8
    body = next(region for region in found.regions if region.label == "body")
    assert body.box[0] < 0.45 < body.box[2]
