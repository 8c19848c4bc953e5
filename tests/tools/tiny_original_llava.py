"""A LLaVA-1.5 of random weights in the layout of its authors: two .bin shards with an index, CLIP in its own folder."""

import io
import json
from pathlib import Path
from typing import Any

import torch
import transformers
from tiny_lmm import randomise

from autorater.vision_ops import allow_torchvision

allow_torchvision()

LIBRARY: Any = transformers
SIDE, PATCH, WIDTH = 16, 4, 32
CORPUS = [
    "A chat between a curious user and an artificial intelligence assistant. The assistant gives helpful answers.",
    "Describe the aesthetic experience of this image in detail. USER: ASSISTANT: The light is warm and soft.",
]


def write_tokenizer(file: Path) -> int:
    """A sentencepiece BPE with bytes to fall back on, as Llama's; gives the number of its pieces."""
    from sentencepiece import SentencePieceProcessor, SentencePieceTrainer

    trainer: Any = SentencePieceTrainer
    model = io.BytesIO()
    trainer.Train(
        sentence_iterator=iter(CORPUS * 20), model_writer=model, vocab_size=400, model_type="bpe",
        byte_fallback=True, normalization_rule_name="identity", remove_extra_whitespaces=False,
        hard_vocab_limit=False, num_threads=1, minloglevel=2,
    )  # fmt: skip
    file.write_bytes(model.getvalue())
    reader: Any = SentencePieceProcessor(model_file=str(file))
    return int(reader.GetPieceSize())


def build(
    folder: Path, *, seed: int = 0, tuned_tower: bool = False, biased: int | None = None, brief: bool = False
) -> tuple[Any, Any, Any]:
    """Write `model` and `clip`; gives CLIP's vision network, the projector and the language model as they were made.

    With `tuned_tower` the shards hold the vision network too, and the one in `clip` is another. `biased` makes the
    language model say this token again and again; with `brief` it says one word and stops, whatever it sees.
    """
    model_folder, tower_folder = folder / "model", folder / "clip"
    model_folder.mkdir()
    pieces = write_tokenizer(model_folder / "tokenizer.model")
    clip = randomise(
        LIBRARY.CLIPModel(
            LIBRARY.CLIPConfig(
                text_config={"hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1, "vocab_size": 50,
                             "num_attention_heads": 2, "bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 0},
                vision_config={"hidden_size": WIDTH, "intermediate_size": 48, "num_hidden_layers": 3,
                               "num_attention_heads": 2, "image_size": SIDE, "patch_size": PATCH},
                projection_dim=16,
            )
        ),
        seed=seed,
    )  # fmt: skip
    clip.save_pretrained(tower_folder)
    LIBRARY.CLIPImageProcessorPil(
        size={"shortest_edge": SIDE}, crop_size={"height": SIDE, "width": SIDE}
    ).save_pretrained(tower_folder)
    vision = clip.vision_model
    if tuned_tower:
        vision = randomise(LIBRARY.CLIPVisionModel(clip.config.vision_config), seed=seed + 7)
    text = LIBRARY.LlamaConfig(
        vocab_size=pieces, hidden_size=WIDTH, intermediate_size=48, num_hidden_layers=2, num_attention_heads=4
    )
    language = randomise(LIBRARY.LlamaForCausalLM(text), seed=seed + 1)
    if biased is not None:
        with torch.no_grad():
            language.model.norm.weight.zero_()  # every logit is zero, and the first token wins
            language.lm_head.weight.zero_()
    if brief:
        say_one_word(language, model_folder / "tokenizer.model")
    projector = torch.nn.Sequential(torch.nn.Linear(WIDTH, WIDTH), torch.nn.GELU(), torch.nn.Linear(WIDTH, WIDTH))
    randomise(projector, seed=seed + 2)
    weights = {name: value.clone() for name, value in language.state_dict().items()}
    weights |= {f"model.mm_projector.{name}": value.clone() for name, value in projector.state_dict().items()}
    weights["model.layers.0.self_attn.rotary_emb.inv_freq"] = torch.ones(4)  # as files of that time hold
    if tuned_tower:
        for name, value in vision.state_dict().items():
            plain = name.removeprefix("vision_model.")
            weights[f"model.vision_tower.vision_tower.vision_model.{plain}"] = value.clone()
    write_shards(model_folder, weights)
    settings = text.to_dict() | {
        "architectures": ["LlavaLlamaForCausalLM"], "model_type": "llava_llama", "mm_hidden_size": WIDTH,
        "mm_projector_type": "mlp2x_gelu", "mm_vision_select_feature": "patch", "mm_vision_select_layer": -2,
        "mm_vision_tower": "openai/clip-vit-large-patch14-336", "mm_use_im_start_end": False, "use_mm_proj": True,
        "image_aspect_ratio": "pad", "freeze_mm_mlp_adapter": False, "tune_mm_mlp_adapter": False,
    }  # fmt: skip
    (model_folder / "config.json").write_text(json.dumps(settings), encoding="utf-8")
    return vision, projector, language


def say_one_word(language: Any, tokenizer: Path) -> None:
    """Make the next token a matter of the last one alone: a word after the prompt, the end after that word."""
    from sentencepiece import SentencePieceProcessor

    reader: Any = SentencePieceProcessor(model_file=str(tokenizer))
    last, word = reader.EncodeAsIds("ASSISTANT:")[-1], reader.EncodeAsIds("warm")[-1]
    known = language.model.embed_tokens.weight
    with torch.no_grad():
        for layer in language.model.layers:
            layer.self_attn.o_proj.weight.zero_()
            layer.mlp.down_proj.weight.zero_()
        language.model.norm.weight.fill_(1)
        language.lm_head.weight.zero_()
        language.lm_head.weight[word] = known[last]
        language.lm_head.weight[reader.eos_id()] = known[word]


def write_shards(folder: Path, weights: dict[str, Any]) -> None:
    """Two files, half of the weights each, and the index that names them."""
    names = sorted(weights)
    shards = {"pytorch_model-00001-of-00002.bin": names[::2], "pytorch_model-00002-of-00002.bin": names[1::2]}
    for file, some in shards.items():
        torch.save({name: weights[name] for name in some}, folder / file)
    index = {"metadata": {}, "weight_map": {name: file for file, some in shards.items() for name in some}}
    (folder / "pytorch_model.bin.index.json").write_text(json.dumps(index), encoding="utf-8")


def build_aesexpert(folder: Path) -> None:
    """What the card of aesexpert names under its default options; these weights say one word, which is quick."""
    build(folder, brief=True)
