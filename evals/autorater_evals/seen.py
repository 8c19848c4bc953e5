"""What the embedded judge was fitted on, so that an evaluation can say that it meets it again."""

from collections.abc import Sequence
from functools import cache
from importlib import resources
from pathlib import Path

from autorater.canonical import Record, digest
from autorater.judgment import Judgment

FILE = "embedded_fit.json"


class FittedOn(Record):
    """The pictures and prompts of a fit, by sha256."""

    source: str
    images: tuple[str, ...]
    """Of the files' bytes."""
    prompts: tuple[str, ...]
    """Of the prompts' UTF-8 text, stripped."""

    def has(self, judgment: Judgment) -> bool:
        """Whether a picture or the prompt of this judgment was in the fit."""
        return digest(judgment.prompt.strip().encode()) in self.prompts or bool(
            set(judgment.candidates) & set(self.images)
        )


def describe_fit(source: str, files: Sequence[Path], prompts: Sequence[str]) -> FittedOn:
    """The record of a fit."""
    images = sorted({digest(file.read_bytes()) for file in files})
    return FittedOn(
        source=source,
        images=tuple(images),
        prompts=tuple(sorted({digest(prompt.strip().encode()) for prompt in prompts})),
    )


def is_fitted(judge: str) -> bool:
    """Whether a judge, as `JudgedBy.model` names it, comes from that fit: the embedded one, or one of its heads."""
    return judge == "embedded" or judge.startswith("specialist:generated_quality.")


@cache
def fitted_on() -> FittedOn:
    """What the shipped embedded judge was fitted on."""
    file = resources.files("autorater_evals") / "measured" / FILE
    return FittedOn.model_validate_json(file.read_text(encoding="utf-8"))
