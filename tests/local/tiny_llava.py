"""A LLaVA of 60 thousand random weights with its own tokenizer, made on the spot: real code paths, no download."""

from pathlib import Path
from typing import Any, cast

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import (
    CLIPImageProcessor,
    CLIPVisionConfig,
    LlavaConfig,
    LlavaForConditionalGeneration,
    LlavaProcessor,
    PreTrainedTokenizerFast,
    Qwen2Config,
)

SIDE, PATCH, CONTEXT = 32, 8, 16_384
IMAGE_TOKENS = (SIDE // PATCH) ** 2
SPECIAL = ["<pad>", "<image>", "<|turn|>", "<|end|>"]
TEMPLATE = (
    "{% for message in messages %}<|turn|>{{ message['role'] }}\n"
    "{% for part in message['content'] %}"
    "{% if part['type'] == 'image' %}<image>{% else %}{{ part['text'] }}{% endif %}"
    "{% endfor %}<|end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|turn|>assistant\n{% endif %}"
)
CORPUS = [
    '{"observations": "the cat sits on the mat", "winner": "A", "score": 7}',
    '{"observations": "the hand has six fingers", "winner": "tie", "score": 10}',
    "Compare the two images. Answer in JSON. user assistant system",
]


def build_tokenizer() -> Any:
    """A byte-level BPE: it can spell any text, and knows some of our words."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=360,
        special_tokens=SPECIAL,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(CORPUS * 4, trainer)
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token="<pad>",
        eos_token="<|end|>",
        additional_special_tokens=["<|turn|>", "<image>"],
        extra_special_tokens={"image_token": "<image>"},
    )


def build_llava(folder: Path, *, seed: int = 0, template: str = TEMPLATE) -> Path:
    """Write the model, its processor and its chat template to `folder`."""
    tokenizer = build_tokenizer()
    words = len(tokenizer)
    config = LlavaConfig(
        vision_config=CLIPVisionConfig(
            hidden_size=32,
            intermediate_size=64,
            num_hidden_layers=2,
            num_attention_heads=2,
            image_size=SIDE,
            patch_size=PATCH,
            projection_dim=32,
        ),
        text_config=Qwen2Config(
            vocab_size=words + 8,  # like most models, more logits than tokens
            hidden_size=32,
            intermediate_size=64,
            num_hidden_layers=2,
            num_attention_heads=2,
            num_key_value_heads=2,
            max_position_embeddings=CONTEXT,
            eos_token_id=tokenizer.eos_token_id,
            pad_token_id=tokenizer.pad_token_id,
        ),
        image_token_index=tokenizer.convert_tokens_to_ids("<image>"),
        vision_feature_layer=-1,
        image_seq_length=IMAGE_TOKENS,
    )
    model = cast(Any, LlavaForConditionalGeneration(config))
    random = torch.Generator().manual_seed(seed)
    for weight in model.parameters():  # the usual 0.02 gives nearly uniform logits, where images hardly matter
        torch.nn.init.normal_(weight, std=0.3, generator=random)
    model.save_pretrained(folder)
    processor = LlavaProcessor(
        image_processor=CLIPImageProcessor(size={"height": SIDE, "width": SIDE}, do_center_crop=False),
        tokenizer=tokenizer,
        patch_size=PATCH,
        vision_feature_select_strategy="default",
        num_additional_image_tokens=1,
        chat_template=template,
    )
    cast(Any, processor).save_pretrained(folder)
    return folder
