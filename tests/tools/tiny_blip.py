"""A checkpoint in the naming of ImageReward.pt with random weights, and the heads of linear layers."""

import json
from pathlib import Path
from typing import Any

import torch
from tiny_clip import WIDTH, build_clip
from torch import Tensor

VISION_WIDTH, VISION_LAYERS, PATCH, SIDE = 128, 2, 16, 48
TEXT_WIDTH, TEXT_LAYERS, TEXT_HEADS = 32, 2, 4
SIZES = (1024, 128, 64, 16, 1)
LAYERS = (0, 2, 4, 6, 7)
SENTENCE = "a an cat astronaut on the table , two cups of coffee smiling"
WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *SENTENCE.split(" ")]


class Drawn:
    """Random tensors by name, the same for the same seed."""

    def __init__(self, seed: int) -> None:
        self.random = torch.Generator().manual_seed(seed)
        self.tensors: dict[str, Tensor] = {}

    def add(self, name: str, *shape: int, around: float = 0.0, by: float = 0.2) -> None:
        self.tensors[name] = around + by * torch.randn(*shape, generator=self.random)

    def linear(self, name: str, outputs: int, inputs: int) -> None:
        self.add(f"{name}.weight", outputs, inputs, by=inputs**-0.5)
        self.add(f"{name}.bias", outputs)

    def norm(self, name: str, width: int) -> None:
        self.add(f"{name}.weight", width, around=1.0)
        self.add(f"{name}.bias", width)

    def mlp(self, prefix: str, width: int) -> None:
        for number, size in zip(LAYERS, SIZES, strict=True):
            self.linear(f"{prefix}layers.{number}", size, width)
            width = size


def reward_state(seed: int = 0) -> dict[str, Tensor]:
    """Every tensor of ImageReward, and two that only BLIP's pretraining uses."""
    drawn, eye, text = Drawn(seed), "blip.visual_encoder", "blip.text_encoder"
    drawn.add(f"{eye}.cls_token", 1, 1, VISION_WIDTH)
    drawn.add(f"{eye}.pos_embed", 1, (SIDE // PATCH) ** 2 + 1, VISION_WIDTH)
    drawn.add(f"{eye}.patch_embed.proj.weight", VISION_WIDTH, 3, PATCH, PATCH, by=0.05)
    drawn.add(f"{eye}.patch_embed.proj.bias", VISION_WIDTH)
    for number in range(VISION_LAYERS):
        block = f"{eye}.blocks.{number}"
        drawn.norm(f"{block}.norm1", VISION_WIDTH)
        drawn.norm(f"{block}.norm2", VISION_WIDTH)
        drawn.linear(f"{block}.attn.qkv", 3 * VISION_WIDTH, VISION_WIDTH)
        drawn.linear(f"{block}.attn.proj", VISION_WIDTH, VISION_WIDTH)
        drawn.linear(f"{block}.mlp.fc1", 4 * VISION_WIDTH, VISION_WIDTH)
        drawn.linear(f"{block}.mlp.fc2", VISION_WIDTH, 4 * VISION_WIDTH)
    drawn.norm(f"{eye}.norm", VISION_WIDTH)
    drawn.add(f"{text}.embeddings.word_embeddings.weight", len(WORDS), TEXT_WIDTH, by=1.0)
    drawn.add(f"{text}.embeddings.position_embeddings.weight", 64, TEXT_WIDTH)
    drawn.norm(f"{text}.embeddings.LayerNorm", TEXT_WIDTH)
    drawn.tensors[f"{text}.embeddings.position_ids"] = torch.arange(64)[None]
    for number in range(TEXT_LAYERS):
        layer = f"{text}.encoder.layer.{number}"
        for part, width in (("attention", TEXT_WIDTH), ("crossattention", VISION_WIDTH)):
            drawn.linear(f"{layer}.{part}.self.query", TEXT_WIDTH, TEXT_WIDTH)
            drawn.linear(f"{layer}.{part}.self.key", TEXT_WIDTH, width)
            drawn.linear(f"{layer}.{part}.self.value", TEXT_WIDTH, width)
            drawn.linear(f"{layer}.{part}.output.dense", TEXT_WIDTH, TEXT_WIDTH)
            drawn.norm(f"{layer}.{part}.output.LayerNorm", TEXT_WIDTH)
        drawn.linear(f"{layer}.intermediate.dense", 4 * TEXT_WIDTH, TEXT_WIDTH)
        drawn.linear(f"{layer}.output.dense", TEXT_WIDTH, 4 * TEXT_WIDTH)
        drawn.norm(f"{layer}.output.LayerNorm", TEXT_WIDTH)
    drawn.linear("blip.vision_proj", 8, VISION_WIDTH)
    drawn.linear("blip.text_proj", 8, TEXT_WIDTH)
    drawn.mlp("mlp.", TEXT_WIDTH)
    return drawn.tensors


def build_image_reward(folder: Path) -> None:
    """The files of ImageReward."""
    from transformers import BertTokenizer

    folder.mkdir(parents=True, exist_ok=True)
    torch.save(reward_state(), folder / "ImageReward.pt")
    settings = {
        "vocab_size": len(WORDS),
        "hidden_size": TEXT_WIDTH,
        "intermediate_size": 4 * TEXT_WIDTH,
        "num_hidden_layers": TEXT_LAYERS,
        "num_attention_heads": TEXT_HEADS,
        "max_position_embeddings": 64,
        "layer_norm_eps": 1e-12,
        "hidden_act": "gelu",
    }
    (folder / "med_config.json").write_text(json.dumps(settings))
    make: Any = BertTokenizer
    make(vocab={word: number for number, word in enumerate(WORDS)}).save_pretrained(folder / "words")


def build_laion(folder: Path) -> Any:
    """The files of LAION's predictor; gives the CLIP."""
    clip = build_clip(folder / "clip")
    drawn = Drawn(1)
    drawn.mlp("", WIDTH)
    torch.save(drawn.tensors, folder / "sac+logos+ava1-l14-linearMSE.pth")
    return clip
