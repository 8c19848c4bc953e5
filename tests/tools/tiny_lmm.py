"""Image-text models of some ten thousand random weights, with processors and tokenizers of their own: no download.

Each has the architecture, the file layout and the chat format of the checkpoints that the specialists load.
"""

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
import transformers
from numpy.typing import NDArray
from PIL import Image
from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast

from autorater.image import Picture, open_picture
from autorater.vision_ops import allow_torchvision

allow_torchvision()

WORDS = ["Excellent", "Good", "Fair", "Poor", "Bad", "Yes", "No", "yes", "no"]
"""Each is one token, as in the vocabulary of Qwen."""
AFTER_SPACE = [" excellent", " good", " fair", " poor", " bad", " yes", " no"]
SPECIAL = [
    "<pad>",
    "<|im_start|>",
    "<|im_end|>",
    "<image>",
    "<video>",
    "<|vision_start|>",
    "<|vision_end|>",
    "<|image_pad|>",
    "<|video_pad|>",
    "<IMG_CONTEXT>",
    "<img>",
    "</img>",
]
SPLIT = r"[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
"""How Qwen's tokenizer cuts text into words, but for English contractions."""
TEXT = {
    "vocab_size": 512,
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 16_384,
}


def template(image: str) -> str:
    """Qwen's chat format, with this placeholder for an image."""
    return (
        "{% for message in messages %}<|im_start|>{{ message['role'] }}\n"
        "{% for part in message['content'] %}{% if part['type'] == 'image' %}" + image + "{% else %}{{ part['text'] }}"
        "{% endif %}{% endfor %}<|im_end|>\n{% endfor %}"
        "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
    )


