"""One training from end to end: the held-out examples before, the fit, and the same after; kept in `training.json`."""

import gc
import hashlib
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path

from autorater.canonical import Record, digest_of
from autorater.errors import ProviderError, RecordError, UsageError
from autorater.model import open_model
from autorater.sync import run_sync
from autorater_evals.training.evaluating import Asking, HeldOut, evaluate_student, held_out
from autorater_evals.training.fitting import BEGUN, FITTED, Fitted, fit
from autorater_evals.training.likelihood import Likelihood, likelihood
from autorater_evals.training.settings import NAME, Settings
from autorater_evals.training.student import open_student
from autorater_evals.trainset import Example, TrainSet
from autorater_evals.trainset.example import Split
from autorater_evals.trainset.store import EXAMPLES

RESULT, EVALUATIONS = "training.json", "evaluation"


class Phase(Record):
    """What a checkpoint makes of the held-out examples."""

    student: str
    likelihood: Likelihood
    judged: tuple[HeldOut, ...]


class Training(Record):
    """One training, and what it changed."""

    student: str
    """What was trained, as `transformers:NAME`."""
    set: str
    """The sha256 of the set's examples."""
    settings: Settings
    fitted: Fitted
    split: Split | None = None
    """Which examples were held out; null when nothing was evaluated."""
    held_out: int = 0
    before: Phase | None = None
    after: Phase | None = None
    libraries: dict[str, str] = {}


@dataclass(frozen=True)
class Running:
    """Where and how a training runs; nothing here changes what is learnt, but for the device's rounding."""

    device: str | None = None
    """cuda, mps or cpu; the best there is when None."""
    processes: int = 1
    """Devices that train together, by accelerate."""
    allow_downloads: bool = False
    resume: bool = False
    evaluate: bool = True
    asking: Asking = field(default_factory=Asking)
    tell: Callable[[str], None] = lambda text: None


def train(
    trainset: TrainSet,
    student: str,
    out: str | Path,
    settings: Settings | None = None,
    *,
    running: Running | None = None,
    held: TrainSet | None = None,
    before: Phase | None = None,
) -> Training:
    """Train `student` (a hub's name or a folder) on a set into the folder `out`, which `transformers:OUT` serves.

    The held-out examples are judged before and after in both orders, as any judge is; their runs are in
    `out/evaluation`, everything printed in `out/training.json`. `held` is a set whose held-out examples are taken
    instead of this set's own, `before` what the student made of them where that is known.

    Raises:
        UsageError: wrong settings or student, nothing to train on, nothing held out, or too little memory.
        RecordError: the set is damaged, or `out` belongs to a training with other settings.
        MissingExtraError: a package for training, or a specialist that the examples name, is not installed.

    """
    chosen, how, folder = settings or Settings(), running or Running(), Path(out)
    if how.device is not None and ":" in how.device:
        raise UsageError(
            f"expected cpu, cuda or mps as the device to train on, got {how.device!r}: choose one of "
            "several by CUDA_VISIBLE_DEVICES"
        )
    judged = held or trainset
    split, examples = held_out(judged) if how.evaluate else (None, list[Example]())
    examples = _first(examples, how.asking.limit)
    asked = digest_of({"examples": [one.id for one in examples], "tokens": how.asking.max_output_tokens})[:8]
    if (folder / BEGUN).is_file() and not how.resume:  # better refused before the work than after it
        raise UsageError(
            f"a training was begun in {folder.name!r} already: go on with --resume, or choose another --out"
        )
    if others := _others(folder):
        raise UsageError(f"{folder.name!r} holds {', '.join(others[:3])}, of something else: choose another --out")
    if how.evaluate and before is None:
        how.tell(f"{student} before: {len(examples):,} held-out examples ({split})")
        before = _phase(student, examples, judged, folder / EVALUATIONS / f"before-{asked}", chosen, how)
    how.tell(f"training {student} on {trainset.folder.name}")
    fitted = _fit(trainset, student, folder, chosen, how, held)
    after = None
    if how.evaluate:
        how.tell(f"{folder.name} after: the same examples")
        after = _phase(str(folder), examples, judged, _after(folder, asked), chosen, how)
    result = Training(
        student=_name(student),
        set=file_digest(trainset.folder / EXAMPLES),
        settings=chosen,
        fitted=fitted,
        split=split,
        held_out=len(examples),
        before=before,
        after=after,
        libraries={name: version(name) for name in ("torch", "transformers", "trl", "peft", "accelerate")},
    )
    (folder / RESULT).write_text(result.model_dump_json(indent=1) + "\n", encoding="utf-8")
    return result


