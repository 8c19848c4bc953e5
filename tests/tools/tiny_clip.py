"""A CLIP of some thousand random weights with its own tokenizer, made on the spot: real code paths, no download."""

from pathlib import Path
from typing import Any, cast

import pytest
import torch
from transformers import CLIPConfig, CLIPModel, CLIPTextConfig, CLIPTokenizer, CLIPVisionConfig

from autorater.vision_ops import allow_torchvision

allow_torchvision()

SIDE, PATCH, LIMIT, WIDTH = 32, 8, 77, 16


def build_words(folder: Path) -> Any:
    """Write a tokenizer to `folder` that spells every text byte by byte, and give it."""
    letters = [chr(code) for code in (*range(33, 127), *range(161, 173), *range(174, 256), *range(256, 324))]
    names = [*letters, *(f"{letter}</w>" for letter in letters), "<|startoftext|>", "<|endoftext|>"]
    tokenizer = cast("Any", CLIPTokenizer)(vocab={name: number for number, name in enumerate(names)}, merges=[])
    tokenizer.save_pretrained(folder)
    return tokenizer


def build_clip(folder: Path, *, words: Path | None = None, seed: int = 0, safe: bool = False) -> Any:
    """Write a CLIP to `folder` and its tokenizer to `words` (or beside it); gives the model.

    `safe` writes safetensors, else a pickle of tensors as the old checkpoints on the hub have.
    """
    tokenizer = build_words(words or folder)
    layers = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 2}
    text = {"vocab_size": len(tokenizer), "max_position_embeddings": LIMIT, "eos_token_id": tokenizer.eos_token_id}
    text["bos_token_id"] = tokenizer.bos_token_id
    config = cast("Any", CLIPConfig)(
        text_config=cast("Any", CLIPTextConfig)(**layers, **text).to_dict(),
        vision_config=cast("Any", CLIPVisionConfig)(**layers, image_size=SIDE, patch_size=PATCH).to_dict(),
        projection_dim=WIDTH,
    )
    model = cast("Any", CLIPModel(config)).eval()
    random = torch.Generator().manual_seed(seed)
    for name, weight in model.named_parameters():
        if name != "logit_scale":
            torch.nn.init.normal_(weight, std=0.2, generator=random)
    model.save_pretrained(folder)
    if not safe:
        (folder / "model.safetensors").unlink()
        torch.save(model.state_dict(), folder / "pytorch_model.bin")
    return model


def build_pickscore(folder: Path) -> None:
    build_clip(folder / "model", words=folder / "words")


def build_clipscore(folder: Path) -> None:
    build_clip(folder / "base-patch32")


def build_open_clip(*, seed: int = 0, words: int = 514) -> Any:
    """A CLIP of open_clip's own code in the shape of ViT-H-14, only smaller."""
    code: Any = pytest.importorskip("open_clip.model")
    vision = code.CLIPVisionCfg(layers=2, width=160, head_width=80, patch_size=14, image_size=42)
    text = code.CLIPTextCfg(layers=2, width=128, heads=2, vocab_size=words, context_length=LIMIT)
    cast("Any", torch).manual_seed(seed)
    return code.CLIP(embed_dim=32, vision_cfg=vision, text_cfg=text).eval()


def build_hpsv2(folder: Path, *, version: str = "v2.1") -> Any:
    """The files of HPSv2, in open_clip's naming; gives open_clip's model."""
    model = build_open_clip(words=len(build_words(folder / "words")))
    name = {"v2.0": "HPS_v2_compressed.pt", "v2.1": "HPS_v2.1_compressed.pt"}[version]
    torch.save({"state_dict": model.state_dict()}, folder / name)
    return model
