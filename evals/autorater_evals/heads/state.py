"""The state of a training on disk: tensors and the optimizer's moments, from which the same command goes on."""

import json
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any

import torch
from pydantic import ValidationError
from torch import Tensor

from autorater.canonical import Record
from autorater.document import describe_errors
from autorater.errors import RecordError, SpecialistError, UsageError
from autorater_evals.figure import Figure
from autorater_tools._tensors import read_tensors

LOG, STATE = "log", "state.json"


class Progress(Record):
    """Where a training stands."""

    key: str
    """The sha256 of settings, data and base: another training does not go on from here."""
    perspective: int = 0
    stage: int = 0
    step: int = 0
    """Steps of this stage that are done."""
    losses: dict[str, tuple[float, ...]] = {}
    """"perspective/stage" → the loss of every step."""
    before: dict[str, tuple[Figure, ...]] = {}
    """Perspective → the figures of the untrained head."""
    tensors: str = ""
    """The file of this state's tensors."""


@contextmanager
def writing(what: str, folder: Path) -> Generator[None]:
    """Tell in one line that `folder` cannot be written; safetensors has an error of its own for it, with the path."""
    try:
        yield
    except (OSError, import_module("safetensors").SafetensorError) as error:
        told = error.strerror if isinstance(error, OSError) else None
        reason = told or str(error).partition("I/O error: ")[2].partition(" (os error")[0] or "it cannot be written"
        raise RecordError(
            f"cannot write {what} to {str(folder)!r} ({reason}): make room or give the right to write there, "
            "and run the same command again"
        ) from error


def read_progress(out: Path, *, key: str) -> Progress:
    """Where the training in `out` stands; at its beginning where nothing is there.

    Raises:
        UsageError: another training lies there.
        RecordError: the state is damaged.

    """
    path = out / LOG / STATE
    if not path.exists():
        others = sorted(one.name for one in out.iterdir() if one.name != LOG) if out.is_dir() else []
        if "head" in others:
            raise UsageError(f"{str(out)!r} holds a reward head without its log: choose another --out")
        if others:
            raise UsageError(f"{str(out)!r} holds {', '.join(others[:3])}, of something else: choose another --out")
        return Progress(key=key)
    try:
        found = Progress.model_validate_json(path.read_bytes())
    except (OSError, ValidationError) as error:
        told = describe_errors(error) if isinstance(error, ValidationError) else error.strerror
        raise RecordError(f"{LOG}/{STATE} is damaged ({told}): delete {str(out)!r} and train again") from error
    if found.key != key:
        raise UsageError(f"{str(out)!r} holds a training of other settings, data or base: choose another --out")
    return found


def claim(out: Path) -> None:
    """Make the folder of the states, before any work is done for it. Raises UsageError when that cannot be."""
    try:
        (out / LOG).mkdir(parents=True, exist_ok=True)
        (out / LOG / f"{STATE}.part").touch()
    except OSError as error:
        raise UsageError(f"cannot write to {str(out)!r} ({error.strerror or error}): choose another --out") from error


def write_progress(out: Path, progress: Progress, tensors: Mapping[str, Tensor]) -> Progress:
    """Write a state whole or not at all, and drop the one before. Raises RecordError when the disk does not take it."""
    folder = out / LOG
    name = f"state-{progress.perspective}-{progress.stage}-{progress.step}.safetensors"
    with writing("the state", folder):
        folder.mkdir(parents=True, exist_ok=True)
        saved = {one: tensor.detach().cpu().contiguous().clone() for one, tensor in tensors.items()}
        import_module("safetensors.torch").save_file(saved, folder / f"{name}.part")
        (folder / f"{name}.part").replace(folder / name)
        told = progress.model_copy(update={"tensors": name})
        (folder / f"{STATE}.part").write_text(json.dumps(told.model_dump(mode="json")) + "\n", encoding="utf-8")
        (folder / f"{STATE}.part").replace(folder / STATE)
        for old in folder.glob("state-*.safetensors"):
            if old.name != name:
                old.unlink()
    return told


def read_state(out: Path, progress: Progress) -> dict[str, Tensor]:
    """Every tensor of a state. Raises RecordError when the file is damaged or gone."""
    try:
        return read_tensors(out / LOG / progress.tensors)
    except SpecialistError as error:
        raise RecordError(
            f"{LOG}/{progress.tensors} is damaged or gone, so that the training cannot go on: delete {str(out)!r} and "
            "train again"
        ) from error


def moments(optimizer: torch.optim.Optimizer, names: Mapping[int, str]) -> dict[str, Tensor]:
    """The optimizer's state by the names of its parameters (`names`: id of a parameter → name)."""
    found: dict[str, Tensor] = {}
    for parameter, state in optimizer.state.items():
        for name, value in state.items():
            found[f"moment/{names[id(parameter)]}/{name}"] = value
    return found


def set_moments(optimizer: torch.optim.Optimizer, tensors: Mapping[str, Tensor], named: Mapping[str, Tensor]) -> None:
    """Put back what `moments` gave."""
    for name, parameter in named.items():
        start = f"moment/{name}/"
        found: dict[str, Any] = {
            one.removeprefix(start): tensor for one, tensor in tensors.items() if one.startswith(start)
        }
        if found:
            optimizer.state[parameter] = {
                one: tensor if one == "step" else tensor.to(parameter.device) for one, tensor in found.items()
            }
