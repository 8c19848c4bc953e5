"""One training from end to end: the held-out examples before, the fit, and the same after; kept in `training.json`."""

import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from importlib.metadata import version
from pathlib import Path

from autorater.canonical import Record
from autorater.errors import UsageError
from autorater_evals.files import put_whole
from autorater_evals.seen import describe_examples, read_training, write_training
from autorater_evals.training.claiming import (
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
from autorater_evals.training.evaluating import Asking, held_out
from autorater_evals.training.fitting import fit
from autorater_evals.training.phases import (
    Phase,
    asked_name,
    device_of,
    first_items,
    free_memory,
    log_after,
    log_before,
    phase_of,
)
from autorater_evals.training.settings import NAME, Settings
from autorater_evals.training.watching import clear_errors
from autorater_evals.training.weights import file_digest
from autorater_evals.trainset import Example, TrainSet
from autorater_evals.trainset.example import Split
from autorater_evals.trainset.store import EXAMPLES

RESULT = "training.json"
LIBRARIES = ("torch", "transformers", "trl", "peft", "accelerate")


class Training(Record):
    """One training, and what it changed."""

    student: str
    """What was trained, as `transformers:NAME`."""
    weights: str = ""
    """Which of that name: the digest of a folder's files, or the commit of a hub's model; "" where not known."""
    set: str
    """The sha256 of the set's examples."""
    licence: str = ""
    """Of the data that the set was made of, as their owners say."""
    research: bool = False
    """Whether the set, and so this student, is for research only."""
    settings: Settings
    fitted: Fitted
    split: Split | None = None
    """Which examples were held out; null when nothing was evaluated."""
    held_out: int = 0
    limit: int | None = None
    """Held-out items at most, where the caller wanted fewer than there are."""
    max_output_tokens: int | None = None
    """Of an answer while evaluating; null when nothing was evaluated."""
    before: Phase | None = None
    after: Phase | None = None
    device: str = ""
    """What the last call ran on: cuda, mps or cpu."""
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
        examples = first_items(examples, how.asking.limit)
        check_claim(folder, begun)
        with alone(folder):
            claim(folder, begun)
            done = finished(folder)
            if done is not None:
                how.tell(f"{folder.name} is trained already ({done.steps:,} steps): only what is missing is done")
            asked = asked_name(examples, how.asking, chosen)
            look = partial(
                phase_of,
                examples=examples,
                trainset=judged,
                settings=chosen,
                asking=how.asking,
                device=how.device,
                allow_downloads=how.allow_downloads,
            )
            if how.evaluate and before is None:
                how.tell(f"{begun.student} before: {len(examples):,} held-out examples ({split})")
                before = look(student, log=log_before(folder, begun, asked))
            if done is None:
                how.tell(f"training {begun.student} on {trainset.folder.name}{_from(folder)}")
                done = _fit(trainset, student, folder, chosen, how, held)
            trained, _ = to_train(trainset, chosen, held)
            write_training(folder, describe_examples(trained, base=read_training(Path(student).expanduser())))
            after = None
            if how.evaluate:
                how.tell(f"{folder.name} after: the same examples")
                after = look(str(folder), log=log_after(folder, asked))
            source = trainset.card.get("source", {})
            result = Training(
                student=begun.student,
                weights=begun.weights,
                set=file_digest(trainset.folder / EXAMPLES),
                licence=str(source.get("licence", "")),
                research=bool(source.get("research", False)),
                settings=chosen,
                fitted=done,
                split=split,
                held_out=len(examples),
                limit=how.asking.limit if how.evaluate else None,
                max_output_tokens=how.asking.max_output_tokens if how.evaluate else None,
                before=before,
                after=after,
                device=device_of(how.device),
                libraries={name: version(name) for name in LIBRARIES},
            )
            put_whole(folder / RESULT, f"{result.model_dump_json(indent=1)}\n".encode())
    return result


def _from(folder: Path) -> str:
    checkpoint = last_checkpoint(folder)
    return "" if checkpoint is None else f", from step {step_of(checkpoint):,} on"


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
