"""What a distillation is asked to do, and what it works on: written beside its log before the first call."""

from typing import Annotated, Literal, TypeAlias

from pydantic import Field

from autorater.canonical import Record
from autorater.checklist import Checklist
from autorater.events import PictureRecord
from autorater.request import Task
from autorater_evals.benchmark import Training
from autorater_evals.trainset import Label

Variant: TypeAlias = Literal["tools", "free"]
"""Whether specialists' assessments stand in the question."""
Share = Annotated[float, Field(ge=0, lt=1)]


class Plan(Record):
    """Everything that the caller chose beside the teacher; equal plans on equal data make equal sets."""

    variants: tuple[Variant, ...] = ("tools", "free")
    tries: int = Field(default=4, ge=1)
    """Drafts of one item and variant at most; the first that passes every filter is kept."""
    free: int = Field(default=1, ge=0)
    """Answers without the label for each kept item: they tell its difficulty."""
    step: float = Field(default=1.0, ge=0)
    """A score may differ from the label by so much, on the scale from 1 to 10."""
    tie_gap: float = Field(default=0.0, ge=0)
    """Pairs whose opinions differ by no more count as ties of people."""
    holdout: tuple[Share, Share] = (0.1, 0.1)
    """Shares of validation and test."""
    seed: int = 0
    without: tuple[str, ...] = ()
    """Filters that are switched off."""
    allow_leakage: bool = False
    """Write the set although a classifier tells its rationales from free ones; the card says so."""


class Index(Record):
    """What a registered benchmark holds, by digest."""

    benchmark: str
    prompts: tuple[str, ...]
    """sha256 of each normalised prompt."""
    images: tuple[str, ...]
    """sha256 of each image file that was there."""
    missing: int = 0
    """Images that were named and not there, and so could not be compared."""
    complete: bool = True
    """Whether the data had all that the benchmark's card registers."""


class Subject(Record):
    """One labelled item. `problem` says why it cannot be used, "" when it can."""

    item: str
    benchmark: str
    task: Task
    prompt: str
    cluster: str
    dimension: str = ""
    label: Label = Label()
    numbers: tuple[float, ...] = ()
    """The label's own numbers, which no rationale may quote."""
    candidates: tuple[PictureRecord, ...] = ()
    sources: tuple[PictureRecord, ...] = ()
    questions: Checklist | None = None
    problem: str = ""

    @property
    def images(self) -> tuple[str, ...]:
        """sha256 of all images, sources last."""
        return tuple(picture.sha256 for picture in (*self.candidates, *self.sources))


class Origin(Record):
    """Where subjects come from, and on what terms they may be trained on."""

    benchmark: str
    title: str
    licence: str
    training: Training
    training_note: str
    research: bool
    """Whether the caller said to train for research only, where the data ask for that."""
    shared_prompt: bool
    """Whether all items have the same words in place of a prompt."""
    data: str
    """The sha256 of all items and labels that were loaded."""
    limit: int | None
    """Items a part at most."""


class Header(Record):
    """The first line of `distill.jsonl`, before the subjects."""

    origin: Origin
    plan: Plan
    prompts: dict[str, str]
    """Prompt → sha256 of its file, of those that only a teacher is shown."""
    against: tuple[Index, ...] = ()
    dimension: str = ""
    """What the caller asked for; "" is the first of each part."""
    scale: tuple[float, float] | None = None
    """The ends of people's scale, as the caller gave them."""
    parts: tuple[str, ...] = ()
    """Of the benchmark, that the items are of."""
