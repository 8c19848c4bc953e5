"""A reward head on a tiny seeded LLaVA, in the two folders that the specialists read."""

from pathlib import Path
from typing import Any

import torch
from tiny_lmm import TEXT, build_llava

from autorater_tools._reward_form import Adapter, Perspective, RewardForm, mark_of
from autorater_tools._reward_model import RewardModel, save_reward_model

SAID = "Trained on nothing: 0 examples."


def make_form(base: Path, **given: Any) -> RewardForm:
    """A form on this base, with LoRA and two perspectives unless told otherwise."""
    told: dict[str, Any] = {
        "loss": "bt",
        "head": "skipca",
        "width": TEXT["hidden_size"],
        "base": base.name,
        "base_mark": mark_of(base),
        "adapter": Adapter(rank=2, alpha=4),
        "projector": True,
        "perspectives": tuple(
            Perspective(name=name, dimension=name, question="{prompt}", told=SAID) for name in ("alignment", "fidelity")
        ),
    }
    return RewardForm(**{**told, **given})


def build(folder: Path, **given: Any) -> RewardModel:
    """Write `base/` and `head/` to `folder`; every trained tensor is drawn, so that each part counts."""
    base = folder / "base"
    if not base.exists():
        build_llava(base)
    form = make_form(base, **given)
    model = RewardModel(base, form, device="cpu")
    random = torch.Generator().manual_seed(7)
    for one in form.perspectives:
        for tensor in model.trained(one.name).values():
            with torch.no_grad():
                tensor.add_(torch.randn(tensor.shape, generator=random) * 0.1)
    save_reward_model(model, folder / "head", form)
    return model
