"""What a checkpoint makes of the held-out examples, before a training or after it; kept beside its log."""

import gc
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from autorater.canonical import Record, digest_of
from autorater.errors import ProviderError, RecordError
from autorater.model import open_model
from autorater.sync import run_sync
from autorater_evals.files import put_whole
from autorater_evals.training.claiming import EVALUATIONS, Begun
from autorater_evals.training.evaluating import Asking, HeldOut, evaluate_student
from autorater_evals.training.likelihood import Likelihood, likelihood
from autorater_evals.training.settings import Settings
from autorater_evals.training.student import open_student
from autorater_evals.training.weights import file_digest
from autorater_evals.trainset import Example, TrainSet

PHASE = "phase.json"


class Phase(Record):
    """What a checkpoint makes of the held-out examples."""

    student: str
    likelihood: Likelihood
    judged: tuple[HeldOut, ...]


def phase_of(
    source: str,
    examples: Sequence[Example],
    trainset: TrainSet,
    log: Path,
    *,
    settings: Settings,
    asking: Asking,
    device: str | None = None,
    allow_downloads: bool = False,
) -> Phase:
    """Ask a checkpoint as it is served; kept in `log`, so that nothing finished is done again.

    Of `settings` its dtype counts alone: a student keeps its limit on pixels itself, and its base never had it.

    Raises:
        UsageError, MissingExtraError: the checkpoint, or a specialist that the examples name, cannot run here.
        ProviderError: the network failed on an example; the message says what to lower.
        RecordError: the log cannot be written, or holds another judge's answers.

    """
    kept = log / PHASE
    if kept.is_file():
        return Phase.model_validate_json(kept.read_text(encoding="utf-8"))
    as_served = settings.model_copy(update={"max_pixels": None})
    opened = open_student(source, as_served, device=device, allow_downloads=allow_downloads)
    try:
        if device != "cpu":
            opened.network.to(device_of(device))
        likely = likelihood(opened, examples, trainset)
    except RuntimeError as error:
        raise ProviderError(
            f"{opened.name} failed on the held-out examples ({error}): lower --max-pixels, or say --no-evaluate"
        ) from error
    name = opened.name
    del opened
    free_memory()
    model: Any = open_model(
        f"transformers:{source}", device=device, dtype=settings.dtype, allow_downloads=allow_downloads
    )
    try:
        judged = evaluate_student(model, examples, trainset, log, asking=asking)
    finally:
        run_sync(model.close())
    phase = Phase(student=name, likelihood=likely, judged=judged)
    put_whole(kept, f"{phase.model_dump_json(indent=1)}\n".encode())
    return phase


def first_items(examples: Sequence[Example], limit: int | None) -> list[Example]:
    """The examples of the first `limit` items."""
    kept = set(list(dict.fromkeys(example.item for example in examples))[:limit])
    return [example for example in examples if example.item in kept]


def asked_name(examples: Sequence[Example], asking: Asking, settings: Settings) -> str:
    """A short name of what is asked, and how."""
    told = {"examples": [one.model_dump(mode="json") for one in examples], "tokens": asking.max_output_tokens}
    return digest_of({**told, "dtype": settings.dtype})[:8]


def log_before(out: Path, begun: Begun, asked: str) -> Path:
    """The log of the base."""
    return out / EVALUATIONS / f"before-{digest_of([begun.student, begun.weights])[:12]}-{asked}"


def log_after(out: Path, asked: str) -> Path:
    """The log of these very weights: other weights under the same name are another judge, whose logs are removed.

    Raises RecordError when there are no weights.
    """
    weights = sorted(out.glob("*.safetensors"))
    if not weights:
        raise RecordError(f"no weights in {out.name!r} after the training: train into another folder")
    name = f"after-{digest_of([file_digest(path) for path in weights])[:12]}"
    for stale in (out / EVALUATIONS).glob("after-*"):
        if not stale.name.startswith(name):
            shutil.rmtree(stale)
    return out / EVALUATIONS / f"{name}-{asked}"


def device_of(wanted: str | None) -> str:
    """The device that is asked for, or the best there is: cuda, mps or cpu."""
    import torch

    return wanted or ("cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu")


def free_memory() -> None:
    """Give back what a network that is no longer named took."""
    import torch

    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
