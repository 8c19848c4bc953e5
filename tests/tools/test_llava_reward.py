"""LLaVA-Reward on a tiny Qwen2.5-VL: peft's own merge, the formulas of the paper written out, and what can be wrong."""

import math
from pathlib import Path
from typing import Any

import pytest
import torch
from asking import cards, small
from PIL import Image
from tiny_qwen import build_base, build_llava_reward, build_lora, safetensors
from torch import Tensor

from autorater.assessment import Declined, Measured, Outcome
from autorater.errors import SpecialistError
from autorater.image import Picture, open_picture
from autorater.toolbox import View, checked
from autorater_tools._lora import merge
from autorater_tools._qwen import layer_name
from autorater_tools._skip_attention import preference
from autorater_tools.llava_reward import PIXELS, LlavaReward

PROMPT = "a cat on the table"


def reward(
    network: Any, head: dict[str, Tensor], words: Any, picture: Picture, prompt: str, *, looks_back: bool = True
) -> Tensor:
    """The paper's formula on the library's network with peft's merged adapter: r = V norm(e + attention)."""
    text = f"<|im_start|>user\n<|vision_start|><|image_pad|><|vision_end|>{prompt}<|im_end|>"
    inputs = words.processor(text=[text], images=[[picture.rgb()]], return_tensors="pt")
    with torch.no_grad():
        output = network(**inputs, output_hidden_states=True)
        seen = network.model.visual(inputs["pixel_values"], grid_thw=inputs["image_grid_thw"]).pooler_output
    last = output.hidden_states[-1][0, -1]
    assert inputs["input_ids"][0, -1] == words.id("<|im_end|>")
    if "W_q.weight" in head:
        keys, values = seen @ head["W_k.weight"].T, seen @ head["W_v.weight"].T
        scores = [float((head["W_q.weight"] @ last) @ key) / math.sqrt(len(last)) for key in keys]
        total = sum(math.exp(score - max(scores)) for score in scores)
        shares = [math.exp(score - max(scores)) / total for score in scores]
        if looks_back:
            last = last + sum((share * value for share, value in zip(shares, values, strict=True)), torch.zeros(1))
        last = last / (last.square().mean() + 1e-6).sqrt() * head["ca_layernorm.weight"]
    return head["value_head.weight"] @ last


def sigmoid(x: float) -> float:
    return 1 / (1 + math.exp(-x))


def value(outcome: Outcome) -> float:
    assert isinstance(outcome, Measured), outcome
    return outcome.readings[0].value


def view(one: Picture, other: Picture, prompt: str = PROMPT) -> View:
    return View(one, prompt=prompt, rival=other)


@pytest.mark.parametrize("looks_back", [True, False])
@pytest.mark.parametrize("crossed", [True, False])
@pytest.mark.parametrize("general", [True, False])
def test_the_preference_is_that_of_the_paper(tmp_path: Path, general: bool, crossed: bool, looks_back: bool) -> None:
    network, head = build_llava_reward(tmp_path, general=general, crossed=crossed)
    llava = LlavaReward(weights=tmp_path, looks_back=looks_back)
    one, other = small("astronaut", 200), small("coffee", 330)
    a, b = (reward(network, head, llava.words, side, PROMPT, looks_back=looks_back) for side in (one, other))
    gap = float(a[0] * b[1] - a[1] * b[0]) if general else float(a[0] - b[0])
    outcome = checked(cards()["llava_reward"], llava([view(one, other)])[0])
    assert value(outcome) == pytest.approx(sigmoid(gap / 0.1), abs=1e-4)
    assert llava.all_rewards({(one.sha256, PROMPT): one})[one.sha256, PROMPT] == pytest.approx(a, abs=2e-5)
    assert isinstance(outcome, Measured)
    assert outcome.text == ("" if general else f"Its own reward is {float(a[0]):.3f}, higher is better.")


def test_the_vector_of_the_recipe() -> None:
    chosen, rejected = torch.tensor([1.0, 0.5]), torch.tensor([0.2, 0.8])
    assert preference(chosen, rejected, temperature=0.1) == pytest.approx(0.999089, abs=1e-6)
    assert preference(rejected, chosen, temperature=0.1) == pytest.approx(1 - 0.999089, abs=1e-6)
    assert preference(torch.tensor([0.3]), torch.tensor([0.2]), temperature=0.1) == pytest.approx(sigmoid(1.0))


def test_both_orders_sum_to_one_and_equal_pictures_tie(tmp_path: Path) -> None:
    build_llava_reward(tmp_path)
    llava = LlavaReward(weights=tmp_path)
    one, other = small("astronaut"), small("coffee")
    first, second, tie = llava([view(one, other), view(other, one), view(one, small("astronaut"))])
    assert value(first) + value(second) == pytest.approx(1, abs=1e-9)
    assert value(tie) == 0.5


def test_a_picture_is_looked_at_once_for_a_prompt(tmp_path: Path) -> None:
    build_llava_reward(tmp_path)
    llava = LlavaReward(weights=tmp_path)
    calls: list[int] = []
    body = llava.body

    class Counting:
        device, dtype, config = body.device, body.dtype, body.config

        def __call__(self, **inputs: Any) -> Any:
            calls.append(len(inputs["input_ids"]))
            return body(**inputs)

    llava.body = Counting()
    one, other = small("astronaut"), small("coffee")
    llava([view(one, other), view(other, one)])
    llava([view(other, one)])
    assert sum(calls) == 2
    llava([view(one, other, "something else")])
    assert sum(calls) == 4