def build_tokenizer(image: str = "<image>", *, words: list[str] | None = None) -> Any:
    """A byte-level BPE that can spell any text and has our words, each as one token."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(SPLIT), behavior="isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=400,
        special_tokens=SPECIAL,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    corpus = ["\n".join(WORDS + AFTER_SPACE if words is None else words), "the quality of this image is"]
    tokenizer.train_from_iterator(corpus * 4, trainer)
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token="<pad>",
        eos_token="<|im_end|>",
        extra_special_tokens={
            "image_token": image,
            "video_token": "<video>" if image == "<image>" else "<|video_pad|>",
            "start_image_token": "<img>",
            "end_image_token": "</img>",
            "context_image_token": "<IMG_CONTEXT>",
        },
    )


def randomise(model: Any, *, seed: int = 0) -> Any:
    """The usual 0.02 gives nearly uniform logits, where images hardly matter."""
    random = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for weight in model.parameters():
            torch.nn.init.normal_(weight, std=0.25, generator=random)
    return model.eval()


def save(folder: Path, model: Any, processor: Any, *, seed: int = 0) -> Path:
    """Write a checkpoint as the library lays it out."""
    randomise(model, seed=seed).save_pretrained(folder)
    processor.save_pretrained(folder)
    return folder


def build_onevision(folder: Path, *, seed: int = 0, words: list[str] | None = None) -> Path:
    """LLaVA-OneVision: SigLIP, AnyRes tiles, Qwen2 (Q-SiT)."""
    tokenizer = build_tokenizer(words=words)
    side, patch = 16, 4
    grid = [[side * high, side * wide] for high in (1, 2, 3) for wide in (1, 2, 3)]
    config = transformers.LlavaOnevisionConfig(
        vision_config=cast(Any, transformers.SiglipVisionConfig)(
            hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=2, image_size=side,
            patch_size=patch, vision_use_head=False,
        ),
        text_config=cast(Any, transformers.Qwen2Config)(**TEXT, pad_token_id=tokenizer.pad_token_id),
        image_token_index=tokenizer.convert_tokens_to_ids("<image>"),
        video_token_index=tokenizer.convert_tokens_to_ids("<video>"),
        vision_feature_select_strategy="full",
        vision_feature_layer=-1,
        image_grid_pinpoints=grid,
    )  # fmt: skip
    size = {"height": side, "width": side}
    processor = cast(Any, transformers.LlavaOnevisionProcessor)(
        image_processor=cast(Any, transformers).LlavaOnevisionImageProcessorPil(size=size, image_grid_pinpoints=grid),
        tokenizer=tokenizer,
        video_processor=cast(Any, transformers.LlavaOnevisionVideoProcessor)(size=size),
        num_image_tokens=(side // patch) ** 2,
        vision_feature_select_strategy="full",
        chat_template=template("<image>"),
    )
    return save(folder, cast(Any, transformers.LlavaOnevisionForConditionalGeneration)(config), processor, seed=seed)


def build_llava(folder: Path, *, seed: int = 0, words: list[str] | None = None) -> Path:
    """LLaVA in the library's own layout: CLIP, one tile."""
    tokenizer = build_tokenizer(words=words)
    side, patch = 16, 4
    config = transformers.LlavaConfig(
        vision_config=cast(Any, transformers.CLIPVisionConfig)(
            hidden_size=32, intermediate_size=64, num_hidden_layers=3, num_attention_heads=2, image_size=side,
            patch_size=patch, projection_dim=32,
        ),
        text_config=cast(Any, transformers.Qwen2Config)(**TEXT, pad_token_id=tokenizer.pad_token_id),
        image_token_index=tokenizer.convert_tokens_to_ids("<image>"),
        image_seq_length=(side // patch) ** 2,
    )  # fmt: skip
    processor = cast(Any, transformers.LlavaProcessor)(
        image_processor=cast(Any, transformers.CLIPImageProcessor)(
            size={"height": side, "width": side}, do_center_crop=False
        ),
        tokenizer=tokenizer,
        patch_size=patch,
        vision_feature_select_strategy="default",
        num_additional_image_tokens=1,
        chat_template=template("<image>"),
    )
    return save(folder, cast(Any, transformers.LlavaForConditionalGeneration)(config), processor, seed=seed)


def _qwen_processor(tokenizer: Any, *, patch: int, processor: Any = None) -> Any:
    size = {"shortest_edge": 32 * 32, "longest_edge": 96 * 96}
    shape = {"patch_size": patch, "temporal_patch_size": 2, "merge_size": 2, "size": size}
    return (processor or cast(Any, transformers).Qwen2_5_VLProcessor)(
        image_processor=cast(Any, transformers).Qwen2VLImageProcessorPil(**shape),
        tokenizer=tokenizer,
        video_processor=cast(Any, transformers).Qwen2VLVideoProcessor(**shape),
        chat_template=template("<|vision_start|><|image_pad|><|vision_end|>"),
    )


def _qwen_tokens(tokenizer: Any) -> dict[str, int]:
    names = {"image_token_id": "<|image_pad|>", "video_token_id": "<|video_pad|>"}
    names |= {"vision_start_token_id": "<|vision_start|>", "vision_end_token_id": "<|vision_end|>"}
    return {name: tokenizer.convert_tokens_to_ids(token) for name, token in names.items()}


def build_qwen2_5_vl(folder: Path, *, seed: int = 0) -> Path:
    """Qwen2.5-VL: any resolution, positions in three dimensions."""
    tokenizer = build_tokenizer("<|image_pad|>")
    config = cast(Any, transformers.Qwen2_5_VLConfig)(
        vision_config={
            "hidden_size": 32, "intermediate_size": 64, "depth": 2, "num_heads": 2, "out_hidden_size": 32,
            "patch_size": 8, "spatial_merge_size": 2, "window_size": 32, "fullatt_block_indexes": [1],
        },
        text_config={**TEXT, "rope_scaling": {"type": "mrope", "mrope_section": [1, 1, 2]}},
        **_qwen_tokens(tokenizer),
    )  # fmt: skip
    model = cast(Any, transformers.Qwen2_5_VLForConditionalGeneration)(config)
    return save(folder, model, _qwen_processor(tokenizer, patch=8), seed=seed)


def build_qwen3_vl(folder: Path, *, seed: int = 0) -> Path:
    """Qwen3-VL: features of several depths of the vision network are added in the first layers."""
    tokenizer = build_tokenizer("<|image_pad|>")
    config = cast(Any, transformers.Qwen3VLConfig)(
        vision_config={
            "hidden_size": 32, "intermediate_size": 64, "depth": 3, "num_heads": 2, "out_hidden_size": 32,
            "patch_size": 8, "spatial_merge_size": 2, "num_position_embeddings": 64, "deepstack_visual_indexes": [0, 1],
        },
        text_config={
            **TEXT, "head_dim": 8,
            "rope_parameters": {
                "rope_type": "default", "rope_theta": 10_000.0, "mrope_section": [1, 1, 2], "mrope_interleaved": True,
            },
        },
        **_qwen_tokens(tokenizer),
    )  # fmt: skip
    model = cast(Any, transformers.Qwen3VLForConditionalGeneration)(config)
    processor = _qwen_processor(tokenizer, patch=8, processor=cast(Any, transformers).Qwen3VLProcessor)
    return save(folder, model, processor, seed=seed)


def build_qwen3_5(folder: Path, *, seed: int = 0) -> Path:
    """Qwen3.5: three of four layers keep a recurrent state instead of keys and values (Q-ReAlign)."""
    tokenizer = build_tokenizer("<|image_pad|>")
    config = cast(Any, transformers.Qwen3_5Config)(
        vision_config={
            "hidden_size": 32, "intermediate_size": 64, "depth": 2, "num_heads": 2, "out_hidden_size": 32,
            "patch_size": 8, "spatial_merge_size": 2, "num_position_embeddings": 64,
        },
        text_config={
            **TEXT, "num_hidden_layers": 4, "head_dim": 8, "linear_num_key_heads": 2, "linear_num_value_heads": 2,
            "linear_key_head_dim": 8, "linear_value_head_dim": 8,
            "rope_parameters": {
                "rope_type": "default", "rope_theta": 10_000.0, "mrope_section": [1, 1, 2],
                "partial_rotary_factor": 1.0, "mrope_interleaved": True,
            },
        },
        **_qwen_tokens(tokenizer),
    )  # fmt: skip
    model = cast(Any, transformers.Qwen3_5ForConditionalGeneration)(config)
    processor = _qwen_processor(tokenizer, patch=8, processor=cast(Any, transformers).Qwen3VLProcessor)
    return save(folder, model, processor, seed=seed)


def build_internvl(folder: Path, *, seed: int = 0) -> Path:
    """InternVL in the library's layout: tiles and a thumbnail, pixel shuffle (LMM4LMM)."""
    tokenizer = build_tokenizer("<IMG_CONTEXT>")
    side, patch = 16, 4
    config = cast(Any, transformers.InternVLConfig)(
        vision_config=cast(Any, transformers.InternVLVisionConfig)(
            hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=2, image_size=[side, side],
            patch_size=[patch, patch],
        ),
        text_config=cast(Any, transformers.Qwen2Config)(**TEXT, pad_token_id=tokenizer.pad_token_id),
        image_token_id=tokenizer.convert_tokens_to_ids("<IMG_CONTEXT>"),
        image_seq_length=4,
    )  # fmt: skip
    processor = cast(Any, transformers.InternVLProcessor)(
        image_processor=cast(Any, transformers).GotOcr2ImageProcessorPil(
            size={"height": side, "width": side}, crop_to_patches=True, min_patches=1, max_patches=6
        ),
        tokenizer=tokenizer,
        video_processor=cast(Any, transformers).InternVLVideoProcessor(size={"height": side, "width": side}),
        image_seq_length=4,
        chat_template=template("<IMG_CONTEXT>\n"),
    )
    return save(folder, cast(Any, transformers.InternVLForConditionalGeneration)(config), processor, seed=seed)


BUILDERS: dict[str, Callable[[Path], Path]] = {
    "llava_onevision": build_onevision,
    "llava": build_llava,
    "qwen2_5_vl": build_qwen2_5_vl,
    "qwen3_vl": build_qwen3_vl,
    "qwen3_5": build_qwen3_5,
    "internvl": build_internvl,
}


def build_qsit(folder: Path) -> Path:
    """What the card of qsit names under its default options."""
    return build_onevision(folder / "7b")


def build_vqascore(folder: Path) -> Path:
    """What the cards of vqascore and visionreward_questions name under their default options."""
    return build_qwen2_5_vl(folder / "qwen2.5-vl-7b")


def build_q_realign(folder: Path) -> Path:
    """What the card of q_realign names under its default options."""
    return build_qwen3_5(folder / "lite-4b")


def build_lmm4lmm(folder: Path) -> Path:
    """What the card of lmm4lmm names under its default options: an InternVL and a score head of five layers."""
    from safetensors.torch import save

    random = torch.Generator().manual_seed(3)
    sizes = [TEXT["hidden_size"], 24, 16, 8, 4, 1]
    head: dict[str, Any] = {}
    for index, (given, made) in enumerate(pairwise(sizes), start=1):
        head[f"mlpscore.fc{index}.weight"] = torch.rand(made, given, generator=random) - 0.3
        head[f"mlpscore.fc{index}.bias"] = torch.rand(made, generator=random)
    build_internvl(folder / "correspondence")
    (folder / "correspondence.safetensors").write_bytes(save(head))
    return folder


def ask_library(folder: Path, image: Any, question: str, *, begun: str = "") -> tuple[Any, Any, Any]:
    """Processor, model and the model's inputs for a question about an image, as transformers makes them by itself.

    `begun` is the beginning of the answer.
    """
    library = cast(Any, transformers)
    processor = library.AutoProcessor.from_pretrained(folder)
    processor.image_processor = library.AutoImageProcessor.from_pretrained(folder, backend="pil")
    turn = {"role": "user", "content": [{"type": "image"}, {"type": "text", "text": question}]}
    text = processor.apply_chat_template([turn], add_generation_prompt=True, tokenize=False)
    inputs = processor(text=[text + begun], images=[image], return_tensors="pt")
    return processor, library.AutoModelForImageTextToText.from_pretrained(folder), inputs


def noise(height: int, width: int, *, seed: int = 0) -> NDArray[np.uint8]:
    """Coloured noise in blocks of four pixels, so that a resized version is not grey."""
    random = np.random.default_rng(seed)
    small = random.integers(0, 256, (-(-height // 4), -(-width // 4), 3), dtype=np.uint8)
    return np.repeat(np.repeat(small, 4, axis=0), 4, axis=1)[:height, :width]


def images() -> list[Image.Image]:
    """Three images of different shapes: they take different numbers of tiles, and so of tokens."""
    return [Image.fromarray(noise(*shape, seed=index)) for index, shape in enumerate([(40, 40), (60, 24), (20, 70)])]


def pictures() -> list[Picture]:
    """The same as the specialists get them."""
    return [open_picture(np.asarray(image)) for image in images()]
