"""A planted preference is learned from the pictures, and is not where the pictures cannot be seen; it is served."""

import json
import math
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from planted_preferences import plant_opinions, plant_pairs

from autorater.assessment import Measured, Outcome
from autorater.image import Picture, open_picture
from autorater.toolbox import View
from autorater_evals.figure import Figure
from autorater_evals.heads.running import train_heads
from autorater_evals.heads.settings import HeadResult, Settings
from autorater_tools._reward_form import read_form
from autorater_tools.reward_head import RewardHead
from autorater_tools.reward_preference import RewardPreference


def grey(level: int) -> Picture:
    return open_picture(Image.fromarray(np.full((16, 16, 3), level, dtype=np.uint8)))


def number(outcome: Outcome) -> float:
    assert isinstance(outcome, Measured), outcome
    return outcome.readings[0].value


def value(figures: tuple[Figure, ...]) -> float:
    assert figures[0].value is not None
    return figures[0].value


def train(folder: Path, data: Path, base: Path, **given: object) -> HeadResult:
    settings = Settings.model_validate({"epochs": 8, "rate": 0.01, "held_out": 0.3, **given})
    return train_heads(str(data), base=str(base), settings=settings, out=folder / "head")


def test_a_frozen_base_with_skipca_learns_what_people_see(tmp_path: Path, base: Path) -> None:
    result = train(tmp_path, plant_pairs(tmp_path / "data", 90), base, loss="bt", lora=False)
    (one,) = result.perspectives
    assert (one.trained, one.held_out, one.left_out) == (63, 27, {})
    assert value(one.before) < 0.5
    assert value(one.after) >= 0.95
    assert value(one.grey) == 0.5, "a grey picture tells nothing"
    assert one.after[0].interval is not None
    assert one.after[0].n == one.after[0].total == 27
    out = tmp_path / "head"
    assert HeadResult.model_validate_json((out / "evaluation.json").read_bytes()) == result
    assert "63 examples trained on" in (out / "card.md").read_text()
    assert sorted(path.name for path in (out / "head").iterdir()) == ["config.json", "head.safetensors"]
    assert str(tmp_path) not in (out / "head" / "config.json").read_text()
    head = RewardHead(weights=out)
    dark, light = head([View(grey(60), prompt="a thing"), View(grey(200), prompt="a thing")])
    assert number(dark) > number(light)
    assert isinstance(dark, Measured)
    assert "63 examples of jsonl (overall); on 27 that it never saw: accuracy half" in dark.text
    both = RewardPreference(weights=out)([View(grey(60), prompt="a thing", rival=grey(200))])[0]
    expected = 1 / (1 + math.exp(-(number(dark) - number(light)) / 0.1))
    assert number(both) == pytest.approx(expected, abs=1e-3)


def test_with_the_visual_path_cut_nothing_is_learned(tmp_path: Path, blind_base: Path) -> None:
    result = train(tmp_path, plant_pairs(tmp_path / "data", 60), blind_base, loss="bt", lora=False)
    assert abs(value(result.perspectives[0].after) - 0.5) < 0.1


def test_lora_projector_and_a_general_preference_learn_it_too(tmp_path: Path, base: Path) -> None:
    result = train(
        tmp_path, plant_pairs(tmp_path / "data", 90), base, loss="gpm", rank=2, alpha=4, epochs=3, rate=0.005
    )
    (one,) = result.perspectives
    assert value(one.after) >= 0.95
    (losses,) = one.losses
    assert losses.steps == 24
    assert losses.first is not None
    assert losses.last is not None
    assert losses.last < losses.first / 2
    out = tmp_path / "head"
    assert read_form(out / "head").size == 2
    dark, light = grey(60), grey(200)
    views = [View(dark, prompt="a thing", rival=light), View(light, prompt="a thing", rival=dark)]
    first, second = map(number, RewardPreference(weights=out)(views))
    assert first > 0.9
    assert first + second == pytest.approx(1, abs=2e-6)
    settings = json.loads((out / "head" / "lora" / "overall" / "adapter_config.json").read_text())
    assert (settings["r"], settings["base_model_name_or_path"]) == (2, "tiny-llava")


def test_truths_are_learned_from_opinions(tmp_path: Path, base: Path) -> None:
    result = train(tmp_path, plant_opinions(tmp_path / "data", 90), base, loss="ce", lora=False, epochs=12)
    (one,) = result.perspectives
    assert value(one.after) >= 0.9
    assert one.left_out == {"opinion equal to the median": 1}
    head = RewardHead(weights=tmp_path / "head")
    good, bad = head([View(grey(40), prompt="a thing"), View(grey(220), prompt="a thing")])
    assert number(good) > 0 > number(bad)


def test_a_regression_after_level_words_gives_opinions_on_their_scale(tmp_path: Path, base: Path) -> None:
    data = plant_opinions(tmp_path / "data", 80)
    result = train(tmp_path, data, base, loss="l1", rank=2, alpha=4, epochs=6, level_epochs=2, rate=0.005)
    (one,) = result.perspectives
    assert [figure.measure for figure in one.after] == ["spearman", "pearson"]
    assert value(one.after) >= 0.9
    assert one.grey[0].value is None or abs(one.grey[0].value) < 0.6
    levels, reward = one.losses
    assert (levels.stage, levels.steps, reward.stage, reward.steps) == ("levels", 14, "reward", 42)
    assert levels.first is not None
    assert levels.last is not None
    assert levels.last < levels.first
    form = read_form(tmp_path / "head" / "head")
    assert form.adapter is not None
    assert form.adapter.vision
    (asked,) = form.perspectives
    assert asked.answer == "The overall quality of the image is"
    head = RewardHead(weights=tmp_path / "head")
    scores = [number(outcome) for outcome in head([View(grey(level), prompt="thing 1") for level in (50, 130, 210)])]
    assert scores == sorted(scores, reverse=True)
    assert all(0 < score < 100 for score in scores), "opinions are from 12 to 88"
    assert scores[0] - scores[2] > 20
