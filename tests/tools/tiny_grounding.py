"""A Grounding DINO of random weights and a vocabulary of a few words, made on the spot."""

import json
import re
from importlib import import_module
from pathlib import Path
from typing import Any

import torch

from autorater.vision_ops import allow_torchvision

VOCABULARY = [
    *["[PAD]", *(f"[unused{number}]" for number in range(99)), "[UNK]", "[CLS]", "[SEP]", "[MASK]"],
    *(f"[unused{number}]" for number in range(104, 1012)),
    *[".", ",", "a", "of", "cat", "dog", "red", "apple", "table", "bird", "street", "car", "##s", "##pet"],
    *(f"[unused{number}]" for number in range(1026, 1029)),
    "?",
]
"""The marks between phrases have the numbers of the real vocabulary: transformers knows them by number."""
SIZE = {"shortest_edge": 96, "longest_edge": 160}
MEAN, DEVIATION = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]


def tokenizer_folder(folder: Path) -> Path:
    """A folder with a tokenizer of these words."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "vocab.txt").write_text("\n".join(VOCABULARY), encoding="utf-8")
    import_module("transformers").BertTokenizer(str(folder / "vocab.txt"), do_lower_case=True).save_pretrained(
        str(folder)
    )
    return folder


def model(*, small: bool = True, seed: int = 0, mm: bool = False) -> Any:
    """The network. Not `small` has the backbone of the released tiny checkpoint, which the original code insists on."""
    allow_torchvision()
    transformers: Any = import_module("transformers")

    kind = "MMGroundingDino" if mm else "GroundingDino"
    torch.manual_seed(seed)  # pyright: ignore[reportUnknownMemberType]
    wide = 8 if small else 96
    swin = transformers.SwinConfig(
        embed_dim=wide,
        depths=[1, 1, 1, 1] if small else [2, 2, 6, 2],
        num_heads=[1, 2, 2, 2] if small else [3, 6, 12, 24],
        window_size=7,
        image_size=224,
        out_indices=[2, 3, 4],
    )
    bert = transformers.BertConfig(
        vocab_size=len(VOCABULARY),
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=64,
        max_position_embeddings=256,
    )
    config = getattr(transformers, f"{kind}Config")(
        backbone_config=swin,
        text_config=bert,
        d_model=64 if small else 256,
        encoder_layers=2,
        decoder_layers=2,
        num_queries=30,
        encoder_ffn_dim=64,
        decoder_ffn_dim=64,
        encoder_attention_heads=4,
        decoder_attention_heads=4,
    )
    made = getattr(transformers, f"{kind}ForObjectDetection")(config).eval()
    with torch.no_grad():  # heads that start at zero would hide what goes wrong in them
        for name, values in made.named_parameters():
            if "bbox_embed" in name and values.dim() > 1:
                values.normal_(0, 0.1)
        made.model.decoder.layer_norm.weight.fill_(0.1)  # logits of a few units, as trained weights give
    return made


def checkpoint(folder: Path, **which: Any) -> Any:
    """Save such a network as the hub has it; gives the network."""
    made = model(**which)
    made.save_pretrained(str(folder))
    tokenizer_folder(folder)
    told = {"size": SIZE, "image_mean": MEAN, "image_std": DEVIATION}
    (folder / "preprocessor_config.json").write_text(json.dumps(told), encoding="utf-8")
    return made


RENAMED = (
    (r"^model\.text_backbone", "bert"),
    (r"^model\.backbone\.conv_encoder\.model", "backbone.0"),
    (r"^backbone\.0\.swin\.embeddings\.patch_embeddings\.projection", "backbone.0.patch_embed.proj"),
    (r"^backbone\.0\.swin\.embeddings\.norm", "backbone.0.patch_embed.norm"),
    (r"^backbone\.0\.swin\.encoder\.layers", "backbone.0.layers"),
    (r"^backbone\.0\.hidden_states_norms\.stage2", "backbone.0.norm1"),
    (r"^backbone\.0\.hidden_states_norms\.stage3", "backbone.0.norm2"),
    (r"^backbone\.0\.hidden_states_norms\.stage4", "backbone.0.norm3"),
    (r"(backbone.*)attention\.relative_position_bias\.relative", r"\1attn.relative"),
    (r"(backbone.*)attention\.o_proj", r"\1attn.proj"),
    (r"(backbone.*)attention\.", r"\1attn."),
    (r"(backbone.*)layernorm_before", r"\1norm1"),
    (r"(backbone.*)layernorm_after", r"\1norm2"),
    (r"^model\.input_proj_vision", "input_proj"),
    (r"^model\.text_projection", "feat_map"),
    (r"^model\.query_position_embeddings", "transformer.tgt_embed"),
    (r"^model\.(en|de)coder\.", r"transformer.\1coder."),
    (r"encoder\.layers\.(\d+)\.deformable_layer\.self_attn_layer_norm", r"encoder.layers.\1.norm1"),
    (r"encoder\.layers\.(\d+)\.deformable_layer\.final_layer_norm", r"encoder.layers.\1.norm2"),
    (r"encoder\.layers\.(\d+)\.deformable_layer\.fc", r"encoder.layers.\1.linear"),
    (r"encoder\.layers\.(\d+)\.deformable_layer", r"encoder.layers.\1"),
    (r"encoder\.layers\.(\d+)\.text_enhancer_layer\.layer_norm_before", r"encoder.text_layers.\1.norm1"),
    (r"encoder\.layers\.(\d+)\.text_enhancer_layer\.layer_norm_after", r"encoder.text_layers.\1.norm2"),
    (r"encoder\.layers\.(\d+)\.text_enhancer_layer\.fc", r"encoder.text_layers.\1.linear"),
    (r"encoder\.layers\.(\d+)\.text_enhancer_layer", r"encoder.text_layers.\1"),
    (r"encoder\.layers\.(\d+)\.fusion_layer", r"encoder.fusion_layers.\1"),
    (r"(fusion_layers.*)vision_param", r"\1gamma_v"),
    (r"(fusion_layers.*)text_param", r"\1gamma_l"),
    (r"(fusion_layers.*)layer_norm_vision", r"\1layer_norm_v"),
    (r"(fusion_layers.*)layer_norm_text", r"\1layer_norm_l"),
    (r"(fusion_layers.*)vision_proj", r"\1v_proj"),
    (r"(fusion_layers.*)text_proj", r"\1l_proj"),
    (r"decoder\.layers\.(\d+)\.self_attn_layer_norm", r"decoder.layers.\1.norm2"),
    (r"decoder\.layers\.(\d+)\.encoder_attn_text_layer_norm", r"decoder.layers.\1.catext_norm"),
    (r"decoder\.layers\.(\d+)\.encoder_attn_text", r"decoder.layers.\1.ca_text"),
    (r"decoder\.layers\.(\d+)\.encoder_attn_layer_norm", r"decoder.layers.\1.norm1"),
    (r"decoder\.layers\.(\d+)\.encoder_attn", r"decoder.layers.\1.cross_attn"),
    (r"decoder\.layers\.(\d+)\.fc", r"decoder.layers.\1.linear"),
    (r"decoder\.layers\.(\d+)\.final_layer_norm", r"decoder.layers.\1.norm3"),
    (r"decoder\.layer_norm", "decoder.norm"),
    (r"decoder\.reference_points_head", "decoder.ref_point_head"),
    (r"^model\.encoder_output_bbox_embed", "transformer.enc_out_bbox_embed"),
    (r"^model\.(enc_output|level_embed)", r"transformer.\1"),
)


def original_state(made: Any) -> dict[str, torch.Tensor]:
    """The same weights under the names of the original code."""
    state: dict[str, torch.Tensor] = {}
    for name, values in made.state_dict().items():
        for pattern, other in RENAMED:
            name = re.sub(pattern, other, name)
        state[name] = values
    return _joined(_joined(state, "q_proj", "k_proj", "v_proj", "qkv."), "query", "key", "value", "in_proj_")


def _joined(state: dict[str, torch.Tensor], query: str, key: str, value: str, joint: str) -> dict[str, torch.Tensor]:
    """`state` with the three matrices of each attention in one, but for those of BERT."""
    for name in [name for name in state if f".{query}." in name and not name.startswith(("bert", "fusion"))]:
        others = [name.replace(f".{query}.", f".{part}.") for part in (query, key, value)]
        if all(other in state for other in others):
            state[name.replace(f".{query}.", f".{joint}")] = torch.cat([state.pop(other) for other in others])
    return state


ORIGINAL_CHANGES = "enc_layers = 2\ndec_layers = 2\nnum_queries = 30\ndim_feedforward = 64\nnheads = 4\n"


def original_files(folder: Path, made: Any, packaged: Path) -> dict[str, Path]:
    """Configuration, checkpoint and text encoder as the original code reads them."""
    config = folder / "small_config.py"
    config.write_text(packaged.read_text(encoding="utf-8") + "\n" + ORIGINAL_CHANGES, encoding="utf-8")
    torch.save(
        {"model": {f"module.{name}": values for name, values in original_state(made).items()}}, folder / "net.pth"
    )
    return {"config": config, "checkpoint": folder / "net.pth", "text_encoder": text_encoder(folder, made)}


def text_encoder(folder: Path, made: Any) -> Path:
    """A folder with a BERT of the shape of the network's own."""
    encoder = tokenizer_folder(folder / "bert-base-uncased")
    import_module("transformers").BertModel(made.config.text_config).save_pretrained(str(encoder))
    return encoder


def build(folder: Path) -> None:
    """What the card's default options need."""
    checkpoint(folder / "grounding-dino-tiny")
