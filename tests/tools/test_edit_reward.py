"""EditReward on a tiny Qwen2.5-VL in the authors' naming, against the network of the library called step by step."""

import math
from pathlib import Path
from typing import Any

import pytest
import torch
from asking import cards, small
from PIL import Image
from tiny_qwen import ENDING, build_edit_reward, safetensors
from torch import Tensor

from autorater.assessment import Declined, Measured, Outcome
from autorater.errors import SpecialistError
from autorater.image import Picture, open_picture
from autorater.toolbox import View, checked
from autorater_tools._reward_token import REWARD
from autorater_tools.edit_reward import EditReward

ORDER = "make the cat red"
QUESTIONS = ("Does it follow", "Does it look good")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Any, EditReward]:
    folder = tmp_path_factory.mktemp("edit_reward")
    model = build_edit_reward(folder)
    return folder, model, EditReward(weights=folder)


def reference(
    model: Any, words: Any, state: dict[str, Tensor], source: Picture, edit: Picture, number: int
) -> tuple[float, float]:
    """The mean and the logarithm of the spread of one head, tokens counted one after the other."""
    images = [source.rgb(), edit.rgb()]
    seen = "<|vision_start|><|image_pad|><|vision_end|>"
    asked = f"\n{QUESTIONS[number]}?\nText - {ORDER}\n" + ENDING.replace("\\n", "\n")
    text = f"<|im_start|>user\n{seen}{seen}{asked}<|im_end|>\n<|im_start|>assistant\n"
    inputs = words.processor(text=[text], images=[images], return_tensors="pt")
    ids = inputs["input_ids"]
    areas = [int(grid.prod()) * 14 * 14 for grid in inputs["image_grid_thw"]]
    assert all(200_704 <= area < 1.15 * 200_704 for area in areas), "sides are rounded up to multiples of 28"
    with torch.no_grad():
        embedded = model.model.language_model.embed_tokens(ids)[0]
        embedded[ids[0] == words.id("<|image_pad|>")] = model.model.visual(
            inputs["pixel_values"], grid_thw=inputs["image_grid_thw"]
        ).pooler_output
        positions = torch.arange(ids.shape[1]).expand(3, 1, -1)
        hidden = model.model.language_model(inputs_embeds=embedded[None], position_ids=positions).last_hidden_state
        x = hidden[0, ids[0] == words.id(REWARD)][0]
        for layer in ("0", "3", "5"):
            name = f"rm_heads.head_{number}.{layer}"
            x = state[f"{name}.weight"] @ x + state[f"{name}.bias"]
            x = x if layer == "5" else x.clamp(min=0)
    return float(x[0]), float(x[1])


def readings(outcome: Outcome) -> dict[str, tuple[float, float | None]]:
    assert isinstance(outcome, Measured), outcome
    return {reading.quantity: (reading.value, reading.sigma) for reading in outcome.readings}


@pytest.mark.parametrize("size", [(200, 200), (300, 120)])
def test_the_scores_are_those_of_the_formula(made: tuple[Path, Any, EditReward], size: tuple[int, int]) -> None:
    folder, model, edit_reward = made
    state = safetensors.load_file(folder / "reward-mimo-vl" / "model.safetensors")
    source, edit = small("chelsea"), open_picture(small("coffee").rgb().resize(size))
    view = View(edit, prompt=ORDER, sources=(source,))
    found = readings(checked(cards()["edit_reward"], edit_reward([view])[0]))
    rows = [reference(model, edit_reward.network.words, state, source, edit, number) for number in range(2)]
    for name, (mean, logarithm) in zip(("following", "quality"), rows, strict=True):
        assert found[name] == pytest.approx((mean, math.exp(logarithm)), rel=1e-3, abs=1e-4)
    (first, one), (second, two) = rows
    assert found["overall"] == pytest.approx(((first + second) / 2, math.exp((one + two) / 2)), rel=1e-3, abs=1e-4)


def test_source_and_edit_are_not_the_same_to_it(made: tuple[Path, Any, EditReward]) -> None:
    edit_reward = made[2]
    one, other = small("chelsea"), small("coffee")
    first, second = edit_reward([View(one, prompt="x", sources=(other,)), View(other, prompt="x", sources=(one,))])
    assert readings(first) != readings(second)


def test_rows_of_a_batch_do_not_see_each_other(made: tuple[Path, Any, EditReward]) -> None:
    edit_reward = made[2]
    views = [View(small("coffee", 90 * n), prompt="word " * n, sources=(small("chelsea"),)) for n in (1, 2, 3)]
    for view, row in zip(views, edit_reward.scores(views), strict=True):
        assert (row - edit_reward.scores([view])[0]).abs().max() < 1e-4


def test_a_pickled_checkpoint_on_the_other_base_is_read(tmp_path: Path) -> None:
    build_edit_reward(tmp_path, base="qwen2.5-vl", pickled=True)
    edit_reward = EditReward(weights=tmp_path, base="qwen2.5-vl")
    assert isinstance(edit_reward([View(small("coffee"), prompt="x", sources=(small("chelsea"),))])[0], Measured)


def test_what_is_missing_is_asked_for_and_a_ribbon_declined(made: tuple[Path, Any, EditReward]) -> None:
    edit_reward, picture = made[2], small("coffee")
    with pytest.raises(SpecialistError, match="a source image is needed"):
        edit_reward([View(picture, prompt="x")])
    with pytest.raises(SpecialistError, match="a prompt is needed"):
        edit_reward([View(picture, sources=(picture,))])
    ribbon = open_picture(Image.new("RGB", (3000, 4)))
    outcome = edit_reward([View(picture, prompt="x", sources=(ribbon,))])[0]
    assert isinstance(outcome, Declined)


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("rm_heads.head_1.3.weight", "lacks 3.weight"),
        ("model.language_model.norm.weight", "lacks language_model.norm.weight"),
        ("+rm_heads.head_2.0.weight", "has rm_heads.head_2.0.weight, which no part"),
        ("+rm_head.0.weight", "has rm_head.0.weight, which no part"),
    ],
)
def test_a_wrong_file_is_named(tmp_path: Path, name: str, told: str) -> None:
    build_edit_reward(tmp_path)
    file = tmp_path / "reward-mimo-vl" / "model.safetensors"
    state = safetensors.load_file(file)
    if name.startswith("+"):
        state[name[1:]] = torch.zeros(2)
    else:
        del state[name]
    safetensors.save_file(state, file)
    with pytest.raises(SpecialistError, match=told):
        EditReward(weights=tmp_path)


def test_an_absent_checkpoint_and_absent_prompts_are_told(tmp_path: Path) -> None:
    build_edit_reward(tmp_path)
    (tmp_path / "reward-mimo-vl" / "model.safetensors").unlink()
    with pytest.raises(SpecialistError, match=r"model.safetensors cannot be read as weights"):
        EditReward(weights=tmp_path)
    (tmp_path / "prompts.py").write_text("INSTRUCTION_EDIT_FOLLOWING = 'x {text_prompt}'")
    with pytest.raises(SpecialistError, match="lacks INSTRUCTION_EDIT_QUALITY"):
        EditReward(weights=tmp_path)
