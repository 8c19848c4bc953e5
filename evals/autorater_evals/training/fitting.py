"""Fit a student to a set by TRL's SFTTrainer: loss on rationale and answer alone, LoRA or all weights, resumable.

`python -m autorater_evals.training.fitting SET STUDENT OUT` does this step alone, with what OUT/settings.json says (a
field that is not there has its default). On several devices: `autorater train … --processes 4`, or, with the options of
accelerate (machines, DeepSpeed, FSDP), `accelerate launch --num_processes 4 -m autorater_evals.training.fitting …`;
on CPUs accelerate's own launcher starts one process unless it is told of MPI, and `--processes` as many as it says.
"""

import json
import os
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

from autorater.errors import AutoRaterError, UsageError
from autorater_evals.files import put_whole
from autorater_evals.training.claiming import (
    CHECKPOINTS,
    FITTED,
    Begun,
    Fitted,
    begun_by,
    claim,
    finished,
    last_checkpoint,
    step_of,
)
from autorater_evals.training.settings import NAME, Settings, read_settings
from autorater_evals.training.student import Student, open_student, save_student
from autorater_evals.training.trainer import Data, make_trainer, open_data
from autorater_evals.training.watching import calm, clear_errors, progress
from autorater_evals.training.weights import ADAPTER, save_adapter, tidy
from autorater_evals.trainset import TrainSet, open_set


def fit(
    trainset: TrainSet,
    student: str,
    out: Path,
    settings: Settings,
    *,
    device: str | None = None,
    allow_downloads: bool = False,
    held: TrainSet | None = None,
) -> Fitted:
    """Train, merge and save: afterwards `transformers:OUT` serves the student. `fitted.json` in `out` has the result.

    The same call goes on from the last checkpoint in `out`, and does nothing where it is finished. What
    shares an item, an image, a prompt or a cluster with held-out examples, those of `held` if given, is left out.

    Raises:
        UsageError: wrong settings or student, no example to train on, an `out` that holds another training (the message
            names what differs), or too little memory (it names the options to change).
        RecordError: the set is damaged, or `out` cannot be written.
        MissingExtraError: TRL, PEFT or what they need is not installed.

    """
    with calm(), clear_errors(student, out):
        begun, done = _claimed(trainset, student, out, settings, device, held, allow_downloads=allow_downloads)
        if done is not None:
            return done
        opened = open_student(student, settings, device=device, allow_downloads=allow_downloads)
        data = open_data(trainset, opened, settings, held)
        checkpoint = last_checkpoint(out)
        if checkpoint is not None and settings.method == "full":
            # The trainer matches a checkpoint's weights by the names in memory, which are not those on disk for many
            # models, and passes over what does not match; opened as a model they are all there.
            found = open_student(str(checkpoint), settings, device=device)
            opened = replace(opened, network=found.network)
        trainer = make_trainer(opened, data, out, settings, device=device)
        base = opened.name.removeprefix("transformers:")
        with progress(trainer, after_checkpoint=lambda: _tidy(out, base)):
            trainer.train(resume_from_checkpoint=None if checkpoint is None else str(checkpoint))
        fitted = _fitted(trainer, data, checkpoint, settings)
        if trainer.accelerator.is_main_process:
            _tidy(out, base)
            _save(trainer, opened, out, begun.weights)
            put_whole(out / FITTED, f"{fitted.model_dump_json(indent=1)}\n".encode())
        trainer.accelerator.wait_for_everyone()
    return fitted


def _claimed(
    trainset: TrainSet,
    student: str,
    out: Path,
    settings: Settings,
    device: str | None,
    held: TrainSet | None,
    *,
    allow_downloads: bool,
) -> tuple[Begun, Fitted | None]:
    """Claim the folder, by the first of several processes alone; what was done there, where that is all."""
    import accelerate  # pyright: ignore[reportMissingTypeStubs]

    state: Any = cast("Any", accelerate).PartialState(cpu=device == "cpu")
    devices = int(state.num_processes)
    begun = begun_by(trainset, student, settings, held=held, devices=devices, allow_downloads=allow_downloads)
    if state.is_main_process:
        claim(out, begun)
    state.wait_for_everyone()
    return begun, finished(out)


def _tidy(out: Path, base: str) -> None:
    (out / CHECKPOINTS / "README.md").unlink(missing_ok=True)
    for checkpoint in (out / CHECKPOINTS).glob("checkpoint-*"):
        tidy(checkpoint, base)


def _fitted(trainer: Any, data: Data, checkpoint: Path | None, settings: Settings) -> Fitted:
    history: list[dict[str, Any]] = trainer.state.log_history
    network = trainer.accelerator.unwrap_model(trainer.model)
    weights = list(network.parameters())
    lora = settings.method == "lora"
    return Fitted(
        examples=len(data.train),
        left_out=data.left_out,
        steps=int(trainer.state.global_step),
        epochs=round(float(trainer.state.epoch), 4),
        loss=_curve(history, "loss"),
        validation=_curve(history, "eval_loss"),
        trained=sum(weight.numel() for weight in weights if weight.requires_grad),
        parameters=sum(weight.numel() for weight in weights),
        targets=len(network.peft_config["default"].target_modules) if lora else 0,
        resumed_at=None if checkpoint is None else step_of(checkpoint),
        devices=int(trainer.accelerator.num_processes),
    )


def _curve(history: list[dict[str, Any]], what: str) -> tuple[tuple[int, float], ...]:
    return tuple((int(one["step"]), round(float(one[what]), 6)) for one in history if what in one)


def _save(trainer: Any, student: Student, out: Path, digest: str) -> None:
    network = trainer.accelerator.unwrap_model(trainer.model)
    if hasattr(network, "merge_and_unload"):
        save_adapter(network, out / ADAPTER, name=student.name.removeprefix("transformers:"), digest=digest)
        network = network.merge_and_unload()
    save_student(network, student.processor, out)


def main(arguments: Sequence[str] | None = None) -> int:
    """Fit with the settings that stand in OUT, and go on with what was begun there."""
    import argparse

    parser = argparse.ArgumentParser(prog="python -m autorater_evals.training.fitting", description=__doc__)
    for name in ("set", "student", "out"):
        parser.add_argument(name)
    parser.add_argument("--device")
    parser.add_argument("--allow-downloads", action="store_true")
    parser.add_argument("--held", help="another set, whose held-out examples are never trained on")
    given = parser.parse_args(arguments)
    first = os.environ.get("RANK", "0") == "0"
    try:
        fitted = fit(
            open_set(given.set),
            given.student,
            Path(given.out),
            read_settings(Path(given.out) / NAME),
            device=given.device,
            allow_downloads=given.allow_downloads,
            held=open_set(given.held) if given.held else None,
        )
    except AutoRaterError as error:
        if first:  # all processes meet the same
            sys.stderr.write(f"fitting: {error}\n")
        return 2 if isinstance(error, UsageError) else 1
    if first:
        sys.stdout.write(f"{json.dumps({'steps': fitted.steps, 'devices': fitted.devices})}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
