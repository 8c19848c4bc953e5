"""LLaVA-Reward's head: the last word looks back at the image as it was before the language network read it."""

import re
from dataclasses import dataclass

import torch
from torch import Tensor

from autorater.errors import SpecialistError
from autorater_tools._preference import lead
from autorater_tools._tensors import State, demand

EPSILON = 1e-6
PARTS = ("W_q", "W_k", "W_v", "ca_layernorm", "value_head")


@dataclass(frozen=True, slots=True)
class SkipAttention:
    """Skip-connection cross-attention: Zhou et al., "Multimodal LLMs as Customized Reward Models", ICCV 2025.

    With e the last layer at the closing token and v the image tokens after the projector (section 3, "Bidirectional
    Reward Head": query e_h, key and value e_v, and g a linear layer):
    r = V · norm(e + softmax(W_q e (W_k v)ᵀ / √width) W_v v), norm being the root-mean-square norm of the weights.
    The paper says "standard cross-attention" and no more; that there is one head, no layer after it, the skip, that
    norm and no bias anywhere stands in its authors' code (sjz5202/LLaVA-Reward, rw_model_general_preference.py). There
    the norm's epsilon is 1e-6 for Qwen2.5-VL, as here, and 1e-5 for Phi-3.5-vision and LLaVA.
    """

    tensors: dict[str, Tensor]
    crossed: bool
    """Whether it looks back at all; without, r = V e."""

    def __call__(self, last: Tensor, seen: Tensor) -> Tensor:
        """`last` (width,), `seen` (tokens, width), both float32 → the reward: (1,) Bradley-Terry, (2,) preference."""
        if self.crossed:
            query, key = self.tensors["W_q"] @ last, seen @ self.tensors["W_k"].T
            shares = torch.softmax(key @ query / last.shape[0] ** 0.5, dim=0)
            last = last + shares @ (seen @ self.tensors["W_v"].T)
            last = last * torch.rsqrt(last.square().mean() + EPSILON) * self.tensors["ca_layernorm"]
        return self.tensors["value_head"] @ last


def skip_attention(state: State, *, crossed: bool, width: int, rewards: int, device: str, source: str) -> SkipAttention:
    """The head of the authors' file, whatever stands before its names.

    Raises:
        SpecialistError: a part is missing or of another shape; `source` is named.

    """
    wanted = PARTS if crossed else ("value_head",)
    found: dict[str, Tensor] = {}
    for name, tensor in state.items():
        if match := re.search(rf"(?:^|\.)({'|'.join(PARTS)})\.weight$", name):
            found[match[1]] = tensor.to(device).float()
    demand([f"{name}.weight" for name in wanted if name not in found], [], source)
    shapes = {"value_head": (rewards, width), "ca_layernorm": (width,)}
    for name in wanted:
        expected = shapes.get(name, (width, width))
        if found[name].shape != expected:
            raise SpecialistError(f"{source}: {name} has the shape {tuple(found[name].shape)}, expected {expected}")
    return SkipAttention({name: found[name] for name in wanted}, crossed)


def preference(one: Tensor, other: Tensor, *, temperature: float) -> float:
    """The probability that `one` is preferred to `other`, 0 to 1.

    Rewards of one number are compared as Bradley and Terry do: sigmoid((a - b) / t). Pairs of numbers as in the general
    preference model (Zhang et al., 2024): sigmoid((a₀ b₁ - a₁ b₀) / t), which may be intransitive; see `lead`.
    """
    return float(torch.sigmoid(lead(one, other).double() / temperature))
