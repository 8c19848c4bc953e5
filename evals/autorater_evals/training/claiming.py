"""What a training folder belongs to: the same command goes on in it, and any other is refused before it works."""

import json
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from pydantic import ValidationError

from autorater.canonical import Record, digest_of
from autorater.document import describe_errors
from autorater.errors import RecordError, UsageError
from autorater.model import open_model
from autorater_evals.files import put_whole
from autorater_evals.training.rows import apart, chosen
from autorater_evals.training.settings import NAME, Settings
from autorater_evals.training.weights import digest_of_student, refuse_adapter
from autorater_evals.trainset import Example, TrainSet

CHECKPOINTS, BEGUN, FITTED, EVALUATIONS = "checkpoints", "begun.json", "fitted.json", "evaluation"
_LOCK = ".lock"
_OURS = (EVALUATIONS, NAME, _LOCK)
"""What may lie in a folder before a training is begun in it."""


class Begun(Record):
    """What a training folder belongs to."""

    student: str
    """As `transformers:NAME`."""
    weights: str
    """The sha256 of a folder's files, or the commit of a hub's model: which student of that name."""
    examples: str
    """The sha256 of the examples that are trained on, in order."""
    settings: Settings
    devices: int = 1
    """One step sees `batch` x `accumulate` examples on each."""


class Fitted(Record):
    """What a training did."""

    examples: int
    """Those that bore loss."""
    left_out: int = 0
    """Training examples that share an item, an image, a prompt or a cluster with held-out ones (of the first round)."""
    steps: int
    epochs: float
    loss: tuple[tuple[int, float], ...]
    """Step → mean loss per token since the step before, in nats."""
    validation: tuple[tuple[int, float], ...] = ()
    """The same on the validation split, where the set has one."""
    trained: int
    """Parameters that were trained."""
    parameters: int
    """Parameters in all, those of LoRA included."""
    targets: int = 0
    """Linear layers that LoRA adapted."""
    resumed_at: int | None = None
    """The step of the checkpoint that this training went on from."""
    devices: int = 1


def begun_by(
    trainset: TrainSet,
    student: str,
    settings: Settings,
    *,
    held: TrainSet | None = None,
    devices: int = 1,
    allow_downloads: bool = False,
) -> Begun:
    """What a training is, before it does anything. Loads no weights.

    Raises UsageError when the student cannot be opened or there is nothing to train on, and RecordError when the set is
    damaged.
    """
    refuse_adapter(student)
    served = open_model(f"transformers:{student}", device="cpu", allow_downloads=allow_downloads)
    examples, _ = to_train(trainset, settings, held)
    return Begun(
        student=served.name,
        weights=digest_of_student(student),
        examples=digest_of([one.model_dump(mode="json") for one in examples]),
        settings=settings,
        devices=devices,
    )


def to_train(trainset: TrainSet, settings: Settings, held: TrainSet | None) -> tuple[list[Example], int]:
    """The examples to train on, and how many were left out for what is held out, in `held` or in the set itself.

    Raises UsageError when there is none.
    """
    found = chosen(trainset.examples("train"), settings.variant)
    examples = apart(found, held or trainset)
    if not examples:
        shared = f"; all {len(found):,} share something with held-out ones" * bool(found)
        raise UsageError(
            f"the set has no example to train on (split train, {settings.variant}{shared}): look at its card.md"
        )
    return examples, len(found) - len(examples)


def claim(out: Path, begun: Begun) -> None:
    """Take the folder for this training, or check that it is this training's. Raises what `check_claim` raises."""
    check_claim(out, begun)
    if not _worked(out):
        out.mkdir(parents=True, exist_ok=True)
        put_whole(out / BEGUN, f"{begun.model_dump_json(indent=1)}\n".encode())


def _worked(out: Path) -> bool:
    """Whether anything was trained in the folder: before that, options that were mistaken may be mended."""
    return (out / BEGUN).is_file() and ((out / FITTED).is_file() or last_checkpoint(out) is not None)


def check_claim(out: Path, begun: Begun) -> None:
    """Raise UsageError when the folder holds something else, or another training; the message names what differs."""
    if _worked(out):
        _compare(out, _read(out / BEGUN), begun)
    if (out / BEGUN).is_file():
        return
    if out.exists() and not out.is_dir():
        raise UsageError(f"{out.name!r} is a file: --out is a folder; choose another")
    if others := sorted(one.name for one in out.iterdir() if one.name not in _OURS) if out.is_dir() else []:
        raise UsageError(f"{out.name!r} holds {', '.join(others[:3])}, of something else: choose another --out")


def _compare(out: Path, before: Begun, begun: Begun) -> None:
    # A finished student is not trained any more, by however many devices.
    done = finished(out) is not None
    if differing := _differing(before, begun, whole=not done):
        raise UsageError(
            f"the training in {out.name!r} was begun with another {differing}: "
            "give the same to go on with it, or choose another --out"
        )


def _differing(before: Begun, begun: Begun, *, whole: bool) -> str:
    """What differs, in words; "" when nothing does."""
    found: list[str] = []
    if before.student != begun.student:
        found.append(f"student ({before.student}, now {begun.student})")
    elif before.weights != begun.weights:
        found.append(f"student of the name {begun.student} (its files have changed)")
    if before.examples != begun.examples:
        found.append("set (other examples to train on)")
    one, other = before.settings.model_dump(), begun.settings.model_dump()
    found += [f"{name} ({one[name]}, now {other[name]})" for name in one if one[name] != other[name]]
    if whole and before.devices != begun.devices:
        found.append(f"number of devices ({before.devices}, now {begun.devices})")
    return ", ".join(found)


def finished(out: Path) -> Fitted | None:
    """What the training in a folder did; None while it is not finished. Raises RecordError when that is damaged."""
    path = out / FITTED
    if not path.is_file():
        return None
    try:
        return Fitted.model_validate_json(path.read_text(encoding="utf-8"))
    except ValidationError as error:
        raise RecordError(f"{path.name} is damaged ({describe_errors(error)}): train into another folder") from error


def _read(path: Path) -> Begun:
    try:
        return Begun.model_validate_json(path.read_text(encoding="utf-8"))
    except ValidationError as error:
        raise RecordError(f"{path.name} is damaged ({describe_errors(error)}): train into another folder") from error


def last_checkpoint(out: Path) -> Path | None:
    """The newest whole checkpoint: the trainer's own state is what it writes last."""
    found = [path for path in (out / CHECKPOINTS).glob("checkpoint-*") if _whole(path / "trainer_state.json")]
    return max(found, key=step_of, default=None)


def step_of(checkpoint: Path) -> int:
    """The step after which a checkpoint was written."""
    return int(checkpoint.name.rpartition("-")[2])


def _whole(state: Path) -> bool:
    try:
        json.loads(state.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return True


@contextmanager
def alone(out: Path) -> Generator[None]:
    """Hold the folder against other processes.

    Raises RecordError when another one trains into it, or it cannot be written.
    """
    from autorater.manifest import locked

    try:
        out.mkdir(parents=True, exist_ok=True)
        (out / _LOCK).touch()
    except OSError as error:
        raise RecordError(
            f"cannot write to the folder {out.name!r} ({error.strerror or error}): choose another --out"
        ) from error
    try:
        with locked(out, _LOCK, patience=0):
            yield
    except TimeoutError:
        raise RecordError(f"another process trains into {out.name!r}: wait for it, or choose another --out") from None
