"""What judges and specialists were fitted or trained on, so that an evaluation can say that they meet it again.

The embedded judge's fit ships with the package. Heads and students that were trained here have theirs beside their
weights (`trained_on.json`); an evaluation copies it beside its log, so that a run tells it wherever it is read.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from pydantic import ValidationError

from autorater.canonical import Record, digest
from autorater.document import describe_errors
from autorater.errors import RecordError
from autorater.judgment import Judgment
from autorater_evals.benchmark import find_benchmarks
from autorater_evals.files import put_whole
from autorater_evals.trainset import Example

if TYPE_CHECKING:
    from autorater.autorater import AutoRater

Told = TypeVar("Told", bound=Record)
FILE = "embedded_fit.json"
TRAINED_ON = "trained_on.json"
EMBEDDED = ("embedded", "generated_quality")
"""The embedded judge, and the specialist whose heads came from the same fit."""


class FittedOn(Record):
    """The pictures and prompts of a fit, by sha256."""

    source: str
    images: tuple[str, ...]
    """Of the files' bytes."""
    prompts: tuple[str, ...]
    """Of the prompts' UTF-8 text, stripped; none where all items share one."""


class TrainedJudges(Record):
    """`trained_on.json` beside a log: the name of a model or specialist → what it was trained on."""

    judges: dict[str, FittedOn]


@dataclass(frozen=True, slots=True)
class Fit:
    """A fit that is asked often."""

    source: str
    images: frozenset[str]
    prompts: frozenset[str]

    @classmethod
    def of(cls, fitted: FittedOn) -> "Fit":
        """The same, in sets."""
        return cls(fitted.source, frozenset(fitted.images), frozenset(fitted.prompts))

    def has(self, judgment: Judgment) -> bool:
        """Whether a picture (of an edit also the source) or the prompt of this judgment was in the fit."""
        return self.knows(judgment.prompt, (*judgment.candidates, *judgment.sources))

    def knows(self, prompt: str, images: Iterable[str]) -> bool:
        """Whether one of these images (sha256) or the prompt was in the fit; an empty prompt is none."""
        prompt = prompt.strip()
        return (bool(prompt) and digest(prompt.encode()) in self.prompts) or not self.images.isdisjoint(images)


@dataclass(frozen=True, slots=True)
class Fits:
    """What everything that may decide in a run was fitted or trained on: name of a model or specialist → fit."""

    known: Mapping[str, Fit]

    def met(self, judgment: Judgment) -> Iterator[str]:
        """Who decided this judgment and had a picture or the prompt of it in its fit."""
        return (name for name in deciders(judgment) if name in self.known and self.known[name].has(judgment))

    def met_by(self, name: str, judgment: Judgment) -> bool:
        """Whether this model or specialist had a picture or the prompt of the judgment in its fit."""
        return name in self.known and self.known[name].has(judgment)


def deciders(judgment: Judgment) -> tuple[str, ...]:
    """The model that decided, or the specialist whose reading did; of a VLM also the specialists that it read."""
    model = judgment.judged_by.model
    if model.startswith("specialist:"):
        return (model.removeprefix("specialist:").partition(".")[0],)
    if model == "embedded":
        return (model,)
    read = (one.specialist for one in judgment.assessments if one.outcome.kind == "measured")
    return (model, *dict.fromkeys(read))


def describe_fit(source: str, files: Sequence[Path], prompts: Iterable[str]) -> FittedOn:
    """The record of a fit, from files."""
    return describe_training(source, [digest(file.read_bytes()) for file in files], prompts)


def describe_training(
    source: str, images: Iterable[str], prompts: Iterable[str], *, base: FittedOn | None = None
) -> FittedOn:
    """The record of a training on images (sha256) and prompts, and of what its base was trained on before."""
    told = {prompt.strip() for prompt in prompts} - {""}
    before = base or FittedOn(source="", images=(), prompts=())
    return FittedOn(
        source=", ".join(dict.fromkeys(one for one in (before.source, source) if one)),
        images=tuple(sorted({*before.images, *images})),
        prompts=tuple(sorted({*before.prompts, *(digest(prompt.encode()) for prompt in told)})),
    )


def describe_examples(examples: Sequence[Example], *, base: FittedOn | None = None) -> FittedOn:
    """The record of a student's training on the examples of a set."""
    known = find_benchmarks()
    alone = {name for name, found in known.items() if found.meta.shared_prompt}
    return describe_training(
        ", ".join(sorted({example.benchmark for example in examples})),
        {image for example in examples for image in (*example.candidates, *example.sources)},
        {example.prompt for example in examples if example.benchmark not in alone},
        base=base,
    )


@cache
def fitted_on() -> FittedOn:
    """What the shipped embedded judge was fitted on."""
    file = resources.files("autorater_evals") / "measured" / FILE
    return FittedOn.model_validate_json(file.read_text(encoding="utf-8"))


def read_training(folder: Path) -> FittedOn | None:
    """What the weights in a folder were trained on; None where that is not told.

    Raises RecordError when the file is damaged.
    """
    return _read(FittedOn, folder / TRAINED_ON)


def write_training(folder: Path, trained: FittedOn) -> None:
    """Say it beside the weights. Raises OSError."""
    put_whole(folder / TRAINED_ON, f"{trained.model_dump_json()}\n".encode())


def note_training(judge: "AutoRater", log: Path) -> None:
    """Copy what the models and specialists of a judge were trained on beside its log, where they tell it here.

    Raises RecordError when such a file is damaged, or the log's folder cannot be written.
    """
    found = {name: told for name, folder in _folders(judge) if (told := read_training(folder)) is not None}
    if not found:
        return
    before = _read(TrainedJudges, log / TRAINED_ON)
    told = TrainedJudges(judges={**(before.judges if before else {}), **found})
    try:
        put_whole(log / TRAINED_ON, f"{told.model_dump_json()}\n".encode())
    except OSError as error:
        raise RecordError(f"cannot write {TRAINED_ON} to {str(log)!r}: {error.strerror or error}") from error


def fits_of(log: Path) -> Fits:
    """What is known of everything that may decide in a run. Raises RecordError when the note is damaged."""
    told = _read(TrainedJudges, log / TRAINED_ON)
    shipped = Fit.of(fitted_on())
    trained = {name: Fit.of(one) for name, one in (told.judges if told else {}).items()}
    return Fits({**dict.fromkeys(EMBEDDED, shipped), **trained})


def _folders(judge: "AutoRater") -> Iterator[tuple[str, Path]]:
    """Name → folder with weights that may have been trained here."""
    from autorater.store import folder_of

    for model in (judge.loop.model, getattr(judge.loop.judge, "scorer", None)):
        folder = getattr(model, "folder", None)
        if model is not None and isinstance(folder, Path):
            yield model.name, folder
    for name, card in judge.loop.cards.items():
        if judge.toolbox.place(card).kind != "http":
            for entry in card.meta.weights:
                if entry.is_folder and not entry.package:
                    yield name, folder_of(card) / entry.file


def _read(kind: type[Told], path: Path) -> Told | None:
    try:
        return kind.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        return None
    except OSError as error:
        raise RecordError(f"cannot read {path.name} of {path.parent.name!r}: {error.strerror or error}") from error
    except ValidationError as error:
        raise RecordError(
            f"{path.name} of {path.parent.name!r} is damaged ({describe_errors(error)}): bring in the folder again"
        ) from error
