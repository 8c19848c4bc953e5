"""Opinions of single pictures are learned too: as truths by cross-entropy, as scores after level words."""

from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from head_trials import grey, number, train, value

from autorater.errors import UsageError
from autorater.toolbox import View
from autorater_evals.heads.planted import plant_opinions, plant_pairs
from autorater_tools._reward_form import read_form
from autorater_tools.reward_head import RewardHead


def test_truths_are_learned_from_opinions(tmp_path: Path, base: Path) -> None:
    result = train(tmp_path, plant_opinions(tmp_path / "data", 90), base, loss="ce", lora=False, epochs=12)
    (one,) = result.perspectives
    assert value(one.after) >= 0.9
    assert one.left_out == {"opinion equal to the median": 1}
    head = RewardHead(weights=tmp_path / "head")
    good, bad = head([View(grey(40), prompt="a thing"), View(grey(220), prompt="a thing")])
    assert number(good) > 0 > number(bad)


def test_truths_of_pairs_are_compared_as_pairs_too(tmp_path: Path, base: Path) -> None:
    result = train(tmp_path, plant_pairs(tmp_path / "data", 50), base, loss="ce", lora=False, epochs=6)
    single, pairs = result.perspectives[0].after
    assert (single.measure, single.n, pairs.measure, pairs.n) == ("accuracy", 30, "accuracy_half", 15)
    assert pairs.value is not None
    assert pairs.value >= 0.9


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
    card = (tmp_path / "head" / "card.md").read_text()
    assert "trained: the projector by 2 epochs of level words, then head and LoRA of rank 2 (language and vi" in card
    assert "; 6 epochs, rate 0.005, " in card
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


def test_a_base_without_level_words_is_told_what_it_lacks(tmp_path: Path) -> None:
    lmm: Any = import_module("tiny_lmm")
    wordless = lmm.build_llava(tmp_path / "wordless", words=["thing"])
    data = plant_opinions(tmp_path / "data", 20)
    given = {"loss": "l1", "rank": 2, "epochs": 1, "batch": 16}
    told = r"go on from 'The overall quality .* words bad, .* another base, .* \(--level-epochs 0\), .* --loss bt"
    with pytest.raises(UsageError, match=told):
        train(tmp_path, data, wordless, **given)
    (one,) = train(tmp_path / "other", data, wordless, **given, level_epochs=0).perspectives
    assert [losses.stage for losses in one.losses] == ["reward"]
