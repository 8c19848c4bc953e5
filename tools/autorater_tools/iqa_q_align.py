"""Q-Align: quality and appeal, by how likely a language model with eyes says excellent, good, fair, poor or bad."""

import sys
from collections.abc import Generator, Sequence
from contextlib import ExitStack, contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any

import torch

from autorater.assessment import Outcome
from autorater.errors import SpecialistError
from autorater.toolbox import View
from autorater_tools._llama import llama_as_before
from autorater_tools._offline import replaced
from autorater_tools._pixels import measured, pixels_at_most
from autorater_tools._pyiqa import DIGITS, LONGER_SIDE, building, to_tensor

CARD = "iqa_q_align"
TASKS = {"quality": "quality", "aesthetics": "aesthetic"}
"""Our quantity → the package's task."""


class IqaQAlign:
    """Wu et al., ICML 2024, the checkpoint OneAlign on mPLUG-Owl2; through pyiqa, one picture at a time."""

    def __init__(self, *, weights: Path, device: str = "cpu") -> None:
        folder = weights / "one-align"
        if not (folder / "config.json").is_file():
            raise SpecialistError(f"one-align/ is not among the weights of {CARD}: run `autorater tools pull {CARD}`")
        with building(CARD, weights), from_folder(folder):
            package: Any = import_module("pyiqa.archs.qalign_arch")
            self.network: Any = package.QAlign().eval().to(device)
        self.device = device

    def __call__(self, views: Sequence[View], /) -> list[Outcome]:
        """One outcome per view, in order."""
        return [self.measure(view) for view in views]

    @torch.inference_mode()
    def measure(self, view: View) -> Outcome:
        """Both marks for one picture, 1 to 5."""
        pixels = to_tensor(pixels_at_most(view.image, LONGER_SIDE)).to(self.device)
        marks = {name: float(self.network(pixels, task_=task)) for name, task in TASKS.items()}
        return measured({name: round(min(5.0, max(1.0, mark)), DIGITS) for name, mark in marks.items()})


class Local:
    """A class of transformers whose `from_pretrained` reads one folder, whatever name it is given, and runs no code."""

    def __init__(self, kind: Any, folder: Path) -> None:
        self.kind = kind
        self.folder = folder

    def from_pretrained(self, _: str, **options: Any) -> Any:
        """From the folder alone."""
        options.pop("trust_remote_code", None)
        return self.kind.from_pretrained(str(self.folder), local_files_only=True, **options)


@contextmanager
def from_folder(folder: Path) -> Generator[None]:
    """While Q-Align is built: its parts come from `folder`, and its Llama stands in for that of transformers.

    The package replaces Llama in transformers for the whole process when it is imported; other models need the true
    one, so everything is put back, and the package's own class keeps its own forward pass.
    """
    path = list(sys.path)
    with llama_as_before(), ExitStack() as stack:
        arch, model, own, eyes = (
            import_module(f"pyiqa.archs.{name}")
            for name in (
                "qalign_arch",
                "q_align.modeling_mplug_owl2",
                "q_align.modeling_llama2",
                "q_align.visual_encoder",
            )
        )
        sys.path[:] = path  # the package puts a folder of its own first
        own.replace_llama_modality_adaptive()
        setattr(model.MPLUGOwl2LlamaModel, "forward", own.model_forward)  # noqa: B010
        if not hasattr(eyes.MplugOwlVisualAbstractorModel, "invert_attention_mask"):  # gone from transformers 5
            setattr(eyes.MplugOwlVisualAbstractorModel, "invert_attention_mask", inverted)  # noqa: B010
        parts = (
            (arch, "MPLUGOwl2LlamaForCausalLM"),
            (arch, "CLIPImageProcessor"),
            (model, "LlamaTokenizer"),
            (model, "CLIPImageProcessor"),
        )
        for module, name in parts:
            stack.enter_context(replaced(module, {name: Local(getattr(module, name), folder)}))
        yield


def inverted(network: Any, mask: torch.Tensor) -> torch.Tensor:
    """0 where `mask` is 1, shape (batch, 1, 1, tokens); the most negative number where it is 0."""
    wide = mask[:, None, None, :] if mask.dim() == 2 else mask[:, None]
    return (1 - wide.to(network.dtype)) * torch.finfo(network.dtype).min
