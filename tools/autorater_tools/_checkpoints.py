"""What every specialist on a checkpoint of transformers shares: loading it from a folder, precision, batches that fit.

Nothing here reaches a hub: a folder of the weights store is all that is read, safetensors only, and no code from it.
"""

from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any, TypeVar

import torch

from autorater.errors import SpecialistError
from autorater_tools._weights import AGAIN

T = TypeVar("T")
R = TypeVar("R")


def precision(device: str) -> torch.dtype:
    """float16 on a GPU, as the official code of most scorers does; float32 on the CPU, where halves are slow."""
    return torch.float16 if device.startswith("cuda") else torch.float32


def load_pretrained(loader: Any, folder: Path, **keywords: Any) -> Any:
    """`loader.from_pretrained(folder)`, offline and without code from the checkpoint.

    Raises:
        SpecialistError: the folder is no such checkpoint, or a file of it is damaged.

    """
    try:
        with without_bars():
            return loader.from_pretrained(str(folder), local_files_only=True, trust_remote_code=False, **keywords)
    except Exception as error:  # whatever the library raises, the folder is to blame
        raise SpecialistError(
            f"{folder.name!r} is no checkpoint that {loader.__name__} can read ({type(error).__name__}: "
            f"{' '.join(str(error).split())[:200]}): {AGAIN}"
        ) from error


@contextmanager
def without_bars() -> Generator[None]:
    """Transformers draws a bar for every checkpoint, in the way of ours."""
    bars: Any = import_module("transformers").logging
    shown = bars.is_progress_bar_enabled()
    bars.disable_progress_bar()
    try:
        yield
    finally:
        if shown:
            bars.enable_progress_bar()


def load_model(loader: Any, folder: Path, *, device: str, dtype: torch.dtype | None = None) -> Any:
    """The model of a checkpoint folder on `device`, ready to infer, in `dtype` or the device's precision.

    Raises:
        SpecialistError: as `load_pretrained`, or weights are missing, which the library would draw at random.

    """
    model, told = load_pretrained(
        loader, folder, dtype=dtype or precision(device), use_safetensors=True, output_loading_info=True
    )
    if missing := sorted(told["missing_keys"]):
        raise SpecialistError(
            f"{folder.name!r} lacks {len(missing)} weights ({missing[0]}, …): {AGAIN}, or use "
            "a checkpoint of the architecture that its config.json names"
        )
    return model.to(device).eval()


def in_batches(items: Sequence[T], run: Callable[[Sequence[T]], Sequence[R]], *, size: int = 16) -> list[R]:
    """`run` over `items`, at most `size` at a time; a batch that the GPU has no memory for is halved.

    Raises:
        SpecialistError: even one item does not fit.

    """
    done: list[R] = []
    while len(done) < len(items):
        batch = items[len(done) : len(done) + size]
        try:
            done.extend(run(batch))
        except torch.cuda.OutOfMemoryError as error:
            torch.cuda.empty_cache()
            if len(batch) == 1:
                raise SpecialistError(
                    "the GPU has not enough free memory for one image: close what else uses it, choose a smaller "
                    "variant, or run on --device cpu"
                ) from error
            size = len(batch) // 2
    return done
