"""One training from end to end: the held-out examples before, the fit, and the same after; kept in `training.json`."""

import gc
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
from autorater_evals.files import put_whole
from autorater_evals.seen import describe_examples, read_training, write_training
from autorater_evals.training.claiming import (
    EVALUATIONS,
    FITTED,
    Fitted,
    alone,
    begun_by,
    check_claim,
    claim,
    finished,
    last_checkpoint,
    step_of,
    to_train,
)
from autorater_evals.training.evaluating import Asking, HeldOut, evaluate_student, held_out
from autorater_evals.training.fitting import fit
from autorater_evals.training.likelihood import Likelihood, likelihood
from autorater_evals.training.settings import NAME, Settings
from autorater_evals.training.student import open_student
from autorater_evals.training.watching import clear_errors
from autorater_evals.training.weights import file_digest
from autorater_evals.trainset import Example, TrainSet
from autorater_evals.trainset.example import Split
from autorater_evals.trainset.store import EXAMPLES

RESULT, PHASE = "training.json", "phase.json"


class Phase(Record):
    """What a checkpoint makes of the held-out examples."""

    student: str
    likelihood: Likelihood
    judged: tuple[HeldOut, ...]


class Training(Record):
    """One training, and what it changed."""

    student: str
    """What was trained, as `transformers:NAME`."""
    weights: str = ""
    """Which of that name: the digest of a folder's files, or the commit of a hub's model; "" where not known."""
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
    `out/evaluation`, everything printed in `out/training.json`. The same call goes on where one was stopped; of a
    finished student only what is missing is made up. `held` is a set whose held-out examples are taken
    instead of this set's own, `before` what the student made of them where that is known.

    Raises:
        UsageError: wrong settings or student, nothing to train on, nothing held out, too little memory, or an `out`
            that belongs to another training (the message names what differs).
        RecordError: the set is damaged, `out` cannot be written, or another process trains into it.
        MissingExtraError: a package for training, or a specialist that the examples name, is not installed.

    """
    chosen, how, folder = settings or Settings(), running or Running(), Path(out)
    if how.device is not None and ":" in how.device:
        raise UsageError(
            f"expected cpu, cuda or mps as the device to train on, got {how.device!r}: choose one of "
            "several by CUDA_VISIBLE_DEVICES"
        )
    judged = held or trainset
    with clear_errors(student, folder):
        # Better refused before the work than after it.
        begun = begun_by(
            trainset, student, chosen, held=held, devices=how.processes, allow_downloads=how.allow_downloads
        )
        split, examples = held_out(judged) if how.evaluate else (None, list[Example]())
        examples = _first(examples, how.asking.limit)
        check_claim(folder, begun)
        with alone(folder):
            claim(folder, begun)
            done = finished(folder)
            if done is not None:
                how.tell(f"{folder.name} is trained already ({done.steps:,} steps): only what is missing is done")
            asked = _asked(examples, how.asking)
            if how.evaluate and before is None:
                how.tell(f"{begun.student} before: {len(examples):,} held-out examples ({split})")
                log = folder / EVALUATIONS / f"before-{digest_of([begun.student, begun.weights])[:12]}-{asked}"
                before = _phase(student, examples, judged, log, chosen, how)
            if done is None:
                how.tell(f"training {begun.student} on {trainset.folder.name}{_from(folder)}")
                done = _fit(trainset, student, folder, chosen, how, held)
            trained, _ = to_train(trainset, chosen, held)
            write_training(folder, describe_examples(trained, base=read_training(Path(student).expanduser())))
            after = None
            if how.evaluate:
                how.tell(f"{folder.name} after: the same examples")
                after = _phase(str(folder), examples, judged, _after(folder, asked), chosen, how)
            result = Training(
                student=begun.student,
                weights=begun.weights,
                set=file_digest(trainset.folder / EXAMPLES),
                settings=chosen,
                fitted=done,
                split=split,
                held_out=len(examples),
                before=before,
                after=after,
                libraries={name: version(name) for name in ("torch", "transformers", "trl", "peft", "accelerate")},
            )
            put_whole(folder / RESULT, f"{result.model_dump_json(indent=1)}\n".encode())
    return result


def _asked(examples: Sequence[Example], asking: Asking) -> str:
    """A short name of what is asked, and how."""
    told = {"examples": [one.model_dump(mode="json") for one in examples], "tokens": asking.max_output_tokens}
    return digest_of(told)[:8]


def _from(folder: Path) -> str:
    checkpoint = last_checkpoint(folder)
    return "" if checkpoint is None else f", from step {step_of(checkpoint):,} on"


def _first(examples: Sequence[Example], limit: int | None) -> list[Example]:
    """The examples of the first `limit` items."""
    items = list(dict.fromkeys(example.item for example in examples))[:limit]
    kept = set(items)
    return [example for example in examples if example.item in kept]


def _phase(
    source: str, examples: Sequence[Example], trainset: TrainSet, log: Path, settings: Settings, how: Running
) -> Phase:
    """What a checkpoint makes of the examples; kept beside its log, so that nothing finished is done again."""
    kept = log / PHASE
    if kept.is_file():
        return Phase.model_validate_json(kept.read_text(encoding="utf-8"))
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
    phase = Phase(student=name, likelihood=likely, judged=judged)
    put_whole(kept, f"{phase.model_dump_json(indent=1)}\n".encode())
    return phase


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
    put_whole(out / NAME, f"{settings.model_dump_json(indent=1)}\n".encode())
    if how.processes == 1:
        fitted = fit(
            trainset,
            student,
            out,
            settings,
            device=how.device,
            allow_downloads=how.allow_downloads,
            held=held,
        )
        free_memory()
        return fitted
    # What `accelerate launch` starts too; this form works on devices and on the CPU alike.
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node", str(how.processes)]
    command += ["-m", "autorater_evals.training.fitting", str(trainset.folder), student, str(out)]
    command += ["--device", how.device] if how.device else []
    command += ["--allow-downloads"] if how.allow_downloads else []
    command += ["--held", str(held.folder)] if held else []
    ended = subprocess.run(command, stdout=sys.stderr, check=False)
    if ended.returncode != 0:
        raise UsageError(
            f"the training on {how.processes} devices failed (status {ended.returncode}): see above; "
            "checkpoints are kept, the same command goes on from the last"
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
