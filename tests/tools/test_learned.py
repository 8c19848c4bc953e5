"""Photo quality and content labels: what they prefer, and the figures of the study that the matches come from."""

import json

import pytest
from asking import ask, data_set, small, values
from PIL import ImageFilter

from autorater.assessment import Measured
from autorater_tools._concepts import concepts

NAMES = ("astronaut", "coffee", "chelsea")

MATCHES = {"avt_0000": (0.1840, 0.0819), "avt_0003": (0.0356, -0.0897), "avt_0006": (0.5256, 0.5012)}


@pytest.mark.parametrize("name", NAMES)
def test_a_blurred_photograph_has_less_quality(name: str) -> None:
    clear = small(name, 320).rgb()
    blurred = clear.filter(ImageFilter.GaussianBlur(2))
    assert values("photo_quality", blurred)["quality"] < values("photo_quality", clear)["quality"] - 0.05


def test_photo_quality_follows_people() -> None:
    root = data_set("biq2021-subset")
    rows = [json.loads(line) for line in (root / "items.jsonl").read_text(encoding="utf-8").splitlines()]
    rows.sort(key=lambda row: row["human"]["mos"])
    found = [values("photo_quality", root / row["image"])["quality"] for row in (*rows[:3], *rows[-3:])]
    assert max(found[:3]) < min(found[3:])


@pytest.mark.parametrize("identity", MATCHES)
def test_the_matches_are_those_of_the_study(identity: str) -> None:
    root = data_set("avt-ai-images")
    rows = map(json.loads, (root / "items.jsonl").read_text(encoding="utf-8").splitlines())
    row = next(row for row in rows if row["id"] == identity)
    found = values("content_labels", root / row["image"], prompt=row["prompt"])
    assert (found["prompt_match"], found["concept_match"]) == pytest.approx(MATCHES[identity], abs=2e-3)


def test_the_subject_matches_its_own_words() -> None:
    right = values("content_labels", small("coffee", 400), prompt="a cup of espresso on a table")
    wrong = values("content_labels", small("coffee", 400), prompt="a violin in a forest")
    assert right["prompt_match"] > 0.5 > wrong["prompt_match"]
    assert right["concept_match"] > wrong["concept_match"]
    outcome = ask("content_labels", small("coffee", 400), prompt="")
    assert isinstance(outcome, Measured)
    assert "espresso" in outcome.text


def test_content_words_of_a_prompt() -> None:
    assert concepts("Two cats and one dog sitting on the grass") == ["cat", "dog", "grass"]
    assert concepts("A couple of red glasses, with berries and boxes") == ["glasses", "berry", "box"]
    assert concepts("It is what it is") == []
