"""Fit a student to a set by TRL's SFTTrainer: loss on rationale and answer alone, LoRA or all weights, resumable.

`python -m autorater_evals.training.fitting SET STUDENT OUT` does this step alone, with what OUT/settings.json says (a
field that is not there has its default). On several devices: `autorater train … --processes 4`, or, with the options of
accelerate (machines, DeepSpeed, FSDP), `accelerate launch --num_processes 4 -m autorater_evals.training.fitting …`.
"""

import json
import os
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

from autorater.canonical import Record, digest_of
from autorater.errors import RecordError, UsageError
from autorater_evals.training.rows import apart, chosen, make_dataset, make_rows
from autorater_evals.training.settings import NAME, Settings, read_settings
from autorater_evals.training.student import Student, linear_layers, on_cuda, open_student, save_student
from autorater_evals.training.watching import calm, clear_memory_errors, progress
from autorater_evals.trainset import TrainSet

CHECKPOINTS, ADAPTER, BEGUN, FITTED = "checkpoints", "adapter", "begun.json", "fitted.json"


class Begun(Record):
    """What a training folder belongs to; a training resumes only with the same."""

    student: str
    examples: str
    """The sha256 of the examples that are trained on, in order."""
    settings: Settings


class Fitted(Record):
    """What a training did."""

    examples: int
    """Those that bore loss."""
    left_out: int = 0
    """Training examples that share an item, an image or a cluster with held-out ones of the first round."""
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


@dataclass(frozen=True, slots=True)
class _Data:
    train: Any
    validation: Any
    digest: str
    left_out: int


def fit(
    trainset: TrainSet,
    student: str,
    out: Path,
    settings: Settings,
    *,
    device: str | None = None,
    allow_downloads: bool = False,
    resume: bool = False,
    held: TrainSet | None = None,
) -> Fitted:
    """Train, merge and save: afterwards `transformers:OUT` serves the student. `fitted.json` in `out` has the result.

    `held` is another set with held-out examples; what shares an item, an image or a cluster with them is left out.

    Raises:
        UsageError: wrong settings or student, no example to train on, an `out` that holds another training, or too
            little memory (the message names the options to change).
        RecordError: the set is damaged, or `out` belongs to a training with other settings.
        MissingExtraError: TRL, PEFT or what they need is not installed.

    """
    opened = open_student(student, settings, device=device, allow_downloads=allow_downloads)
    with calm(), clear_memory_errors(opened.name):
        data = _data(trainset, opened, settings, held)
        done = _claim(out, Begun(student=opened.name, examples=data.digest, settings=settings), device, resume=resume)
        if done is not None:
            return done
        checkpoint = _last_checkpoint(out) if resume else None
        if checkpoint is not None and settings.method == "full":
            # The trainer matches a checkpoint's weights by the names in memory, which are not those on disk for many
            # models, and passes over what does not match; opened as a model they are all there.
            begun = open_student(str(checkpoint), settings, device=device)
            opened = replace(opened, network=begun.network)
        trainer = _trainer(opened, data, out, settings, device=device)
        with ExitStack() as stack:
            stack.enter_context(progress(trainer))
            trainer.train(resume_from_checkpoint=None if checkpoint is None else str(checkpoint))
        fitted = _fitted(trainer, data, checkpoint, settings)
        if trainer.accelerator.is_main_process:
            _save(trainer, opened, out)
            (out / FITTED).write_text(fitted.model_dump_json(indent=1) + "\n", encoding="utf-8")
        trainer.accelerator.wait_for_everyone()
    return fitted


def _data(trainset: TrainSet, student: Student, settings: Settings, others: TrainSet | None) -> _Data:
    found = chosen(trainset.examples("train"), settings.variant)
    examples = found if others is None else apart(found, others)
    if not examples:
        raise UsageError(f"the set has no example to train on (split train, {settings.variant}): look at its card.md")
    held = chosen(trainset.examples("validation"), settings.variant)
    limits = student.served.capability.fit
    train, validation = (
        make_dataset(make_rows(some, student.processor, name=student.name), trainset, limits) if some else None
        for some in (examples, held)
    )
    digest = digest_of([one.model_dump(mode="json") for one in examples])
    return _Data(train, validation, digest, len(found) - len(examples))


def _claim(out: Path, begun: Begun, device: str | None, *, resume: bool) -> Fitted | None:
    """As `_begin`, by the first of several processes alone."""
    import accelerate  # pyright: ignore[reportMissingTypeStubs]

    state: Any = cast("Any", accelerate).PartialState(cpu=device == "cpu")
    if state.is_main_process:
        _begin(out, begun, resume=resume)
    state.wait_for_everyone()
    finished = out / FITTED
    return Fitted.model_validate_json(finished.read_text(encoding="utf-8")) if finished.is_file() else None


def _begin(out: Path, begun: Begun, *, resume: bool) -> None:
    """Claim the folder, or check that it is this training's."""
    path = out / BEGUN
    if not path.is_file():
        if out.is_dir() and any(one.suffix == ".safetensors" for one in out.iterdir()):
            raise UsageError(f"{out.name!r} holds a model already: choose another --out")
        out.mkdir(parents=True, exist_ok=True)
        path.write_text(begun.model_dump_json(indent=1) + "\n", encoding="utf-8")
        return
    if not resume:
        raise UsageError(taken(out))
    before = Begun.model_validate_json(path.read_text(encoding="utf-8"))
    if differing := _differing(before, begun):
        raise RecordError(f"the training in {out.name!r} was begun with another {differing}: choose another --out")


