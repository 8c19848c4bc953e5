"""A planted preference is learned from the pictures, and is not where the pictures cannot be seen; it is served."""

import json
import math
from pathlib import Path

import pytest
from head_trials import grey, number, train, value

from autorater.assessment import Measured
from autorater.toolbox import View
from autorater_evals.heads.data import SplitTold
from autorater_evals.heads.planted import plant_pairs
from autorater_evals.heads.settings import HeadResult
from autorater_tools._reward_form import read_form
from autorater_tools.reward_head import RewardHead
from autorater_tools.reward_preference import RewardPreference


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
    split = SplitTold.model_validate_json((out / "split.json").read_bytes())
    assert (len(split.held_out), len(split.trained_on.images), len(split.trained_on.prompts)) == (27, 126, 63)
    assert "63 examples trained on" in (out / "card.md").read_text()
    assert sorted(path.name for path in (out / "head").iterdir()) == [
        "config.json",
        "head.safetensors",
        "trained_on.json",
    ]
    assert str(tmp_path) not in (out / "head" / "config.json").read_text()
    head = RewardHead(weights=out)
    dark, light = head([View(grey(60), prompt="a thing"), View(grey(200), prompt="a thing")])
    assert number(dark) > number(light)
    assert isinstance(dark, Measured)
    assert dark.text.startswith("On 27 examples that it never saw: accuracy half ")
    assert dark.text.endswith("on 63 examples of jsonl (overall).")
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
