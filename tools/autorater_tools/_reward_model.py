"""A reward model on any image-text checkpoint: one base; for every perspective a head, an adapter and a projector.

Zhou et al., "Multimodal LLMs as Customized Reward Models" (paper 002), and Wang et al., LMM4LMM (paper 003), written
anew on transformers and peft. Training and serving share it, so that what is served is what was trained.
"""

import copy
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from importlib import import_module
from pathlib import Path
from typing import Any, cast

import torch
from PIL import Image
from torch import Tensor, nn

from autorater.errors import SpecialistError
from autorater_tools._lmm import ImageTextModel, brain_precision
from autorater_tools._reward_form import (
    ADAPTERS,
    BASE_FOLDER,
    HEAD_FOLDER,
    TENSORS,
    TRAIN_AGAIN,
    RewardForm,
    mark_of,
    read_form,
    write_form,
)
from autorater_tools._reward_parts import LAYERS, adapt, draw_head, projects
from autorater_tools._skip_attention import SkipAttention
from autorater_tools._tensors import State, demand, read_tensors
from autorater_tools.lmm4lmm import score

Read = tuple[Tensor, Tensor]
"""What the head reads: the state at the last token (width,), and the projected image tokens (tokens, width)."""
ADAPTER = "adapter_model.safetensors"
PEFT = "base_model.model."
"""What peft writes before the names of layers."""


class RewardModel:
    """A base in memory with the heads and adapters of `form`: untrained, drawn with `seed`, until they are filled.

    Raises:
        SpecialistError: the base is no image-text checkpoint, or another than that of `form`.

    """

    def __init__(self, base: Path, form: RewardForm, *, device: str, seed: int = 0) -> None:
        self.form, self.device = form, device
        if mark_of(base) != form.base_mark:
            raise SpecialistError(
                f"the base {base.name!r} is not the one that this reward head was trained on, {form.base}: "
                f"bring in that checkpoint as {BASE_FOLDER}/"
            )
        self.model = ImageTextModel(base, device=device, dtype=brain_precision(device))
        self.network: Any = self.model.network
        width = int(self.network.config.get_text_config().hidden_size)
        if width != form.width:
            raise SpecialistError(
                f"the base {base.name!r} is {width} wide, the reward head {form.width}: {TRAIN_AGAIN}"
            )
        random = cast("Any", torch.random)
        with random.fork_rng(devices=[]):
            random.manual_seed(seed)
            self.heads = {one.name: draw_head(form, device) for one in form.perspectives}
            self.adapted: Any = adapt(self.network, form) if form.adapter else None
        own = {name: one for name, one in self.network.named_parameters() if projects(name)} if form.projector else {}
        if form.projector and not own:
            raise SpecialistError(f"the projector of {form.base} is not known: train with --frozen")
        self.projectors = {
            one.name: {
                name: nn.Parameter(tensor.detach().float().clone(), requires_grad=False) for name, tensor in own.items()
            }
            for one in form.perspectives
        }
        self.use(form.perspectives[0].name)

    def use(self, perspective: str) -> None:
        """Switch adapter and projector to those of this perspective; nothing of the network trains afterwards."""
        if self.adapted is not None:
            self.adapted.set_adapter(perspective)
        for name, tensor in self.projectors[perspective].items():
            module, _, leaf = name.rpartition(".")
            setattr(self.network.get_submodule(module), leaf, tensor)
        self.network.requires_grad_(False)
        self.used = perspective

    def trained(self, perspective: str) -> dict[str, Tensor]:
        """Everything that is trained for this perspective, by the names that it is saved under."""
        found = {f"head/{name}": tensor for name, tensor in self.heads[perspective].items()}
        found |= {f"projector/{name}": tensor for name, tensor in self.projectors[perspective].items()}
        named: Mapping[str, Tensor] = dict(self.network.named_parameters()) if self.adapted is not None else {}
        endings = tuple(f".lora_{part}.{perspective}.weight" for part in "AB")
        for name, tensor in named.items():
            if name.endswith(endings):
                found[f"lora/{PEFT}" + name.removesuffix(f"{perspective}.weight") + "weight"] = tensor
        return found

    def fill(self, perspective: str, state: State, *, source: str) -> None:
        """Put trained tensors in their place: all of them and no others. Raises SpecialistError that names them."""
        wanted = self.trained(perspective)
        demand([name for name in wanted if name not in state], [name for name in state if name not in wanted], source)
        for name, tensor in wanted.items():
            if tensor.shape != state[name].shape:
                told = f"{name} has the shape {tuple(state[name].shape)}, expected {tuple(tensor.shape)}"
                raise SpecialistError(f"{source} is of another model: {told}")
            with torch.no_grad():
                tensor.copy_(state[name])

    def read(self, sides: Sequence[tuple[Image.Image, str]]) -> list[Read]:
        """What the head of the perspective in use reads of images and their prompts."""
        asked = self.form.perspective(self.used)
        told = [asked.question.replace("{prompt}", self.model.plain(prompt).strip()) for _, prompt in sides]
        prompts = [self.model.prompt(text) if asked.answer else self.model.closed(text) for text in told]
        rows = self.model.rows([image for image, _ in sides], prompts, answer=asked.answer)
        half = torch.autocast("cuda", torch.bfloat16) if self.device.startswith("cuda") else nullcontext()
        with half:
            return self.model.last_and_seen(rows)

    def rewards(self, read: Sequence[Read]) -> Tensor:
        """The rewards (sides, numbers) of what was read, float32; a regression's is 0 to 1 on its scale.

        `skipca` is the head of paper 002, see `SkipAttention`; `linear` is its "w/o SkipCA", one layer on the last
        state. `mlp` is the head of paper 003: five layers on the last state, each with a ReLU behind it.
        """
        head = self.heads[self.used]
        if self.form.head == "mlp":
            layers = [(head[f"fc{one}.weight"], head[f"fc{one}.bias"]) for one in range(1, len(LAYERS) + 1)]
            return score(layers, torch.stack([last for last, _ in read]))[:, None]
        found = SkipAttention(head, self.form.head == "skipca")
        rewards = torch.stack([found(last, seen) for last, seen in read])
        return rewards + head["bias"] if "bias" in head else rewards

    def next_words(self, read: Sequence[Read]) -> Tensor:
        """The logits (sides, vocabulary) of the token that the base would say next, float32."""
        last = torch.stack([one for one, _ in read])
        return self.network.lm_head(last.to(self.network.lm_head.weight.dtype)).float()


