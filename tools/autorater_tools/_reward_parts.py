"""The parts of a reward model before they are trained: heads as their authors draw them, and adapters of the base."""

from typing import Any, cast

import torch
from torch import Tensor, nn

from autorater.errors import SpecialistError
from autorater_tools._reward_form import RewardForm

PROJECTORS = ("multi_modal_projector.", "visual.merger.", "visual.deepstack_merger_list.", "connector.")
VISION = ("vision_tower.", "visual.", "vision_model.")
LAYERS = (1024, 256, 64, 16, 1)
"""Widths of paper 003's score head, in the authors' code (IntMeGroup/LMM4LMM); the paper says "regression module"."""


def draw_head(form: RewardForm, device: str) -> dict[str, Tensor]:
    """A head as the authors draw theirs; see `_linear` and `_layered`."""
    drawn = _layered(form.width) if form.head == "mlp" else _linear(form)
    return {name: nn.Parameter(tensor.to(device), requires_grad=False) for name, tensor in drawn.items()}


def _linear(form: RewardForm) -> dict[str, Tensor]:
    """Paper 002: no biases, matrices of a deviation of 1 / (width + 1), a norm of ones.

    A regression, which that paper has not, gets a bias and begins in the middle of its scale.
    """
    width, crossed = form.width, form.head == "skipca"
    shapes = {name: (width, width) for name in ("W_q", "W_k", "W_v") if crossed} | {"value_head": (form.size, width)}
    drawn = {name: torch.randn(shape) / (width + 1) for name, shape in shapes.items()}
    if crossed:
        drawn["ca_layernorm"] = torch.ones(width)
    if form.loss == "l1":
        drawn["bias"] = torch.full((form.size,), 0.5)
    return drawn


def _layered(width: int) -> dict[str, Tensor]:
    """Paper 003: weights from -0.1 to 0.1, biases of 0.

    But the last bias begins in the middle of the scale: with 0 the ReLU behind it may be shut from the start, for good.
    """
    drawn: dict[str, Tensor] = {}
    for place, (before, after) in enumerate(zip((width, *LAYERS), LAYERS, strict=False), 1):
        drawn[f"fc{place}.weight"] = torch.rand(after, before) * 0.2 - 0.1
        drawn[f"fc{place}.bias"] = torch.full((after,), 0.5 if place == len(LAYERS) else 0.0)
    return drawn


def adapt(network: Any, form: RewardForm) -> Any:
    """Put an adapter for each perspective into the network, in place; what is given back switches between them.

    Raises SpecialistError when the network has no layers under `language_model`.
    """
    import peft

    settings: Any = form.adapter
    parts = ("language_model.", *(VISION if settings.vision else ()))
    layers = [
        name
        for name, module in network.named_modules()
        if isinstance(module, nn.Linear) and any(part in f"{name}." for part in parts) and not projects(f"{name}.")
    ]
    if not layers:
        raise SpecialistError(f"{form.base} has no linear layers under language_model: train with --frozen")
    adapted: Any = None
    for one in form.perspectives:
        config = peft.LoraConfig(r=settings.rank, lora_alpha=settings.alpha, target_modules=layers)
        if adapted is None:
            adapted = cast("Any", peft).LoraModel(network, config, one.name)
        else:
            adapted.peft_config[one.name] = config
            adapted.inject_adapter(network, one.name)
    return adapted


def projects(name: str) -> bool:
    """Whether a tensor or module of this name belongs to the projector."""
    return any(f".{part}" in f".{name}" for part in PROJECTORS)
