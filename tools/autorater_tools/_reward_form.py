"""What a trained reward head is: the `config.json` beside its tensors, which training writes and serving reads."""

import json
from hashlib import sha256
from pathlib import Path
from typing import Literal, Self, TypeAlias

from pydantic import Field, ValidationError, model_validator

from autorater.canonical import Record
from autorater.document import describe_errors
from autorater.errors import SpecialistError

CONFIG, TENSORS, ADAPTERS = "config.json", "head.safetensors", "lora"
HEAD_FOLDER, BASE_FOLDER = "head", "base"
"""The two folders of a specialist's weights: what was trained, and the checkpoint that it was trained on."""
TRAIN_AGAIN = "bring in the folder that `autorater train-head` wrote"

Loss: TypeAlias = Literal["bt", "gpm", "ce", "l1"]
Head: TypeAlias = Literal["linear", "skipca", "mlp"]
"""What stands on the states: see `RewardModel.rewards`."""
MLP_IS_OF_L1 = "the head mlp is paper 003's score head, whose reward is never below 0: it goes with the loss l1"


class Perspective(Record):
    """One thing that is judged (alignment, fidelity, …); it has a head, and an adapter, of its own."""

    name: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    dimension: str
    """The dimension of the data that it learned."""
    question: str
    """The user's text, with `{prompt}` in it where the prompt is told."""
    answer: str = ""
    """How the answer begins, whose last token is read; "" to read the closing token of the user's turn."""
    low: float = 0.0
    """Of a regression: the ends of the scale, which the head gives as 0 and 1."""
    high: float = 1.0
    told: str = ""
    """What it was trained on and how well it did, in one sentence for whoever reads its numbers."""

    @model_validator(mode="after")
    def _ascends(self) -> Self:
        if not self.low < self.high:
            raise ValueError(f"the scale of {self.name} must ascend, got {self.low} to {self.high}")
        return self


class Adapter(Record):
    """LoRA (Hu et al., ICLR 2022) of the linear layers of the language network, and of the vision network if told."""

    rank: int = Field(ge=1)
    alpha: float = Field(gt=0)
    vision: bool = False


class RewardForm(Record):
    """Everything that the tensors do not say."""

    format: Literal["autorater reward head 1"] = "autorater reward head 1"
    loss: Loss
    head: Head
    size: int = Field(default=1, ge=1)
    """Numbers of a reward: one, or the even number of a general preference model."""
    temperature: float = Field(default=1.0, gt=0)
    width: int
    """Of the base's language network."""
    base: str
    """The name of the base, without folders."""
    base_mark: str
    """See `mark_of`."""
    adapter: Adapter | None
    """None: the base was frozen."""
    projector: bool
    """Whether each perspective has tensors of the projector of its own."""
    perspectives: tuple[Perspective, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _of_one_piece(self) -> Self:
        names = [one.name for one in self.perspectives]
        if len(set(names)) != len(names):
            raise ValueError("two perspectives share a name")
        if (self.size > 1) != (self.loss == "gpm") or (self.size > 1 and self.size % 2):
            raise ValueError(f"a reward of {self.size} numbers does not fit the loss {self.loss}: gpm has 2, 4, 6, …")
        if self.head == "mlp" and self.loss != "l1":
            raise ValueError(f"{MLP_IS_OF_L1}, got {self.loss}")
        return self

    def perspective(self, name: str) -> Perspective:
        """The perspective of this name, the first for "". Raises SpecialistError when there is none."""
        for one in self.perspectives:
            if name in ("", one.name):
                return one
        known = ", ".join(one.name for one in self.perspectives)
        raise SpecialistError(f"the reward head has no perspective {name!r}: expected one of {known}")


def read_form(folder: Path) -> RewardForm:
    """The form of a trained head. Raises SpecialistError when the folder holds none, or one of another format."""
    path = folder / CONFIG
    try:
        return RewardForm.model_validate_json(path.read_bytes())
    except OSError as error:
        raise SpecialistError(
            f"{folder.name}/{CONFIG} cannot be read ({error.strerror}): {TRAIN_AGAIN} "
            f"as {HEAD_FOLDER}/, and its base as {BASE_FOLDER}/"
        ) from error
    except ValidationError as error:
        raise SpecialistError(
            f"{folder.name}/{CONFIG} is of no reward head ({describe_errors(error)}): {TRAIN_AGAIN}"
        ) from error


def mark_of(base: Path) -> str:
    """What tells checkpoints apart: the sha256 of the table of tensors and the last mebibyte of every weights file.

    Hashing 16 GB at each start would take longer than loading them; two checkpoints that agree in this and differ
    elsewhere are not expected.

    Raises:
        SpecialistError: the folder has no weights as safetensors.

    """
    found = sha256()
    files = sorted(base.glob("*.safetensors"))
    if not files:
        raise SpecialistError(f"{base.name!r} holds no *.safetensors: expected the folder of a checkpoint")
    for file in files:
        with file.open("rb") as opened:
            table = int.from_bytes(opened.read(8), "little")
            found.update(opened.read(min(table, 2**28)))
            opened.seek(max(0, file.stat().st_size - 2**20))
            found.update(opened.read())
    return found.hexdigest()


def write_form(folder: Path, form: RewardForm) -> None:
    """Write `config.json`, as a person may read it."""
    (folder / CONFIG).write_text(json.dumps(form.model_dump(mode="json"), indent=1) + "\n", encoding="utf-8")
