"""Reward models on a Qwen of some thousand random weights, laid out as their authors' files."""

import copy
import warnings
from importlib import import_module
from pathlib import Path
from typing import Any, cast

import torch
import transformers
from tiny_lmm import TEXT, build_qwen2_5_vl, build_qwen3_vl, build_tokenizer, randomise, template
from torch import Tensor

safetensors: Any = import_module("safetensors.torch")

REWARD = "<|Reward|>"
WIDTH: int = TEXT["hidden_size"]
RANKNET = {"0": (1024, WIDTH), "3": (16, 1024), "5": (2, 16)}
"""Layers of a reward head: name → shape."""
INSTRUCTION = "\\nRate this image.\\nTextual prompt - {text_prompt}\\n\\n"
ENDING = "\\nPlease rate: <|Reward|>\\n\\nEND\\n"


def build_base(folder: Path, *, kind: str = "qwen2_vl", seed: int = 0) -> Any:
    """Write configuration and processor of a Qwen2-VL or Qwen2.5-VL to `folder`; gives the whole network.

    The table of words has one row more than the tokenizer, for the reward token, as after the authors' resizing.
    """
    tokenizer = build_tokenizer("<|image_pad|>")
    names = {"image_token_id": "<|image_pad|>", "video_token_id": "<|video_pad|>"}
    names |= {"vision_start_token_id": "<|vision_start|>", "vision_end_token_id": "<|vision_end|>"}
    tokens = {name: tokenizer.convert_tokens_to_ids(token) for name, token in names.items()}
    text = {**TEXT, "rope_scaling": {"type": "mrope", "mrope_section": [1, 1, 2]}, "pad_token_id": 0}
    text |= {"bos_token_id": 1, "eos_token_id": 2, "vocab_size": len(tokenizer) + 7}
    vision: dict[str, Any] = {"depth": 2, "num_heads": 2, "patch_size": 14, "spatial_merge_size": 2}
    if kind == "qwen2_vl":
        vision |= {"embed_dim": 32, "hidden_size": WIDTH, "mlp_ratio": 2}
        made: Any = transformers.Qwen2VLConfig
        network: Any = transformers.Qwen2VLForConditionalGeneration
        joint: Any = transformers.Qwen2VLProcessor
    else:
        vision |= {"hidden_size": 32, "intermediate_size": 64, "out_hidden_size": WIDTH}
        vision |= {"window_size": 56, "fullatt_block_indexes": [1]}
        made, network, joint = (
            cast("Any", transformers.Qwen2_5_VLConfig),
            cast("Any", transformers.Qwen2_5_VLForConditionalGeneration),
            cast("Any", transformers.Qwen2_5_VLProcessor),
        )
    config = made(text_config=text, vision_config=vision, **tokens)
    shape = {"patch_size": 14, "temporal_patch_size": 2, "merge_size": 2}
    processor = joint(
        image_processor=cast("Any", transformers).Qwen2VLImageProcessorPil(**shape),
        tokenizer=tokenizer,
        video_processor=cast("Any", transformers).Qwen2VLVideoProcessor(**shape),
        chat_template=template("<|vision_start|><|image_pad|><|vision_end|>"),
    )
    config.save_pretrained(folder)
    processor.save_pretrained(folder)
    model = network(config)
    return randomise(model, seed=seed)


def with_reward_token(model: Any, folder: Path) -> Any:
    """The network with its table of words cut to the tokenizer and the reward token."""
    tokenizer = cast("Any", transformers.AutoTokenizer).from_pretrained(folder)
    model.resize_token_embeddings(len(tokenizer) + 1)
    return model


def head_state(names: dict[str, tuple[int, int]], *, seed: int) -> dict[str, Tensor]:
    """Random weights and biases of linear layers."""
    random = torch.Generator().manual_seed(seed)
    state: dict[str, Tensor] = {}
    for name, (outputs, inputs) in names.items():
        state[f"{name}.weight"] = torch.randn(outputs, inputs, generator=random) * inputs**-0.5
        state[f"{name}.bias"] = torch.randn(outputs, generator=random) * 0.2
    return state


def old_names(model: Any) -> dict[str, Tensor]:
    """The tensors as transformers 4.45 named them."""
    names = {"model.visual.": "visual.", "model.language_model.": "model."}
    state: dict[str, Tensor] = {}
    for name, tensor in model.state_dict().items():
        for new, old in names.items():
            if name.startswith(new):
                name = old + name.removeprefix(new)
                break
        state[name] = tensor.clone()
    return state


def build_hpsv3(folder: Path) -> Any:
    """The files of HPSv3; gives the whole network."""
    model = with_reward_token(build_base(folder / "base"), folder / "base")
    head = {f"rm_head.{name}": tensor for name, tensor in head_state(RANKNET, seed=5).items()}
    safetensors.save_file({**old_names(model), **head}, folder / "HPSv3.safetensors")
    source = f'import torch\n\nINSTRUCTION = """{INSTRUCTION}"""\n\nprompt_with_special_token = """{ENDING}"""\n'
    (folder / "data_collator_qwen.py").write_text(source)
    return model


def build_lora(folder: Path, model: Any, *, layers: list[str], seed: int = 9, rank: int = 2) -> Any:
    """Write a LoRA of `model` made by peft, with random numbers; gives the network with it merged in by peft."""
    peft: Any = import_module("peft")
    settings = peft.LoraConfig(r=rank, lora_alpha=3 * rank, target_modules=layers, init_lora_weights=False)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # peft asks transformers for a name that is going away
        tuned = peft.get_peft_model(copy.deepcopy(model), settings)
    random = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, weight in tuned.named_parameters():
            if "lora_" in name:
                torch.nn.init.normal_(weight, std=0.2, generator=random)
    tuned.save_pretrained(folder)
    return tuned.merge_and_unload().eval()