def _others(folder: Path) -> list[str]:
    """What lies in a folder where no training was begun, but for what is written before the first step."""
    if (folder / BEGUN).is_file() or not folder.is_dir():
        return []
    return sorted(one.name for one in folder.iterdir() if one.name not in (EVALUATIONS, NAME))


def _first(examples: Sequence[Example], limit: int | None) -> list[Example]:
    """The examples of the first `limit` items."""
    items = list(dict.fromkeys(example.item for example in examples))[:limit]
    kept = set(items)
    return [example for example in examples if example.item in kept]


def _phase(
    source: str, examples: Sequence[Example], trainset: TrainSet, log: Path, settings: Settings, how: Running
) -> Phase:
    opened = open_student(source, settings, device=how.device, allow_downloads=how.allow_downloads)
    try:
        if how.device != "cpu":
            opened.network.to(_device(how.device))
        likely = likelihood(opened, examples, trainset)
    except RuntimeError as error:
        raise ProviderError(f"{opened.name} failed on the held-out examples ({error}): lower --max-pixels") from error
    name = opened.name
    del opened
    free_memory()
    model = open_model(
        f"transformers:{source}", device=how.device, dtype=settings.dtype, allow_downloads=how.allow_downloads
    )
    try:
        judged = evaluate_student(model, examples, trainset, log, asking=how.asking)
    finally:
        close = getattr(model, "close", None)
        if close is not None:
            run_sync(close())
    return Phase(student=name, likelihood=likely, judged=judged)


def _device(wanted: str | None) -> str:
    import torch

    return wanted or ("cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu")


def free_memory() -> None:
    """Give back what a network that is no longer named took."""
    import torch

    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


def _fit(
    trainset: TrainSet, student: str, out: Path, settings: Settings, how: Running, held: TrainSet | None
) -> Fitted:
    out.mkdir(parents=True, exist_ok=True)
    (out / NAME).write_text(settings.model_dump_json(indent=1) + "\n", encoding="utf-8")
    if how.processes == 1:
        fitted = fit(
            trainset,
            student,
            out,
            settings,
            device=how.device,
            allow_downloads=how.allow_downloads,
            resume=how.resume,
            held=held,
        )
        free_memory()
        return fitted
    # What `accelerate launch` starts too; this form works on devices and on the CPU alike.
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node", str(how.processes)]
    command += ["-m", "autorater_evals.training.fitting", str(trainset.folder), student, str(out)]
    command += ["--device", how.device] if how.device else []
    command += ["--allow-downloads"] if how.allow_downloads else []
    command += ["--resume"] if how.resume else []
    command += ["--held", str(held.folder)] if held else []
    ended = subprocess.run(command, stdout=sys.stderr, check=False)
    if ended.returncode != 0:
        raise UsageError(
            f"the training on {how.processes} devices failed (status {ended.returncode}): see above; "
            "checkpoints are kept, --resume goes on from the last"
        )
    return Fitted.model_validate_json((out / FITTED).read_text(encoding="utf-8"))


def _after(out: Path, asked: str) -> Path:
    """The log of these very weights: other weights under the same name are another judge."""
    weights = sorted(out.glob("*.safetensors"))
    if not weights:
        raise RecordError(f"no weights in {out.name!r} after the training: train into another folder")
    name = f"after-{digest_of([file_digest(path) for path in weights])[:12]}"
    for stale in (out / EVALUATIONS).glob("after-*"):
        if not stale.name.startswith(name):
            shutil.rmtree(stale)
    return out / EVALUATIONS / f"{name}-{asked}"


def file_digest(path: Path) -> str:
    """The sha256 of a file, which may be larger than memory."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _name(student: str) -> str:
    """The student's name without folders of this machine."""
    path = Path(student).expanduser()
    return f"transformers:{path.name if path.is_absolute() else student}"
