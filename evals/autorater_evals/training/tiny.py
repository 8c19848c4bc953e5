"""A tiny seeded student for proofs on the CPU: CLIP and Qwen2 of two layers in a LLaVA, no download.

Its tokenizer is trained on the set's own text, so that phrases that recur are a few tokens and a step takes
milliseconds. Digits stay single, so that "Image 1" and "Image 2" differ in one token.
"""

import re
import shutil
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, cast

from autorater_evals.trainset import Example

SIDE, PATCH, WIDTH = 32, 8, 32
_SPECIAL = ("<pad>", "<image>", "<|turn|>", "<|end|>")
_TEMPLATE = (
    "{% for message in messages %}<|turn|>{{ message['role'] }}\n"
    "{% for part in message['content'] %}"
    "{% if part['type'] == 'image' %}<image>{% else %}{{ part['text'] }}{% endif %}"
    "{% endfor %}<|end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|turn|>assistant\n{% endif %}"
)


def build_student(
    folder: Path, examples: Iterable[Example], *, words: Sequence[str] = (), seed: int = 0, vocabulary: int = 1200
) -> Path:
    """Write a LLaVA of some 60 thousand random weights that can spell any text and knows the examples' phrases.

    The folder is written whole or not at all. `words` are texts whose words it knows instead, each with the space
    before it, as most tokenizers have them.
    """
    import torch

    from autorater.vision_ops import allow_torchvision

    allow_torchvision()  # before the classes of transformers, which import it where it is there
    from transformers import (
        CLIPImageProcessor,
        CLIPVisionConfig,
        LlavaConfig,
        LlavaForConditionalGeneration,
        LlavaProcessor,
        Qwen2Config,
    )

    tokenizer = _tokenizer(examples, words, vocabulary)
    config = LlavaConfig(
        vision_config=CLIPVisionConfig(
            hidden_size=WIDTH,
            intermediate_size=2 * WIDTH,
            num_hidden_layers=2,
            num_attention_heads=2,
            image_size=SIDE,
            patch_size=PATCH,
            projection_dim=WIDTH,
        ),
        text_config=Qwen2Config(
            vocab_size=len(tokenizer),
            hidden_size=WIDTH,
            intermediate_size=2 * WIDTH,
            num_hidden_layers=2,
            num_attention_heads=2,
            num_key_value_heads=2,
            max_position_embeddings=4096,
            eos_token_id=tokenizer.eos_token_id,
            pad_token_id=tokenizer.pad_token_id,
        ),
        image_token_index=tokenizer.convert_tokens_to_ids("<image>"),
        vision_feature_layer=-1,
        image_seq_length=(SIDE // PATCH) ** 2,
    )
    cast("Any", torch).manual_seed(seed)
    model: Any = LlavaForConditionalGeneration(config)
    part = folder.with_name(f".{folder.name}.part")
    shutil.rmtree(part, ignore_errors=True)
    model.save_pretrained(part)
    processor: Any = LlavaProcessor(
        image_processor=CLIPImageProcessor(size={"height": SIDE, "width": SIDE}, do_center_crop=False),
        tokenizer=tokenizer,
        patch_size=PATCH,
        vision_feature_select_strategy="default",
        num_additional_image_tokens=1,
        chat_template=_TEMPLATE,
    )
    processor.save_pretrained(part)
    shutil.rmtree(folder, ignore_errors=True)
    part.rename(folder)
    return folder


def _tokenizer(examples: Iterable[Example], words: Sequence[str], vocabulary: int) -> Any:
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    texts = [*words]
    texts += [text for one in examples for text in (one.system, one.completion, *(piece.text for piece in one.pieces))]
    tokenizer: Any = Tokenizer(models.BPE())
    pieces: Any = pre_tokenizers
    # Unlike most, texts are not cut into words at spaces: whole phrases become one token.
    tokenizer.pre_tokenizer = pieces.Sequence(
        [pieces.Digits(individual_digits=True), pieces.ByteLevel(add_prefix_space=False, use_regex=bool(words))]
    )
    tokenizer.decoder = cast("Any", decoders).ByteLevel()
    trainer: Any = cast("Any", trainers).BpeTrainer(
        vocab_size=vocabulary,
        special_tokens=list(_SPECIAL),
        initial_alphabet=pieces.ByteLevel.alphabet(),
        show_progress=False,
    )
    roles = "system\n user\n assistant\n"
    tokenizer.train_from_iterator([*dict.fromkeys(re.sub(r"\d+", "0", text) for text in texts), roles] * 3, trainer)
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token="<pad>",
        eos_token="<|end|>",
        extra_special_tokens={"image_token": "<image>", "turn_token": "<|turn|>"},
    )
