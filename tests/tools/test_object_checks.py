"""Claims of prompts: how they are read, how boxes answer them, and real pictures."""

from pathlib import Path

import numpy as np
import pytest
from asking import photograph
from human_models import human_models
from PIL import Image
from tiny_weights import tiny_weights

from autorater.assessment import Declined, Measured
from autorater.errors import SpecialistError
from autorater.image import Picture, open_picture
from autorater.toolbox import View
from autorater_tools._boxes import Box, Corners
from autorater_tools._claims import Claim, count_answer, find_claims, offset, position_answer, stands
from autorater_tools._detectors import classes_of, noun_of, open_detector
from autorater_tools.object_checks import ObjectChecks, colour_answer, colour_share


@pytest.mark.parametrize(
    ("prompt", "expected"),
    [
        ("two red apples", ["exactly 2 apple", "2 apple is red"]),
        ("a cat to the left of a dog", ["at least 1 cat", "at least 1 dog", "cat left of dog"]),
        ("A cup is on the right side of the book", ["at least 1 cup", "cup right of book"]),
        ("the car is red and the bus is blue", ["car is red", "bus is blue"]),
        ("a bird above a car", ["at least 1 bird", "at least 1 car", "bird above car"]),
        ("three people next to a bench", ["exactly 3 person", "at least 1 bench", "person next to bench"]),
        ("a cat sitting on top of a sofa", ["at least 1 cat", "at least 1 sofa", "cat on top of sofa"]),
        ("a red car and a blue car", ["at least 2 car", "car is red", "car is blue"]),
        ("cats and dogs", []),
        ("make it brighter", []),
    ],
)
def test_claims(prompt: str, expected: list[str]) -> None:
    assert [claim.text for claim in find_claims(prompt)] == expected


def boxes(*scores: float) -> list[Box]:
    return [Box("cat", score, (0.1 * place, 0, 0.1 * place + 0.05, 1)) for place, score in enumerate(scores)]


@pytest.mark.parametrize(
    ("count", "exact", "scores", "answer"),
    [
        (2, True, (0.9, 0.8), "yes"),
        (2, True, (0.9, 0.8, 0.7), "no"),
        (2, True, (0.9,), "no"),
        (2, True, (0.9, 0.3), "cannot tell"),  # one or two
        (2, True, (0.9, 0.8, 0.3), "yes"),  # the third is taken for nothing
        (2, True, (0.3,), "no"),
        (1, False, (0.9, 0.8, 0.3), "yes"),
        (1, False, (0.3,), "cannot tell"),
        (1, False, (), "no"),
    ],
)
def test_counts_within_the_doubt(count: int, exact: bool, scores: tuple[float, ...], answer: str) -> None:
    assert count_answer(Claim("count", "", "cat", count=count, exact=exact), boxes(*scores), sure=0.5) == answer


HERE: Corners = (0.4, 0.4, 0.6, 0.6)


@pytest.mark.parametrize(
    ("one", "relations"),
    [
        ((0.0, 0.4, 0.2, 0.6), {"left of"}),
        ((0.8, 0.4, 1.0, 0.6), {"right of"}),
        ((0.4, 0.0, 0.6, 0.2), {"above"}),
        ((0.4, 0.8, 0.6, 1.0), {"below"}),
        ((0.0, 0.0, 0.2, 0.2), {"left of", "above"}),
        ((0.45, 0.22, 0.55, 0.42), {"above", "on top of"}),
        ((0.25, 0.45, 0.38, 0.6), {"left of", "next to"}),
        (HERE, set[str]()),
    ],
)
def test_positions(one: Corners, relations: set[str]) -> None:
    known = ("left of", "right of", "above", "below", "on top of", "next to")
    assert {relation for relation in known if stands(one, relation, HERE, stretch=1)} == relations


def geneval(one: Corners, other: Corners, width: int, height: int) -> set[str]:
    """Left, right, above and below as GenEval's evaluate_images.py computes them, on pixels."""
    a, b = (np.array(box).reshape(2, 2) * (width, height) for box in (one, other))
    apart = a.mean(0) - b.mean(0)
    slack = 0.1 * (np.ptp(a, axis=0) + np.ptp(b, axis=0))
    across, down = np.sign(apart) * np.maximum(np.abs(apart) - slack, 0) / (np.linalg.norm(apart) or 1)
    parts = {"left of": -across, "right of": across, "above": -down, "below": down}
    return {relation for relation, part in parts.items() if part > 0.5}


def box_between(points: np.ndarray[tuple[int, ...], np.dtype[np.float64]]) -> Corners:
    left, top, right, bottom = (float(value) for value in np.sort(points, axis=0).ravel())
    return left, top, right, bottom


@pytest.mark.parametrize(("width", "height"), [(512, 512), (1024, 256), (200, 700)])
def test_directions_are_those_of_geneval(width: int, height: int) -> None:
    random = np.random.default_rng(5)
    seen: set[frozenset[str]] = set()
    for _ in range(300):
        one, other = (box_between(random.random((2, 2))) for _ in range(2))
        expected = geneval(one, other, width, height)
        known = ("left of", "right of", "above", "below")
        assert {name for name in known if stands(one, name, other, stretch=width / height)} == expected
        seen.add(frozenset(expected))
    assert len(seen) >= 6


def test_a_diagonal_between_large_boxes_is_no_direction() -> None:
    one, other = (0.0, 0.0, 0.3, 0.3), (0.2, 0.2, 0.5, 0.5)
    assert not stands(one, "left of", other, stretch=1)
    assert stands(one, "left of", other, stretch=2)  # in a wide picture it is


