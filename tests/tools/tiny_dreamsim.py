"""Small random checkpoints for every variant of DreamSim, made through the official package's own code."""

import json
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

import torch

from autorater.vision_ops import allow_torchvision
from autorater_tools._offline import loading_from, silent
from autorater_tools.dreamsim import package_files

allow_torchvision()
random: Any = torch.random  # its seed is not typed

package: Any = import_module("dreamsim.model")
vision_transformer: Any = import_module("dreamsim.feature_extraction.vision_transformer")
LOADERS = ("load_clip_as_dino", "load_open_clip_as_dino", "load_synclr_as_dino")

WIDTH = 24
HUBCONF = """
from functools import partial

import torch
from dreamsim.feature_extraction.vision_transformer import VisionTransformer

dependencies = ["torch"]


def _load(patch_size, url):
    norm = partial(torch.nn.LayerNorm, eps=1e-6)
    network = VisionTransformer(
        patch_size=patch_size, embed_dim=24, depth=12, num_heads=2, mlp_ratio=2, qkv_bias=True, norm_layer=norm
    )
    network.load_state_dict(torch.hub.load_state_dict_from_url(url, map_location="cpu"))
    return network


def dino_vitb16(pretrained=True):
    return _load(16, "https://dl.fbaipublicfiles.com/dino/dino_vitbase16_pretrain/dino_vitbase16_pretrain.pth")


def dinov2_vitb14(pretrained=True):
    return _load(14, "https://dl.fbaipublicfiles.com/dinov2/dinov2_vitb14/dinov2_vitb14_pretrain.pth")
"""
SETTINGS = {"r": 2, "lora_alpha": 2, "lora_dropout": 0.1, "bias": "none", "target_modules": ["qkv"]}


def tiny(patch_size: int = 16, **_: object) -> Any:
    """A vision transformer of 24 channels in place of the base size of 768."""
    norm = partial(torch.nn.LayerNorm, eps=1e-6)
    return vision_transformer.VisionTransformer(
        patch_size=patch_size, embed_dim=WIDTH, depth=12, num_heads=2, mlp_ratio=2, qkv_bias=True, norm_layer=norm
    )


def backbone(name: str) -> Any:
    patch_size = int(name[-2:])
    network = tiny(patch_size)
    if "clip" in name:
        network.pos_drop = torch.nn.LayerNorm(WIDTH)
    state = {key: torch.randn_like(value) * 0.1 for key, value in network.state_dict().items()}
    if "clip" in name:
        return {"state_dict": {**state, "proj": torch.randn(WIDTH, 16)}}
    if "synclr" in name:
        return {"model": {f"module.visual.{key}": value for key, value in state.items()}}
    return state


def head() -> dict[str, Any]:
    """The projection of DINO's checkpoint, which is loaded and not used."""
    layers = ("mlp.0.weight", "mlp.0.bias", "mlp.2.weight", "mlp.2.bias", "mlp.4.weight", "mlp.4.bias")
    return {"student": {f"module.head.{name}": torch.zeros(2) for name in (*layers, "last_layer.weight")}}


def shrink() -> None:
    """`vit_base` is the seam by which the package's own loaders build a small network; from now on, in this process."""
    for loader in LOADERS:
        setattr(import_module(f"dreamsim.feature_extraction.{loader}"), "vit_base", tiny)  # noqa: B010


def official(folder: Path, variant: str, **options: Any) -> Any:
    name = variant.removesuffix("_patch")
    with loading_from(folder, "dreamsim", (package, {"print": silent})):
        model, _ = package.dreamsim(
            device="cpu", cache_dir=str(folder), dreamsim_type=name, use_patch_model=name != variant, **options
        )
    return model


def make(folder: Path, variant: str) -> Path:
    shrink()
    random.manual_seed(7)
    for name in package_files(variant):
        path = folder / name
        path.parent.mkdir(exist_ok=True)
        if name.startswith("facebookresearch"):
            path.mkdir()
            (path / "hubconf.py").write_text(HUBCONF, encoding="utf-8")
        elif name.endswith("_lora"):
            path.mkdir()
            (path / "adapter_config.json").write_text(json.dumps(SETTINGS), encoding="utf-8")
        elif name.startswith("checkpoints"):
            torch.save(backbone("dinov2_vitb14" if "dinov2" in name else "dino_vitb16"), path)
        elif name == "dino_vitb16_pretrain.pth":
            torch.save(head(), path)
        elif name == "synclr_vit_b_16.pth":
            torch.save(backbone("synclr_vitb16"), path)
        else:
            torch.save(backbone(name.partition("_pretrain")[0]), path)
    model = official(folder, variant, pretrained=False)
    for name, value in model.named_parameters():
        if "lora_" in name:
            value.data.normal_(0, 0.1)
    adapter = next(folder.glob("*_lora"))
    model.save_pretrained(str(adapter))
    return folder


def build(folder: Path) -> None:
    """What the default variant needs."""
    make(folder, "ensemble")