def test_rows_of_a_batch_do_not_see_each_other(tmp_path: Path) -> None:
    build_llava_reward(tmp_path)
    llava = LlavaReward(weights=tmp_path)
    sides = [(small("coffee", 200), "a"), (small("astronaut", 480), "a much longer prompt than the other one")]
    together = llava.rewards(sides)
    for side, row in zip(sides, together, strict=True):
        assert row == pytest.approx(llava.rewards([side])[0], abs=1e-5)


@pytest.mark.parametrize("old", [True, False])
def test_the_adapter_is_merged_as_peft_does(tmp_path: Path, old: bool) -> None:
    merged, _ = build_llava_reward(tmp_path, old=old)
    llava = LlavaReward(weights=tmp_path)
    for name, tensor in merged.model.state_dict().items():
        assert (llava.body.state_dict()[name] - tensor).abs().max() < 1e-6, name


def test_a_pickled_adapter_and_one_of_the_vision_part_are_merged(tmp_path: Path) -> None:
    model = build_base(tmp_path / "base", kind="qwen2_5_vl")
    merged = build_lora(tmp_path / "lora", model, layers=["visual.blocks.0.attn.proj", "o_proj"])
    file = tmp_path / "lora" / "adapter_model.safetensors"
    torch.save(safetensors.load_file(file), tmp_path / "lora" / "adapter_model.bin")
    file.unlink()
    merge(model.model, tmp_path / "lora", layer_name)
    for name, tensor in merged.state_dict().items():
        assert (model.state_dict()[name] - tensor).abs().max() < 1e-6, name


def test_no_prompt_or_no_rival_is_refused_and_a_ribbon_declined(tmp_path: Path) -> None:
    build_llava_reward(tmp_path)
    llava = LlavaReward(weights=tmp_path)
    picture = small("coffee")
    with pytest.raises(SpecialistError, match="a prompt is needed"):
        llava([View(picture, rival=picture)])
    with pytest.raises(SpecialistError, match="a rival is needed"):
        llava([View(picture, prompt="x")])
    ribbon = open_picture(Image.new("RGB", (3000, 4)))
    declined, measured = llava([view(picture, ribbon), view(picture, picture)])
    assert isinstance(declined, Declined)
    assert isinstance(measured, Measured)


def test_the_pixels_are_those_of_the_authors(tmp_path: Path) -> None:
    build_llava_reward(tmp_path)
    llava = LlavaReward(weights=tmp_path)
    assert PIXELS == (200_704, 1_003_520)
    size = llava.words.processor.image_processor.size
    assert (size["shortest_edge"], size["longest_edge"]) == PIXELS


def change(folder: Path, what: str) -> None:
    reward_folder = folder / "reward"
    state = torch.load(reward_folder / "pytorch_model.bin", weights_only=True)
    settings, form = reward_folder / "lora" / "adapter_config.json", reward_folder / "reward_config.yaml"
    if what == "value":
        del state["value_head.weight"]
    elif what == "shape":
        state["value_head.weight"] = torch.zeros(3, 32)
    elif what == "projector":
        del state["visual.merger.mlp.2.bias"]
    elif what == "more":
        state["prompt_head.weight"] = torch.zeros(1)
    elif what == "dora":
        settings.write_text(settings.read_text().replace('"use_dora": false', '"use_dora": true'))
    elif what == "rank":
        settings.write_text("{}")
    elif what == "form":
        form.write_text("is_general_preference: true\n")
    elif what == "size":
        form.write_text(form.read_text().replace("value_head_dim: 2", "value_head_dim: 8"))
    else:
        file = reward_folder / "lora" / "adapter_model.safetensors"
        adapter = safetensors.load_file(file)
        name = next(iter(adapter))
        tensor = adapter.pop(name)
        if what == "layer":
            adapter = {one.replace("layers.1.", "layers.9."): tensor for one, tensor in adapter.items()} | {
                name: tensor
            }
        safetensors.save_file(adapter, file)
    torch.save(state, reward_folder / "pytorch_model.bin")


@pytest.mark.parametrize(
    ("what", "told"),
    [
        ("value", "lacks value_head.weight"),
        ("shape", r"value_head has the shape \(3, 32\), expected \(2, 32\)"),
        ("projector", "lacks mlp.2.bias"),
        ("more", "has prompt_head.weight, which no part"),
        ("dora", "no plain LoRA"),
        ("rank", "adapter_config.json cannot be read"),
        ("form", "reward_config.yaml cannot be read"),
        ("size", "asks for 8 numbers"),
        ("layer", r"has language_model.layers.9..*which no part"),
        ("half", r"lacks .*lora_"),
    ],
)
def test_a_wrong_checkpoint_is_named(tmp_path: Path, what: str, told: str) -> None:
    build_llava_reward(tmp_path)
    change(tmp_path, what)
    with pytest.raises(SpecialistError, match=told):
        LlavaReward(weights=tmp_path)
