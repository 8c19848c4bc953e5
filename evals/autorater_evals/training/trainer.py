"""TRL's SFTTrainer for a student: its rows, LoRA or all weights, loss on rationale and answer alone."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from autorater_evals.training.claiming import CHECKPOINTS, to_train
from autorater_evals.training.rows import chosen, make_dataset, make_rows
from autorater_evals.training.settings import Settings
from autorater_evals.training.student import Student, linear_layers, on_cuda
from autorater_evals.trainset import TrainSet


@dataclass(frozen=True, slots=True)
class Data:
    """Rows as `datasets.Dataset`; `validation` is None where the set has none."""

    train: Any
    validation: Any
    left_out: int
    """Training examples that share something with held-out ones."""


def open_data(trainset: TrainSet, student: Student, settings: Settings, others: TrainSet | None) -> Data:
    """The rows of a set for a student; `others` may hold out further examples.

    Raises UsageError when there is nothing to train on or no row can be made, RecordError when an image is missing.
    """
    examples, left_out = to_train(trainset, settings, others)
    held = chosen(trainset.examples("validation"), settings.variant)
    limits = student.served.capability.fit
    train, validation = (
        make_dataset(make_rows(some, student.processor, name=student.name), trainset, limits) if some else None
        for some in (examples, held)
    )
    return Data(train, validation, left_out)


def make_trainer(student: Student, data: Data, out: Path, settings: Settings, *, device: str | None) -> Any:
    """A `trl.SFTTrainer` with its checkpoints in `out`. Raises UsageError when LoRA's targets are not there."""
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


def _arguments(out: Path, settings: Settings, data: Data, *, device: str | None) -> Any:
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
