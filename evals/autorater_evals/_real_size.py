"""Checkpoints at the sizes of the released ones, with random weights: how fast a network is does not depend on them.

Sizes are those of the released configurations (`config.json` on the hub, or the papers). Nothing is downloaded.
"""

import json
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any, cast

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

from autorater.vision_ops import allow_torchvision

LEVELS = ["Excellent", "Good", "Fair", "Poor", "Bad"]
TILES = [[384 * high, 384 * wide] for high in range(1, 7) for wide in range(1, 7)]
"""The shapes that LLaVA-OneVision cuts a picture into."""
CHAT = (
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n"
    "{% for part in message['content'] %}{% if part['type'] == 'image' %}<image>{% else %}{{ part['text'] }}"
    "{% endif %}{% endfor %}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
QWEN2 = {
    "mini": {"hidden_size": 896, "intermediate_size": 4864, "num_hidden_layers": 24, "num_attention_heads": 14}
    | {"num_key_value_heads": 2, "tie_word_embeddings": True, "vocab_size": 152_000},
    "7b": {"hidden_size": 3584, "intermediate_size": 18_944, "num_hidden_layers": 28, "num_attention_heads": 28}
    | {"num_key_value_heads": 4, "tie_word_embeddings": False, "vocab_size": 152_128},
}
SWIN = {
    "tiny": {"embed_dim": 96, "depths": [2, 2, 6, 2], "num_heads": [3, 6, 12, 24], "window_size": 7},
    "base": {"embed_dim": 128, "depths": [2, 2, 18, 2], "num_heads": [4, 8, 16, 32], "window_size": 12},
    "large": {"embed_dim": 192, "depths": [2, 2, 18, 2], "num_heads": [6, 12, 24, 48], "window_size": 12},
}


def build_qsit(folder: Path, variant: str, *, dtype: torch.dtype) -> None:
    """LLaVA-OneVision with SigLIP so400m at 384 pixels and Qwen2 0.5B ("mini") or 7B ("7b"), as Q-SiT's bases."""
    transformers = _transformers()
    tokenizer = _tokenizer()
    told: dict[str, Any] = {**QWEN2[variant], "max_position_embeddings": 32_768}
    config = transformers.LlavaOnevisionConfig(
        vision_config=transformers.SiglipVisionConfig(
            hidden_size=1152,
            intermediate_size=4304,
            num_hidden_layers=26,
            num_attention_heads=16,
            image_size=384,
            patch_size=14,
            vision_use_head=False,
        ),
        text_config=transformers.Qwen2Config(**told, pad_token_id=tokenizer.pad_token_id),
        image_token_index=tokenizer.convert_tokens_to_ids("<image>"),
        video_token_index=tokenizer.convert_tokens_to_ids("<video>"),
        vision_feature_select_strategy="full",
        vision_feature_layer=-1,
        image_grid_pinpoints=TILES,
        tie_word_embeddings=told["tie_word_embeddings"],
    )
    size = {"height": 384, "width": 384}
    processor = transformers.LlavaOnevisionProcessor(
        image_processor=transformers.LlavaOnevisionImageProcessorPil(size=size, image_grid_pinpoints=TILES),
        tokenizer=tokenizer,
        video_processor=transformers.LlavaOnevisionVideoProcessor(size=size),
        num_image_tokens=27**2,
        vision_feature_select_strategy="full",
        chat_template=CHAT,
    )
    _save(transformers.LlavaOnevisionForConditionalGeneration, config, folder, dtype=dtype)
    processor.save_pretrained(str(folder))


def build_grounding_dino(folder: Path, variant: str, *, dtype: torch.dtype) -> None:
    """Grounding DINO on Swin-T ("tiny") or Swin-B ("base") and BERT base, 900 queries, six layers each way."""
    transformers = _transformers()
    pretrained = 224 if variant == "tiny" else 384
    swin = transformers.SwinConfig(**SWIN[variant], image_size=pretrained, out_indices=[2, 3, 4])
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", ".", "?", *"abcdefghijklmnopqrstuvwxyz"]
    words += [f"##{letter}" for letter in "abcdefghijklmnopqrstuvwxyz"]
    config = transformers.GroundingDinoConfig(backbone_config=swin, text_config=transformers.BertConfig())
    _save(transformers.GroundingDinoForObjectDetection, config, folder, dtype=dtype)
    (folder / "vocab.txt").write_text("\n".join(words), encoding="utf-8")
    transformers.BertTokenizer(str(folder / "vocab.txt"), do_lower_case=True).save_pretrained(str(folder))
    told = {
        "image_processor_type": "GroundingDinoImageProcessor",
        "processor_class": "GroundingDinoProcessor",
        "size": {"shortest_edge": 800, "longest_edge": 1333},
        "image_mean": [0.485, 0.456, 0.406],
        "image_std": [0.229, 0.224, 0.225],
    }
    (folder / "preprocessor_config.json").write_text(json.dumps(told), encoding="utf-8")


def build_pal4vst(path: Path) -> None:
    """Swin-L with UPerNet for two classes on 512x512 pixels, argmax inside, traced, as PAL4VST's export."""
    transformers = _transformers()
    swin = transformers.SwinConfig(
        **SWIN["large"], image_size=384, out_features=["stage1", "stage2", "stage3", "stage4"]
    )
    config = transformers.UperNetConfig(
        backbone_config=swin, num_labels=2, hidden_size=512, use_auxiliary_head=False, auxiliary_in_channels=768
    )

    class Marks(torch.nn.Module):
        """The class of each pixel, (1, 1, 512, 512)."""

        def __init__(self) -> None:
            super().__init__()
            self.network: Any = transformers.UperNetForSemanticSegmentation(config).eval()

        def forward(self, pixels: torch.Tensor) -> torch.Tensor:
            """0 or 1 for each pixel of (1, 3, 512, 512)."""
            return self.network(pixels, return_dict=False)[0].argmax(1, keepdim=True)

    path.parent.mkdir(parents=True, exist_ok=True)
    script: Any = torch.jit
    with torch.inference_mode():
        script.trace(Marks().eval(), torch.zeros(1, 3, 512, 512), check_trace=False).save(str(path))


HUBCONF = """

import torch
from dreamsim.feature_extraction.vision_transformer import vit_base

dependencies = ["torch"]


def dino_vitb16(pretrained=True):
    network = vit_base(patch_size=16)
    url = "https://dl.fbaipublicfiles.com/dino/dino_vitbase16_pretrain/dino_vitbase16_pretrain.pth"
    network.load_state_dict(torch.hub.load_state_dict_from_url(url, map_location="cpu"))
    return network
"""


def build_dreamsim(folder: Path) -> None:
    """The three ViT-B/16 of DreamSim's ensemble with its LoRA of rank 16, laid out as the package keeps them."""
    allow_torchvision()
    networks: Any = import_module("dreamsim.feature_extraction.vision_transformer")
    package: Any = import_module("dreamsim.model")
    offline: Any = import_module("autorater_tools._offline")
    (folder / "checkpoints").mkdir(parents=True)
    (folder / "facebookresearch_dino_main").mkdir()
    (folder / "facebookresearch_dino_main" / "hubconf.py").write_text(HUBCONF, encoding="utf-8")
    torch.save(networks.vit_base(patch_size=16).state_dict(), folder / "checkpoints" / "dino_vitbase16_pretrain.pth")
    layers = ("mlp.0.weight", "mlp.0.bias", "mlp.2.weight", "mlp.2.bias", "mlp.4.weight", "mlp.4.bias")
    head = {f"module.head.{name}": torch.zeros(2) for name in (*layers, "last_layer.weight")}
    torch.save({"student": head}, folder / "dino_vitb16_pretrain.pth")
    for name in ("clip_vitb16", "open_clip_vitb16"):
        network = networks.vit_base(patch_size=16)
        network.pos_drop = torch.nn.LayerNorm(768)
        state = {"state_dict": {**network.state_dict(), "proj": torch.randn(768, 512) * 0.02}}
        torch.save(state, folder / f"{name}_pretrain.pth.tar")
    lora = folder / "ensemble_lora"
    lora.mkdir()
    told = {"r": 16, "lora_alpha": 0.5, "lora_dropout": 0.3, "bias": "none", "target_modules": ["qkv"]}
    (lora / "adapter_config.json").write_text(json.dumps(told), encoding="utf-8")
    with offline.loading_from(folder, "dreamsim", (package, {"print": offline.silent})):
        model, _ = package.dreamsim(pretrained=False, device="cpu", cache_dir=str(folder), dreamsim_type="ensemble")
    model.save_pretrained(str(lora))


def _save(network: Any, config: Any, folder: Path, *, dtype: torch.dtype) -> None:
    before = torch.get_default_dtype()
    torch.set_default_dtype(dtype)
    try:
        made = network(config)
    finally:
        torch.set_default_dtype(before)
    made.save_pretrained(str(folder))


def _tokenizer() -> Any:
    """A byte-level BPE with the level words. It is small; the vocabulary of the network is the real one."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    special = ["<pad>", "<|im_start|>", "<|im_end|>", "<image>", "<video>"]
    trainer = trainers.BpeTrainer(
        vocab_size=400,
        special_tokens=special,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    corpus: Sequence[str] = ["\n".join(LEVELS), "the quality of this image is"]
    tokenizer.train_from_iterator([*corpus] * 4, trainer)
    return _transformers().PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token="<pad>",
        eos_token="<|im_end|>",
        extra_special_tokens={"image_token": "<image>", "video_token": "<video>"},
    )


def _transformers() -> Any:
    allow_torchvision()
    return cast(Any, import_module("transformers"))
