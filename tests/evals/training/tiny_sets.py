"""What the tests of training share: a small set, a tiny student, and settings that take a second."""

from functools import lru_cache
from pathlib import Path
from typing import Any, cast

from places import SCRATCH

from autorater_evals.training.settings import Settings
from autorater_evals.training.synthetic import brightness_set, texture_set
from autorater_evals.training.tiny import build_student
from autorater_evals.trainset import TrainSet, open_set


@lru_cache
def pairs() -> TrainSet:
    """Twelve pairs to train on and six held out: which is brighter."""
    return open_set(brightness_set(SCRATCH / "training" / "pairs", train=12, held_out=6).folder)


@lru_cache
def textures() -> TrainSet:
    """Six pictures and three held out, each with and without the reading of `sharpness`."""
    return open_set(texture_set(SCRATCH / "training" / "textures", train=6, held_out=3).folder)


@lru_cache
def student() -> Path:
    """A LLaVA of random weights that knows the phrases of both sets."""
    examples = [*pairs().examples(), *textures().examples()]
    return build_student(SCRATCH / "training" / "student", examples)


def quick(**given: Any) -> Settings:
    """Four steps of four examples."""
    return Settings.model_validate(
        {"method": "full", "steps": 4, "batch": 4, "accumulate": 1, "learning_rate": 1e-3, **given}
    )


def weights(folder: Path) -> dict[str, Any]:
    """Name → tensor of a checkpoint, by the names on disk."""
    import safetensors.torch

    return cast("Any", safetensors.torch).load_file(folder / "model.safetensors")


def collate(processor: Any, row: Any) -> Any:
    """A batch of one row, as TRL's trainer makes it."""
    import trl.trainer.sft_trainer as trainer

    return cast("Any", trainer).DataCollatorForVisionLanguageModeling(processor, completion_only_loss=True)([row])