def test_an_offset_is_shortened_by_a_tenth_of_both_sizes() -> None:
    assert offset((0.0, 0.4, 0.2, 0.6), HERE) == (pytest.approx(-0.4 + 0.04), 0)


def test_a_position_needs_both_things() -> None:
    claim = Claim("position", "", "cat", relation="left of", other="dog")
    cat, dog = [Box("cat", 0.9, (0, 0, 0.2, 1))], [Box("dog", 0.9, (0.7, 0, 1, 1))]
    assert position_answer(claim, {"cat": cat, "dog": dog}, sure=0.5, stretch=1) == "yes"
    assert position_answer(claim, {"cat": dog, "dog": cat}, sure=0.5, stretch=1) == "no"
    assert position_answer(claim, {"cat": cat, "dog": []}, sure=0.5, stretch=1) == "cannot tell"
    assert position_answer(claim, {"cat": cat, "dog": [Box("dog", 0.4, HERE)]}, sure=0.5, stretch=1) == "cannot tell"


@pytest.mark.parametrize(
    ("covered", "answer"),
    [((0.5, 0.3), "yes"), ((0.5,), "yes"), ((0.5, 0.1), "cannot tell"), ((0.5, 0.01), "no"), ((), "cannot tell")],
)
def test_colours(covered: tuple[float, ...], answer: str) -> None:
    assert colour_answer(Claim("colour", "", "car", count=2, colour="red"), covered) == answer


def test_the_colour_of_a_box_is_that_of_its_inner_part() -> None:
    pixels = np.full((100, 100, 3), (0, 0, 255), np.uint8)
    pixels[30:70, 30:70] = (230, 20, 20)
    picture = open_picture(pixels)
    assert colour_share(picture, Box("car", 1, (0.25, 0.25, 0.75, 0.75)), "red") == 1
    assert colour_share(picture, Box("car", 1, (0, 0, 1, 1)), "red") == pytest.approx(1600 / 3600)
    assert colour_share(picture, Box("car", 1, (0.999, 0.999, 1, 1)), "blue") == 1


def test_nouns_are_matched_with_classes() -> None:
    assert noun_of(("old", "men")) == "man"
    assert noun_of(("hot", "dogs")) == "hot dog"
    assert noun_of(("flower", "pot")) == "pot"
    assert classes_of("man") == {"person"}
    assert classes_of("glass") == {"wine glass", "cup"}
    assert classes_of("unicorn") == set()


def checks(weights: Path) -> ObjectChecks:
    return ObjectChecks(weights=weights)


def test_what_the_detector_does_not_know_is_never_a_no() -> None:
    view = View(image=open_picture(photograph("coffee")), prompt="two unicorns above a violin")
    (outcome,) = checks(tiny_weights("object_checks"))([view])
    assert isinstance(outcome, Declined)
    assert "unicorn above violin: cannot tell" in outcome.reason
    assert "Not known to the detector: unicorn, violin" in outcome.reason


def test_a_prompt_without_claims_is_declined() -> None:
    (outcome,) = checks(tiny_weights("object_checks"))([View(image=open_picture(photograph("coffee")), prompt="cats")])
    assert isinstance(outcome, Declined)
    assert "says nothing of number, colour or position" in outcome.reason


def test_weights_are_needed() -> None:
    with pytest.raises(SpecialistError, match="run `autorater tools pull coco_objects`"):
        ObjectChecks()
    with pytest.raises(SpecialistError, match="run `autorater tools pull grounding_dino`"):
        open_detector("grounding_dino", None, device="cpu")


def beside() -> Picture:
    """A cat on the left, an astronaut on the right."""
    canvas = Image.new("RGB", (800, 400), (90, 120, 90))
    canvas.paste(photograph("chelsea").resize((390, 260)), (0, 100))
    canvas.paste(photograph("astronaut").resize((390, 390)), (410, 5))
    return open_picture(canvas)


def test_a_picture_with_the_packaged_networks() -> None:
    prompt = "one cat to the left of a woman, two dogs, an orange cat and a dragon"
    (outcome,) = checks(human_models())([View(image=beside(), prompt=prompt)])
    assert isinstance(outcome, Measured)
    told = dict(part.split(": ") for part in outcome.text.split(". ")[0].split("; "))
    assert told["at least 1 woman"] == "yes"
    assert told["cat left of woman"] == "yes"
    assert told["exactly 2 dog"] == "no"
    assert told["at least 1 dragon"] == "cannot tell"
    assert {region.label for region in outcome.regions} == {"cat", "woman"}
    readings = {reading.quantity: reading.value for reading in outcome.readings}
    assert readings["claims"] == len(told)
    assert readings["told"] == sum(answer != "cannot tell" for answer in told.values())
    assert readings["met"] == sum(answer == "yes" for answer in told.values()) / readings["told"]


def test_grounding_dino_finds_what_coco_does_not_know(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "grounding_dino").symlink_to(tiny_weights("grounding_dino"))
    monkeypatch.setenv("AUTORATER_WEIGHTS", str(tmp_path))
    (outcome,) = ObjectChecks(detector="grounding_dino")([View(image=beside(), prompt="a street above a carpet")])
    assert isinstance(outcome, Measured)
    assert "at least 1 street: " in outcome.text
    assert "Not known" not in outcome.text
    assert {region.label for region in outcome.regions} <= {"street", "carpet"}
    assert open_detector("grounding_dino", None, device="cpu").find(beside(), []) == {}
