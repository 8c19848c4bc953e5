"""ImageReward on tiny weights named as in its authors' file, against BLIP written out here step by step."""

from pathlib import Path
from typing import Any

import pytest
import torch
from asking import cards, small
from tiny_blip import LAYERS, TEXT_HEADS, TEXT_LAYERS, VISION_LAYERS, VISION_WIDTH, WORDS, build_image_reward
from torch import Tensor
from torch.nn import functional

from autorater.assessment import Measured, Outcome
from autorater.errors import SpecialistError
from autorater.toolbox import View, checked
from autorater_tools._clip import to_pixels
from autorater_tools.image_reward import DEVIATION, FILE, MEAN, TOKENS, ImageReward

State = dict[str, Tensor]
PROMPTS = ("a cat on the table", "an astronaut , smiling", "two cups of coffee " * 12)


def linear(state: State, name: str, x: Tensor) -> Tensor:
    return x @ state[f"{name}.weight"].T + state[f"{name}.bias"]


def norm(state: State, name: str, x: Tensor, epsilon: float) -> Tensor:
    centred = x - x.mean(-1, keepdim=True)
    scaled = centred / (centred.square().mean(-1, keepdim=True) + epsilon).sqrt()
    return scaled * state[f"{name}.weight"] + state[f"{name}.bias"]


def attend(query: Tensor, key: Tensor, value: Tensor, heads: int, allowed: Tensor | None = None) -> Tensor:
    """Attention of (tokens, width) over (others, width), heads side by side."""
    results: list[Tensor] = []
    for q, k, v in zip(query.chunk(heads, -1), key.chunk(heads, -1), value.chunk(heads, -1), strict=True):
        weights = q @ k.T / q.shape[-1] ** 0.5
        if allowed is not None:
            weights = weights.masked_fill(~allowed, float("-inf"))
        results.append(weights.softmax(-1) @ v)
    return torch.cat(results, -1)


