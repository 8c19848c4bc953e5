"""How a student is trained: everything that changes its weights, printed and kept beside them."""

from pathlib import Path
from typing import Literal, TypeAlias

from pydantic import Field, ValidationError

from autorater.canonical import Record
from autorater.document import describe_errors
from autorater.errors import RecordError, UsageError

NAME = "settings.json"
Method: TypeAlias = Literal["lora", "full"]
Variant: TypeAlias = Literal["all", "with", "without"]
"""Which examples of a set: all, those that show assessments of specialists, or those that show none."""


class Settings(Record):
    """The settings of one training. The defaults are those that LoRA on a model of some billion weights usually takes.

    One step sees `batch` x `accumulate` examples on every device.
    """

    method: Method = "lora"
    rank: int = Field(default=16, ge=1)
    """Of the LoRA matrices."""
    alpha: int | None = Field(default=None, ge=1)
    """LoRA's scale is alpha / rank; null: twice the rank."""
    dropout: float = Field(default=0.05, ge=0, lt=1)
    """Of LoRA's input."""
    targets: tuple[str, ...] = ()
    """Last parts of the names of the linear layers that LoRA adapts (q_proj, …), in the whole model; empty: every
    linear layer of the language model."""
    epochs: float = Field(default=3.0, gt=0)
    steps: int | None = Field(default=None, ge=1)
    """Steps of the optimiser in all, in place of `epochs`."""
    learning_rate: float | None = Field(default=None, gt=0)
    """At its highest; null: 2e-4 for LoRA, 1e-5 for all weights. It falls along a cosine to 0."""
    warmup: float = Field(default=0.03, ge=0, lt=1)
    """Share of the steps in which the learning rate rises."""
    batch: int = Field(default=1, ge=1)
    """Examples at a time on each device."""
    accumulate: int = Field(default=8, ge=1)
    """Batches before each step."""
    max_pixels: int | None = Field(default=None, ge=1)
    """The most pixels of one image that the processor keeps; saved with the student, which is served with the same. Its
    base, which is judged before, has its own limit."""
    dtype: Literal["float32", "bfloat16", "float16"] | None = None
    """Of the weights; null: bfloat16 on CUDA, else float32."""
    checkpointing: bool | None = None
    """Recompute activations instead of keeping them: less memory, a third more time; null: on CUDA only."""
    save_every: int | None = Field(default=None, ge=1)
    """Steps between checkpoints; null: one after every epoch."""
    variant: Variant = "all"
    seed: int = Field(default=0, ge=0)

    @property
    def rate(self) -> float:
        """The highest learning rate that is in force."""
        return self.learning_rate or (2e-4 if self.method == "lora" else 1e-5)

    @property
    def scale(self) -> int:
        """LoRA's alpha that is in force."""
        return self.alpha or 2 * self.rank


def read_settings(path: Path) -> Settings:
    """The settings that a training was begun with. Raises RecordError when they cannot be read."""
    try:
        return Settings.model_validate_json(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise RecordError(f"no settings of a training at {path.name!r} in {path.parent.name!r}: train anew") from error
    except ValidationError as error:
        raise RecordError(f"{path.name} is damaged ({describe_errors(error)}): train into another folder") from error


def make_settings(**given: object) -> Settings:
    """Settings from what a caller gave. Raises UsageError that names what is wrong."""
    try:
        return Settings.model_validate(given)
    except ValidationError as error:
        raise UsageError(describe_errors(error)) from error
