"""Hands and bodies: the geometry here, the networks where their environment is."""

import numpy as np
import pytest
from numpy.typing import NDArray
from pictures import picture

from autorater.assessment import Declined, Region
from autorater.toolbox import View
from autorater_tools.hands_and_bodies import HandsAndBodies, asymmetries, box_of, describe


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


def test_nothing_to_find_is_declined() -> None:
    pytest.importorskip("mediapipe", reason="mediapipe lies in an environment of its own")
    assert isinstance(HandsAndBodies()([View(image=picture())])[0], Declined)