def see(state: State, pixels: Tensor) -> Tensor:
    """The vision transformer: pre-norm blocks with GELU, shape (patches + 1, width)."""
    eye = "blip.visual_encoder"
    kernel = state[f"{eye}.patch_embed.proj.weight"]
    patches = functional.conv2d(pixels[None], kernel, state[f"{eye}.patch_embed.proj.bias"], stride=kernel.shape[-1])
    x = torch.cat([state[f"{eye}.cls_token"][0], patches[0].flatten(1).T]) + state[f"{eye}.pos_embed"][0]
    for number in range(VISION_LAYERS):
        block = f"{eye}.blocks.{number}"
        query, key, value = linear(state, f"{block}.attn.qkv", norm(state, f"{block}.norm1", x, 1e-6)).chunk(3, -1)
        x = x + linear(state, f"{block}.attn.proj", attend(query, key, value, VISION_WIDTH // 64))
        inner = functional.gelu(linear(state, f"{block}.mlp.fc1", norm(state, f"{block}.norm2", x, 1e-6)))
        x = x + linear(state, f"{block}.mlp.fc2", inner)
    return norm(state, f"{eye}.norm", x, 1e-6)


def read(state: State, ids: Tensor, told: Tensor, seen: Tensor) -> Tensor:
    """The text transformer: post-norm layers, each attends to the text, then to what was seen."""
    text = "blip.text_encoder"
    x = state[f"{text}.embeddings.word_embeddings.weight"][ids]
    x = norm(
        state,
        f"{text}.embeddings.LayerNorm",
        x + state[f"{text}.embeddings.position_embeddings.weight"][: len(ids)],
        1e-12,
    )
    for number in range(TEXT_LAYERS):
        layer = f"{text}.encoder.layer.{number}"
        for part, others, allowed in (("attention", None, told[None] > 0), ("crossattention", seen, None)):
            query, key, value = (
                linear(state, f"{layer}.{part}.self.{kind}", x if others is None or kind == "query" else others)
                for kind in ("query", "key", "value")
            )
            mixed = linear(state, f"{layer}.{part}.output.dense", attend(query, key, value, TEXT_HEADS, allowed))
            x = norm(state, f"{layer}.{part}.output.LayerNorm", x + mixed, 1e-12)
        inner = linear(state, f"{layer}.output.dense", functional.gelu(linear(state, f"{layer}.intermediate.dense", x)))
        x = norm(state, f"{layer}.output.LayerNorm", x + inner, 1e-12)
    return x


def reward(state: State, pixels: Tensor, prompt: str) -> float:
    """The formula of the recipe on the network above; words are split at spaces."""
    ids = [WORDS.index("[CLS]"), *(WORDS.index(word) for word in prompt.split())][: TOKENS - 1]
    ids.append(WORDS.index("[SEP]"))
    told = [1] * len(ids) + [0] * (TOKENS - len(ids))
    ids += [WORDS.index("[PAD]")] * (TOKENS - len(ids))
    x = read(state, torch.tensor(ids), torch.tensor(told), see(state, pixels))[0]
    for number in LAYERS:
        x = linear(state, f"mlp.layers.{number}", x)
    return (float(x) - 0.16717362830052426) / 1.0333394966054072


def value(outcome: Outcome) -> float:
    assert isinstance(outcome, Measured), outcome
    return outcome.readings[0].value


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    build_image_reward(tmp_path)
    return tmp_path


@pytest.mark.parametrize("prompt", PROMPTS)
def test_the_score_is_that_of_blip_written_out(weights: Path, prompt: str) -> None:
    state = torch.load(weights / FILE, weights_only=True)
    scores: set[float] = set()
    for name in ("astronaut", "coffee", "chelsea"):
        picture = small(name, 90)
        outcome = checked(cards()["image_reward"], ImageReward(weights=weights)([View(picture, prompt=prompt)])[0])
        assert value(outcome) == pytest.approx(reward(state, to_pixels(picture.rgb(), 48), prompt), abs=2e-5)
        scores.add(round(value(outcome), 3))
    assert len(scores) == 3


def test_a_raw_score_of_zero_is_that_of_the_recipe() -> None:
    assert pytest.approx(-0.161780, abs=1e-6) == (0.0 - MEAN) / DEVIATION


def test_a_prompt_of_more_than_35_tokens_is_cut_and_that_is_told(weights: Path) -> None:
    image_reward = ImageReward(weights=weights)
    fits, over = " ".join(["cat"] * 33), " ".join(["cat"] * 34)
    short, long, longer = (
        image_reward([View(small("coffee", 64), prompt=prompt)])[0] for prompt in (fits, over, over + " table table")
    )
    assert isinstance(short, Measured)
    assert not short.text
    assert isinstance(long, Measured)
    assert long.text == "The prompt has 36 tokens and was cut: the score is for its first 35 tokens."
    assert value(long) == value(longer) == value(short)


def test_a_batch_gives_what_each_view_gives_alone(weights: Path) -> None:
    image_reward = ImageReward(weights=weights)
    views = [View(small("astronaut", 50 + n), prompt=PROMPTS[n % 3]) for n in range(5)]
    assert [image_reward([view])[0] for view in views] == image_reward(views)
    assert image_reward.scores(views) == pytest.approx([value(outcome) for outcome in image_reward(views)], abs=1e-5)


def test_a_view_without_prompt_is_refused(weights: Path) -> None:
    with pytest.raises(SpecialistError, match="a prompt is needed"):
        ImageReward(weights=weights)([View(small("coffee"))])


@pytest.mark.parametrize(
    ("name", "tensor", "told"),
    [
        ("mlp.layers.7.bias", None, r"lacks layers.7.bias"),
        ("blip.visual_encoder.norm.weight", None, r"lacks post_layernorm.weight"),
        ("blip.visual_encoder.pos_embed", None, r"lacks pos_embed"),
        ("blip.text_encoder.encoder.layer.1.crossattention.self.query.weight", None, r"lacks encoder.layer.1.cross"),
        ("blip.head.weight", torch.zeros(1), r"has blip.head.weight, which no part"),
        ("mlp.layers.0.weight", torch.zeros(1024, 30), r"layers.0 takes 30 numbers, expected 32"),
        ("blip.visual_encoder.norm.weight", torch.zeros(3), r"post_layernorm.weight \(3,\), expected \(128,\)"),
    ],
)
def test_a_wrong_file_is_named(weights: Path, name: str, tensor: Tensor | None, told: str) -> None:
    state: dict[str, Any] = {**torch.load(weights / FILE, weights_only=True), name: tensor}
    torch.save({key: one for key, one in state.items() if one is not None}, weights / FILE)
    with pytest.raises(SpecialistError, match=told):
        ImageReward(weights=weights)


def test_a_damaged_configuration_is_told(weights: Path) -> None:
    (weights / "med_config.json").write_text("{}")
    with pytest.raises(SpecialistError, match=r"med_config.json cannot be read \(KeyError\)"):
        ImageReward(weights=weights)