def taken(out: Path) -> str:
    """What is said of a folder that holds a training already."""
    return f"a training was begun in {out.name!r} already: go on with --resume, or choose another --out"


def _differing(before: Begun, begun: Begun) -> str:
    """What differs, in words; "" when nothing does."""
    if (before.student, before.examples) != (begun.student, begun.examples):
        return "student" if before.student != begun.student else "set"
    one, other = before.settings.model_dump(), begun.settings.model_dump()
    return ", ".join(f"{name} ({one[name]}, now {other[name]})" for name in one if one[name] != other[name])


def _last_checkpoint(out: Path) -> Path | None:
    """The newest whole checkpoint: the trainer's own state is what it writes last."""
    found = [path for path in (out / CHECKPOINTS).glob("checkpoint-*") if (path / "trainer_state.json").is_file()]
    return max(found, key=lambda path: int(path.name.rpartition("-")[2]), default=None)


def _trainer(student: Student, data: _Data, out: Path, settings: Settings, *, device: str | None) -> Any:
    import trl
    from peft import LoraConfig

    adapted = None
    if settings.method == "lora":
        adapted = LoraConfig(
            r=settings.rank,
            lora_alpha=settings.scale,
            lora_dropout=settings.dropout,
            target_modules=linear_layers(student.network, settings.targets),
            task_type="CAUSAL_LM",
        )
    trainer: Any = cast("Any", trl).SFTTrainer(
        model=student.network,
        args=_arguments(out, settings, data, device=device),
        train_dataset=data.train,
        eval_dataset=data.validation,
        processing_class=student.processor,
        peft_config=adapted,
    )
    return trainer


def _arguments(out: Path, settings: Settings, data: _Data, *, device: str | None) -> Any:
    import trl

    cuda = on_cuda(device)
    by_step: dict[str, Any] = {"save_strategy": "epoch"}
    if settings.save_every is not None:
        by_step = {"save_strategy": "steps", "save_steps": settings.save_every}
    return cast("Any", trl).SFTConfig(
        output_dir=str(out / CHECKPOINTS),
        per_device_train_batch_size=settings.batch,
        per_device_eval_batch_size=settings.batch,
        gradient_accumulation_steps=settings.accumulate,
        num_train_epochs=settings.epochs,
        max_steps=settings.steps or -1,
        learning_rate=settings.rate,
        lr_scheduler_type="cosine",
        warmup_steps=settings.warmup,  # below 1 it is a share
        seed=settings.seed,
        bf16=cuda and settings.dtype in (None, "bfloat16"),
        fp16=False,
        use_cpu=device == "cpu",
        gradient_checkpointing=cuda if settings.checkpointing is None else settings.checkpointing,
        # Cutting would cut image tokens; only the completion, which is rationale and answer, bears loss.
        max_length=None,
        completion_only_loss=True,
        packing=False,
        eval_strategy="no" if data.validation is None else "epoch",
        logging_steps=1 if len(data.train) < 1000 else 10,
        report_to="none",
        disable_tqdm=True,
        save_total_limit=2,
        remove_unused_columns=False,
        **by_step,
    )


def _fitted(trainer: Any, data: _Data, checkpoint: Path | None, settings: Settings) -> Fitted:
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
        resumed_at=None if checkpoint is None else int(checkpoint.name.rpartition("-")[2]),
        devices=int(trainer.accelerator.num_processes),
    )


def _curve(history: list[dict[str, Any]], what: str) -> tuple[tuple[int, float], ...]:
    return tuple((int(one["step"]), round(float(one[what]), 6)) for one in history if what in one)


def _save(trainer: Any, student: Student, out: Path) -> None:
    network = trainer.accelerator.unwrap_model(trainer.model)
    if hasattr(network, "merge_and_unload"):
        base = str(network.peft_config["default"].base_model_name_or_path)
        network.save_pretrained(out / ADAPTER)
        _name_base(out / ADAPTER, base, student.name.removeprefix("transformers:"))
        network = network.merge_and_unload()
    save_student(network, student.processor, out)


def _name_base(adapter: Path, base: str, name: str) -> None:
    """Let what PEFT wrote name the base as `name` where it names a folder of this machine."""
    for path in (adapter / "adapter_config.json", adapter / "README.md"):
        if Path(base).is_absolute() and path.is_file():
            path.write_text(path.read_text(encoding="utf-8").replace(base, name), encoding="utf-8")


def main() -> None:
    """Fit with the settings that stand in OUT, and resume what was begun there."""
    import argparse

    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("set", "student", "out"):
        parser.add_argument(name)
    parser.add_argument("--device")
    parser.add_argument("--allow-downloads", action="store_true")
    parser.add_argument("--resume", action="store_true")
    parser.add_argument("--held", help="another set, whose held-out examples are never trained on")
    given = parser.parse_args()
    from autorater_evals.trainset import open_set

    out = Path(given.out)
    fitted = fit(
        open_set(given.set),
        given.student,
        out,
        read_settings(out / NAME),
        device=given.device,
        allow_downloads=given.allow_downloads,
        resume=given.resume,
        held=open_set(given.held) if given.held else None,
    )
    if os.environ.get("RANK", "0") == "0":
        print(json.dumps({"steps": fitted.steps, "devices": fitted.devices}))


if __name__ == "__main__":
    main()
