"""While a student is trained: a progress bar, libraries kept from chattering, and clear words when memory runs out."""

import errno
import logging
import os
import warnings
from collections.abc import Callable, Generator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import Any

from autorater.errors import AutoRaterError, RecordError, UsageError
from autorater.progress import progress_bar

_NO_MEMORY = ("out of memory", "can't allocate memory", "not enough memory")
_UNCLEAR = ("PytorchStreamWriter", "unexpected pos")
_NO_ROOM = ("No space left on device", "Permission denied", "File too large", "Disk quota exceeded", *_UNCLEAR)
_DISK = (errno.ENOSPC, errno.EACCES, errno.EPERM, errno.EROFS, errno.EDQUOT, errno.EFBIG, errno.EIO)
_LOUD = ("transformers", "trl", "accelerate", "peft", "datasets")


@contextmanager
def calm() -> Generator[None]:
    """Keep the trainers' advice out of the way: errors only in their logs, and none of their known warnings."""
    before = {name: logging.getLogger(name).level for name in _LOUD}
    with warnings.catch_warnings(), quiet_bars():
        for category in (DeprecationWarning, FutureWarning, PendingDeprecationWarning):
            warnings.filterwarnings("ignore", category=category, module=r"(trl|transformers|accelerate|peft|torch)\b")
        # Torch says of the pinned memory of loaders that there is no device that could use it.
        warnings.filterwarnings("ignore", message=r".*pin_memory.*", category=UserWarning)
        for name in _LOUD:
            logging.getLogger(name).setLevel(logging.ERROR)
        try:
            yield
        finally:
            for name, level in before.items():
                logging.getLogger(name).setLevel(level)


def quiet_bars(*, unless: bool = False) -> AbstractContextManager[None]:
    """Hide the bars that transformers draws, which are in the way of ours, `unless` a download is worth one."""
    from autorater_tools._checkpoints import without_bars  # pyright: ignore[reportPrivateUsage]

    return nullcontext() if unless else without_bars()


@contextmanager
def clear_errors(student: str, out: Path) -> Generator[None]:
    """Say what to do when memory or the disk runs out, in place of the libraries' own errors.

    Raises UsageError for memory, with the options that need less of it, and RecordError for the disk.
    """
    try:
        yield
    except AutoRaterError:
        raise
    except Exception as error:
        import torch

        told = str(error).lower()
        if isinstance(error, (MemoryError, torch.OutOfMemoryError)) or any(word in told for word in _NO_MEMORY):
            raise UsageError(
                f"out of memory while training {Path(student).name}: lower --batch (and raise --accumulate as much), "
                "--max-pixels or --rank, or say --dtype bfloat16 or --checkpointing; checkpoints are kept"
            ) from error
        if why := _of_the_disk(error):
            raise RecordError(
                f"cannot write to {out.name!r} ({why}): make room or choose another --out; "
                "the same command goes on from the last checkpoint"
            ) from error
        raise


def _of_the_disk(error: Exception) -> str:
    """What the disk said; "" when an error is of something else. Torch and safetensors have errors of their own."""
    if isinstance(error, OSError) and error.errno in _DISK:
        return os.strerror(error.errno)
    if found := next((word for word in _NO_ROOM if word in str(error)), ""):
        return "no space left, or no right to write" if found in _UNCLEAR else found
    return ""


@contextmanager
def progress(trainer: Any, *, after_checkpoint: Callable[[], None] = lambda: None) -> Generator[None]:
    """A bar over the steps on a terminal; silent in a pipe and in all processes but the first."""
    from transformers import PrinterCallback, TrainerCallback

    trainer.remove_callback(PrinterCallback)  # it prints to stdout, which is the caller's
    if not trainer.is_world_process_zero():
        yield
        return
    with progress_bar("training", _steps(trainer)) as bar:

        class Steps(TrainerCallback):
            """Moves the bar."""

            def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
                for _step in range(int(state.global_step)):  # those before a resume
                    bar.advance(cost=0.0)

            def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
                bar.advance(cost=0.0)

            def on_save(self, args: Any, state: Any, control: Any, **_: Any) -> None:
                after_checkpoint()

        trainer.add_callback(Steps())
        yield


def _steps(trainer: Any) -> int | None:
    """Steps of the whole training, when they are known before."""
    if trainer.args.max_steps > 0:
        return int(trainer.args.max_steps)
    per_epoch = -(-len(trainer.get_train_dataloader()) // trainer.args.gradient_accumulation_steps)
    return int(-(-per_epoch * trainer.args.num_train_epochs // 1))
