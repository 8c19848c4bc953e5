"""The student: a vision language model with its processor, opened to be trained and saved to be served."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from autorater.errors import UsageError
from autorater.model import Model, open_model
from autorater_evals.training.settings import Settings
from autorater_evals.training.watching import quiet_bars


@dataclass(frozen=True, slots=True)
class Student:
    """A checkpoint in memory: transformers' own objects, which carry no types worth the name."""

    name: str
    """`transformers:` and the hub's name or the folder's."""
    processor: Any
    network: Any
    served: Model
    """The same checkpoint as the judge asks it; it has loaded no weights yet."""


def open_student(
    source: str, settings: Settings, *, device: str | None = None, allow_downloads: bool = False
) -> Student:
    """Open a hub's name or a folder. Nothing is downloaded unless allowed; no code of a checkpoint is run.

    Raises:
        UsageError: no such checkpoint here, no vision language model, or one that cannot be trained to answer.
        MissingExtraError: torch or transformers is not installed.

    """
    from autorater.vision_ops import allow_torchvision

    allow_torchvision()  # before transformers imports a model's configuration
    served = open_model(f"transformers:{source}", device=device, dtype=settings.dtype, allow_downloads=allow_downloads)
    import torch
    import transformers
    from safetensors import SafetensorError

    access: dict[str, Any] = {"local_files_only": not allow_downloads, "trust_remote_code": False}
    path = str(Path(source).expanduser()) if Path(source).expanduser().is_dir() else source
    dtype = getattr(torch, settings.dtype or ("bfloat16" if on_cuda(device) else "float32"))
    try:
        with quiet_bars(unless=allow_downloads):
            processor: Any = cast("Any", transformers.AutoProcessor).from_pretrained(path, **access)
            kind: Any = transformers.AutoModelForImageTextToText
            network: Any = kind.from_pretrained(path, dtype=dtype, **access)
    except ImportError as error:
        raise UsageError(f"{served.name} needs a package that is not installed: {_first_line(error)}") from error
    except (OSError, ValueError, KeyError, SafetensorError) as error:
        why = _first_line(error).replace(path, served.name)
        raise UsageError(f"{served.name} cannot be opened ({why}): check the checkpoint") from error
    if not (hasattr(processor, "image_processor") and hasattr(processor, "tokenizer")):
        raise UsageError(f"{served.name} has no processor for images and text: its checkpoint is incomplete")
    if settings.max_pixels is not None:
        limit_pixels(processor, settings.max_pixels, name=served.name)
    return Student(served.name, processor, network, served)


def on_cuda(device: str | None) -> bool:
    """Whether the device that is asked for, or the best there is, is a CUDA one."""
    import torch

    return torch.cuda.is_available() if device is None else device.startswith("cuda")


def limit_pixels(processor: Any, most: int, *, name: str) -> None:
    """Let the processor scale larger images down to `most` pixels. Raises UsageError when it has no such limit."""
    images = processor.image_processor
    size = dict(images.size) if images.size else {}
    if "longest_edge" in size and "shortest_edge" in size and hasattr(images, "merge_size"):
        # In Qwen's processors both "edges" are numbers of pixels.
        images.size = {**size, "longest_edge": most, "shortest_edge": min(most, size["shortest_edge"])}
    elif hasattr(images, "max_pixels"):
        images.max_pixels = most
    else:
        raise UsageError(f"--max-pixels: the processor of {name} scales every image to one size: leave it out")


def linear_layers(network: Any, targets: Sequence[str]) -> list[str]:
    """Names of the linear layers that LoRA adapts: all of the language model, or those whose last part is in `targets`.

    Raises UsageError when there is none; the message names those that there are.
    """
    import torch

    decoder = network.get_decoder()
    inside = {id(module) for module in decoder.modules()}
    linear = {name: module for name, module in network.named_modules() if isinstance(module, torch.nn.Linear)}
    last = {name: name.rpartition(".")[2] for name in linear}
    unknown = [target for target in targets if target not in last.values()]
    if unknown:
        known = ", ".join(sorted(set(last.values())))
        raise UsageError(f"no linear layer of the student is called {', '.join(unknown)}: it has {known}")
    if targets:
        return [name for name in linear if last[name] in targets]
    return [name for name, module in linear.items() if id(module) in inside]


def save_student(network: Any, processor: Any, out: Path) -> None:
    """Write weights and processor so that `transformers:OUT` serves them."""
    network.save_pretrained(out)
    processor.save_pretrained(out)


def _first_line(error: Exception) -> str:
    line = (str(error).strip().splitlines() or [type(error).__name__])[0]
    return line if len(line) <= 300 else line[:299] + "…"