def save_reward_model(model: RewardModel, folder: Path, form: RewardForm) -> None:
    """Write `config.json`, `head.safetensors` and `lora/<perspective>/` (peft's layout) to `folder`."""
    safetensors: Any = import_module("safetensors.torch")
    folder.mkdir(parents=True, exist_ok=True)
    tensors: dict[str, Tensor] = {}
    for one in form.perspectives:
        state = {name: tensor.detach().cpu().contiguous() for name, tensor in model.trained(one.name).items()}
        tensors |= {f"{one.name}/{name}": value for name, value in state.items() if not name.startswith("lora/")}
        if model.adapted is not None:
            adapter = folder / ADAPTERS / one.name
            adapter.mkdir(parents=True, exist_ok=True)
            loras = {name.removeprefix("lora/"): value for name, value in state.items() if name.startswith("lora/")}
            safetensors.save_file(loras, adapter / ADAPTER, metadata={"format": "pt"})
            settings = copy.copy(model.adapted.peft_config[one.name])
            settings.base_model_name_or_path = form.base  # not the path of this machine
            settings.target_modules = sorted(settings.target_modules)  # a set has another order in every process
            settings.save_pretrained(str(adapter))
    safetensors.save_file(tensors, folder / TENSORS, metadata={"format": "pt"})
    write_form(folder, form)


def load_reward_model(weights: Path, *, device: str) -> RewardModel:
    """The trained model of the folders `head/` and `base/` in `weights`, ready to infer.

    Raises:
        SpecialistError: a folder or file is missing or damaged, or they do not belong together.

    """
    folder = weights / HEAD_FOLDER
    form = read_form(folder)
    state = read_tensors(folder / TENSORS)
    strange = [name for name in state if name.partition("/")[0] not in {one.name for one in form.perspectives}]
    demand([], strange, f"{folder.name}/{TENSORS}")
    model = RewardModel(weights / BASE_FOLDER, form, device=device)
    for one in form.perspectives:
        start = f"{one.name}/"
        found = {name.removeprefix(start): tensor for name, tensor in state.items() if name.startswith(start)}
        if form.adapter is not None:
            adapter = read_tensors(folder / ADAPTERS / one.name / ADAPTER)
            found |= {f"lora/{name}": tensor for name, tensor in adapter.items()}
        model.fill(one.name, found, source=f"{folder.name} ({one.name})")
    return model