def build_llava_reward(folder: Path, *, general: bool = True, crossed: bool = True, old: bool = True) -> Any:
    """The files of LLaVA-Reward on a Qwen2.5-VL; gives the network with adapter and projector, and the head's tensors.

    `old` names the layers of the adapter as transformers 4.49 did.
    """
    model = build_base(folder / "base", kind="qwen2_5_vl")
    model.save_pretrained(folder / "base")
    reward = folder / "reward"
    merged = build_lora(reward / "lora", model, layers=["q_proj", "down_proj"])
    if old:
        file = reward / "lora" / "adapter_model.safetensors"
        state = safetensors.load_file(file)
        safetensors.save_file(
            {name.replace("model.language_model.", "model."): one for name, one in state.items()}, file
        )
    random = torch.Generator().manual_seed(4)
    head = {f"{name}.weight": torch.randn(WIDTH, WIDTH, generator=random) * 0.3 for name in ("W_q", "W_k", "W_v")}
    head["ca_layernorm.weight"] = 1 + torch.randn(WIDTH, generator=random) * 0.2
    head = head if crossed else {}
    head["value_head.weight"] = torch.randn(2 if general else 1, WIDTH, generator=random) * 0.1
    merger = merged.model.visual.merger
    with torch.no_grad():
        for weight in merger.parameters():
            torch.nn.init.normal_(weight, std=0.3, generator=random)
    projector = {f"visual.merger.{name}": tensor for name, tensor in merger.state_dict().items()}
    torch.save({**head, **projector}, reward / "pytorch_model.bin")
    (reward / "reward_config.yaml").write_text(
        f"is_general_preference: {str(general).lower()}\nadd_cross_attention: {str(crossed).lower()}\n"
        f"value_head_dim: {2 if general else 1}\ngeneral_preference_tau: 0.1\n"
    )
    return merged, head


def build_edit_reward(folder: Path, *, base: str = "mimo-vl", pickled: bool = False) -> Any:
    """The files of EditReward; gives the whole network."""
    model = with_reward_token(build_base(folder / base, kind="qwen2_5_vl"), folder / base)
    state = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    for number in range(2):
        head = head_state(RANKNET, seed=20 + number)
        state |= {f"rm_heads.head_{number}.{name}": tensor for name, tensor in head.items()}
    reward = folder / f"reward-{base}"
    reward.mkdir()
    if pickled:
        torch.save({"model": state}, reward / "model.pth")
    else:
        safetensors.save_file(state, reward / "model.safetensors")
    texts = {"FOLLOWING": "Does it follow", "QUALITY": "Does it look good"}
    lines = [f'INSTRUCTION_EDIT_{name} = """\\n{text}?\\nText - {{text_prompt}}\\n"""' for name, text in texts.items()]
    (folder / "prompts.py").write_text("\n".join(lines))
    (folder / "data_collator_qwen_edit.py").write_text(f'import numpy\nprompt_with_special_token = """{ENDING}"""\n')
    return model


ANSWERS = ('{"reasoning": "It is \\"fine\\".", "score": [20, 15]}', '{"reasoning": "Blurred.", "score": [7, 25]}')
"""The two things that the tiny model of EditScore can say; which one depends on what it sees."""
RULES = {
    "_context_no_delimit_reasoning_first": "Answer as JSON. 10 of 10.",
    "_prompts_0shot_two_image_edit_rule": "Two images.",
    "_prompts_0shot_tie_rule_SC": "From 0 to 10.\nInstruction: <instruction>",
    "_prompts_0shot_rule_PQ": "One image. From 0 to 10.",
}


def build_edit_score(folder: Path, *, backbone: str = "qwen3-vl-4b", answers: tuple[str, str] = ANSWERS) -> Any:
    """The files of EditScore; gives the network with the adapter merged in by peft.

    Each answer is one token. The first number of what the network holds is large before an answer and small behind it,
    so that it answers and ends; the balance of its first two numbers, which depends on the images, decides which one.
    """
    base = folder / backbone
    (build_qwen3_vl if backbone.startswith("qwen3") else build_qwen2_5_vl)(base)
    processor = cast("Any", transformers.AutoProcessor).from_pretrained(base)
    model = cast("Any", transformers.AutoModelForImageTextToText).from_pretrained(base)
    processor.tokenizer.add_tokens(list(answers))
    model.resize_token_embeddings(max(len(processor.tokenizer), model.config.text_config.vocab_size))
    first, second = processor.tokenizer.convert_tokens_to_ids(list(answers))
    end = processor.tokenizer.eos_token_id
    with torch.no_grad():
        words, head = model.model.language_model.embed_tokens.weight, model.lm_head.weight
        words *= 0.05
        words[:, 0], words[first, 0], words[second, 0] = 8.0, -8.0, -8.0
        model.model.language_model.norm.weight.fill_(1.0)
        head.zero_()
        head[first, :2], head[second, :2] = torch.tensor([1.1, 0.37]), torch.tensor([0.9, -0.37])
        head[end, 0] = -1.0
    model.config.text_config.eos_token_id = model.generation_config.eos_token_id = end
    model.generation_config.pad_token_id = processor.tokenizer.pad_token_id
    model.save_pretrained(base)
    processor.save_pretrained(base)
    text = "\n".join(f"{name} = {rule!r}" for name, rule in RULES.items())
    (folder / "vie_prompts.py").write_text(text)
    return build_lora(folder / f"{backbone}-lora", model, layers=["q_proj", "v_proj"])
