"""CLIP checkpoints in the naming of OpenAI's and open_clip's code, as transformers' CLIPModel."""

import re
from typing import Any

from torch import Tensor

from autorater.errors import SpecialistError
from autorater_tools._tensors import State, assemble, demand

PARTS = {
    "visual.transformer.resblocks.": "vision_model.encoder.layers.",
    "transformer.resblocks.": "text_model.encoder.layers.",
    "visual.conv1.": "vision_model.embeddings.patch_embedding.",
    "visual.class_embedding": "vision_model.embeddings.class_embedding",
    "visual.positional_embedding": "vision_model.embeddings.position_embedding.weight",
    "visual.ln_pre.": "vision_model.pre_layrnorm.",
    "visual.ln_post.": "vision_model.post_layernorm.",
    "visual.proj": "visual_projection.weight",
    "token_embedding.": "text_model.embeddings.token_embedding.",
    "positional_embedding": "text_model.embeddings.position_embedding.weight",
    "ln_final.": "text_model.final_layer_norm.",
    "text_projection": "text_projection.weight",
    "logit_scale": "logit_scale",
}
"""Beginnings of names there → beginnings here."""
LAYER = {
    ".ln_1.": ".layer_norm1.",
    ".ln_2.": ".layer_norm2.",
    ".mlp.c_fc.": ".mlp.fc1.",
    ".mlp.c_proj.": ".mlp.fc2.",
    ".attn.out_proj.": ".self_attn.out_proj.",
}
COMPUTED = ("attn_mask",)
"""What old files hold and the model computes."""


def to_transformers(state: State) -> dict[str, Tensor]:
    """The same tensors under transformers' names: projections transposed, the joint query, key and value split."""
    result: dict[str, Tensor] = {}
    for name, tensor in state.items():
        if name in COMPUTED:
            continue
        old = next((old for old in PARTS if name.startswith(old)), "")
        new = PARTS.get(old, "") + name.removeprefix(old)
        for part, other in LAYER.items():
            new = new.replace(part, other)
        if ".attn.in_proj_" in new:
            for letter, third in zip("qkv", tensor.chunk(3), strict=True):
                result[new.replace(".attn.in_proj_", f".self_attn.{letter}_proj.")] = third
        else:
            result[new] = tensor.T if name in ("visual.proj", "text_projection") else tensor
    return result


def build(state: State, *, device: str, source: str, heads: tuple[int, int], activation: str) -> Any:
    """The CLIPModel whose sizes are those of the tensors of `state` (open_clip's names), on `device`, ready to infer.

    `heads` are the widths of one attention head of the vision and of the text part, which no tensor tells.

    Raises:
        SpecialistError: tensors are missing or left over; `source` is named.

    """
    from transformers import CLIPModel

    config = _config(state, source=source, heads=heads, activation=activation)
    return assemble(CLIPModel, config, to_transformers(state), device=device, source=source)


def _config(state: State, *, source: str, heads: tuple[int, int], activation: str) -> Any:
    from transformers import CLIPConfig

    names = ("visual.conv1.weight", "visual.positional_embedding", "token_embedding.weight", "positional_embedding")
    demand([name for name in (*names, "text_projection") if name not in state], [], source)
    patches, places, words, positions = (state[name] for name in names)
    grid = round((len(places) - 1) ** 0.5)
    if grid * grid != len(places) - 1 or patches.ndim != 4:
        raise SpecialistError(f"{source} is no CLIP on square pictures")
    vision = _layers(state, "visual.transformer", patches.shape[0], heads[0], activation)
    text = _layers(state, "transformer", words.shape[1], heads[1], activation)
    side = grid * patches.shape[-1]
    more = {"vocab_size": words.shape[0], "max_position_embeddings": positions.shape[0]}
    tokens = {"bos_token_id": words.shape[0] - 2, "eos_token_id": words.shape[0] - 1}
    make: Any = CLIPConfig
    return make(
        vision_config={**vision, "image_size": side, "patch_size": patches.shape[-1]},
        text_config={**text, **more, **tokens},
        projection_dim=state["text_projection"].shape[1],
    )


def _layers(state: State, part: str, width: int, head: int, activation: str) -> dict[str, Any]:
    found = [re.match(rf"{re.escape(part)}\.resblocks\.(\d+)\.mlp\.c_fc\.weight$", name) for name in state]
    numbers = [int(match[1]) for match in found if match]
    inner = state[f"{part}.resblocks.0.mlp.c_fc.weight"].shape[0] if numbers else 1
    sizes = {"hidden_size": width, "intermediate_size": inner, "num_attention_heads": max(1, width // head)}
    return {**sizes, "num_hidden_layers": max(numbers, default=0) + 1, "hidden_act": activation}
