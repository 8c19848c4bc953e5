"""LoRA adapters merged into the weights that they were trained on: W + scale · B A (Hu et al., ICLR 2022)."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from autorater.errors import SpecialistError
from autorater_tools._tensors import demand, read_tensors
from autorater_tools._weights import AGAIN

FILES = ("adapter_model.safetensors", "adapter_model.bin")
OTHER_KINDS = ("use_dora", "alpha_pattern", "rank_pattern", "modules_to_save", "layer_replication", "use_qalora")
"""Settings of peft that make an adapter more than a plain one; refused, since a sum would be wrong for them."""


def merge(model: Any, folder: Path, named: Callable[[str], str] = str) -> None:
    """Add the adapter in `folder` (peft's files) to the linear layers of `model`, in place.

    `named` turns a layer's name in the adapter into its name in `model`.

    Raises:
        SpecialistError: the adapter cannot be read, is of another kind, or is for another model.

    """
    scale = _scale(folder / "adapter_config.json")
    file = next((folder / name for name in FILES if (folder / name).is_file()), folder / FILES[0])
    parts = _pairs(read_tensors(file), f"{folder.name}/{file.name}")
    weights: dict[str, Tensor] = dict(model.named_parameters())
    targets = {f"{named(layer)}.weight": pair for layer, pair in parts.items()}
    demand([], [name for name in targets if name not in weights], f"{folder.name}/{file.name}")
    with torch.no_grad():
        for name, (down, up) in targets.items():
            weight = weights[name]
            if (up.shape[0], down.shape[1]) != tuple(weight.shape):
                raise SpecialistError(f"{folder.name}/{file.name} is for another model: {name} is {weight.shape}")
            change = scale * (up.to(weight.device).float() @ down.to(weight.device).float())
            weight.copy_((weight.float() + change).to(weight.dtype))


def _pairs(state: dict[str, Tensor], source: str) -> dict[str, tuple[Tensor, Tensor]]:
    """Layer → (A, B), without peft's beginnings of names."""
    found: dict[str, dict[str, Tensor]] = {}
    for name, tensor in state.items():
        match = re.fullmatch(r"(?:base_model\.model\.)?(.+?)\.lora_([AB])(?:\.default)?\.weight", name)
        demand([], [] if match else [name], source)
        if match:
            found.setdefault(match[1], {})[match[2]] = tensor
    demand([f"{layer}.lora_{part}" for layer, pair in found.items() for part in "AB" if part not in pair], [], source)
    return {layer: (pair["A"], pair["B"]) for layer, pair in found.items()}


def _scale(path: Path) -> float:
    try:
        settings: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        rank, alpha = int(settings["r"]), float(settings["lora_alpha"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise SpecialistError(
            f"{path.parent.name}/{path.name} cannot be read ({type(error).__name__}): {AGAIN}"
        ) from error
    if other := [name for name in OTHER_KINDS if settings.get(name)]:
        raise SpecialistError(f"{path.parent.name} is no plain LoRA ({', '.join(other)} is set): it is not supported")
    return alpha / (rank**0.5 if settings.get("use_rslora") else rank)
