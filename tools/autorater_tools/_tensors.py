"""Weights that are read whole or not at all: a missing tensor, or one that nobody wants, is an error and never a guess.

Libraries fill what a checkpoint lacks with random numbers and skip what they do not know, with a warning at most. A
reward model with a random head still gives numbers, so everything that is read here is checked by name and shape.
"""

from collections.abc import Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor, nn

from autorater.errors import SpecialistError
from autorater_tools._checkpoints import load_pretrained, precision, without_bars
from autorater_tools._weights import AGAIN

State = Mapping[str, Tensor]
SHOWN = 4
"""Names that an error lists."""


def read_tensors(path: Path) -> dict[str, Tensor]:
    """The tensors of a .safetensors file, or of a pickle that holds tensors and nothing else; on the CPU.

    Raises:
        SpecialistError: the file is damaged, is something else, or holds more than tensors.

    """
    try:
        if path.suffix == ".safetensors":
            safetensors: Any = import_module("safetensors.torch")
            return safetensors.load_file(path)
        found: Any = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # the library raises what the damage happens to break
        raise SpecialistError(
            f"{path.name} cannot be read as weights ({type(error).__name__}): it is damaged or no file of tensors; "
            f"{AGAIN}"
        ) from error
    named = cast("dict[str, Any]", found if isinstance(found, dict) else {})
    named = next(
        (named[name] for name in ("state_dict", "model", "module") if isinstance(named.get(name), dict)), named
    )
    return {name: value for name, value in named.items() if isinstance(value, Tensor)}


def renamed(state: State, names: Mapping[str, str]) -> dict[str, Tensor]:
    """`state` with every part of a name that `names` lists replaced, in the order in which they are listed."""
    result: dict[str, Tensor] = {}
    for name, tensor in state.items():
        for old, new in names.items():
            name = name.replace(old, new)
        result[name] = tensor
    return result


def under(state: State, prefix: str) -> dict[str, Tensor]:
    """The tensors whose names start with `prefix`, without it."""
    return {name.removeprefix(prefix): tensor for name, tensor in state.items() if name.startswith(prefix)}


def fill(module: nn.Module, state: State, *, source: str) -> None:
    """Copy `state` into `module`: all of it, and nothing else.

    Raises:
        SpecialistError: a tensor is missing, left over or of another shape; the first few are named with `source`.

    """
    wanted = module.state_dict()
    demand([name for name in wanted if name not in state], [name for name in state if name not in wanted], source)
    wrong = [name for name, tensor in state.items() if tensor.shape != wanted[name].shape]
    if wrong:
        shapes = ", ".join(f"{name} {tuple(state[name].shape)}" for name in wrong[:SHOWN])
        raise SpecialistError(f"{source} is of another model: {shapes}, expected {tuple(wanted[wrong[0]].shape)}")
    module.load_state_dict(dict(state))


def load_whole(
    loader: Any, folder: Path, *, device: str, dtype: torch.dtype | None = None, ignored: Sequence[str] = ()
) -> Any:
    """The model of a checkpoint folder on `device`, ready to infer, when its files hold exactly its tensors.

    Reads safetensors where the folder has them, else a pickle of tensors only. `ignored` are endings of names that old
    checkpoints hold and new models compute.

    Raises:
        SpecialistError: the folder is no such checkpoint, is damaged, or lacks or exceeds the model's tensors.

    """
    safe = any(folder.glob("*.safetensors"))
    model, info = load_pretrained(
        loader, folder, dtype=dtype or precision(device), use_safetensors=safe, output_loading_info=True
    )
    left_over = [name for name in info["unexpected_keys"] if not name.endswith(tuple(ignored))]
    demand(sorted(info["missing_keys"]), sorted(left_over), f"{folder.name!r}")
    if info["mismatched_keys"]:
        raise SpecialistError(f"{folder.name!r} is of another model: {sorted(map(str, info['mismatched_keys']))[:2]}")
    return model.to(device).eval()


def assemble(
    loader: Any, config: Any, state: State, *, device: str, source: str, dtype: torch.dtype | None = None
) -> Any:
    """The model of `config` with the tensors of `state` and no others, on `device`, ready to infer.

    Raises:
        SpecialistError: a tensor is missing, left over or of another shape; `source` is named.

    """
    try:
        with without_bars():
            model, info = loader.from_pretrained(
                None, config=config, state_dict=dict(state), dtype=dtype or precision(device), output_loading_info=True
            )
    except RuntimeError as error:  # tensors of other shapes
        raise SpecialistError(f"{source} is of another model: {' '.join(str(error).split())[:200]}") from error
    demand(sorted(info["missing_keys"]), sorted(info["unexpected_keys"]), source)
    return model.to(device).eval()


def demand(missing: Sequence[str], left_over: Sequence[str], source: str) -> None:
    """Raise SpecialistError that names the first few, unless both lists are empty."""
    told = [f"lacks {_few(missing)}"] if missing else []
    if left_over:
        told.append(f"has {_few(left_over)}, which no part of the model takes")
    if told:
        raise SpecialistError(f"{source} {' and '.join(told)}: it is of another model or version; {AGAIN}")


def _few(names: Sequence[str]) -> str:
    rest = len(names) - SHOWN
    return ", ".join(names[:SHOWN]) + (f" and {rest} more" if rest > 0 else "")
