"""One training example, neutral to trainers: what the judge is shown, in order, and what it should answer."""

from typing import Literal, Self, TypeAlias

from pydantic import Field, model_validator

from autorater.canonical import Record
from autorater.checklist import Checklist
from autorater.request import Task
from autorater_evals.item import Side

Split: TypeAlias = Literal["train", "validation", "test"]
SCALE = (1.0, 10.0)
"""Scores of labels are on the judge's scale (Likert-10, paper 001), whatever the scale of the benchmark was."""


class Piece(Record):
    """A text or an image of the user's turn."""

    text: str = ""
    image: str = ""
    """sha256 of an image file of the set."""

    @model_validator(mode="after")
    def _one(self) -> Self:
        if bool(self.text) == bool(self.image):
            raise ValueError("a piece is either a text or an image")
        return self


class Label(Record):
    """What people said; never shown to the student."""

    preferred: Side | None = None
    """Of a pair, in the letters of the request."""
    gap: float | None = None
    """How far apart people find the two, on the benchmark's scale, where it is known."""
    score: float | None = Field(default=None, ge=SCALE[0], le=SCALE[1])
    """Of one image, mapped linearly from the benchmark's scale to 1 to 10."""
    answers: dict[str, Literal["yes", "no"]] = {}
    """Question → answer, of an image with questions."""


class Rejected(Record):
    """An answer of the teacher that a filter threw out; wrong verdicts make pairs for DPO."""

    completion: str
    why: str
    """The filter's name."""


class Example(Record):
    """One example. The student reads no label; the block that showed it to the teacher is not here."""

    id: str = Field(min_length=1)
    """Unique in its set: `<item>/<order>/<tools or free>`."""
    item: str
    """The item of the benchmark."""
    benchmark: str
    task: Task
    protocol: str
    """The protocol whose prompt this is: autorater or autorater-paper."""
    prompt: str
    """The request's prompt."""
    candidates: tuple[str, ...]
    """sha256, in the order of the request ("a", "b")."""
    sources: tuple[str, ...] = ()
    questions: Checklist | None = None
    """The questions of this request alone, where it has some."""
    order: tuple[int, ...]
    """`order[i]` is the index of the candidate that is shown as image i + 1."""
    tools: tuple[str, ...] = ()
    """Specialists whose assessments stand in the text; empty in the tool-free variant."""
    system: str
    pieces: tuple[Piece, ...]
    """The user's turn; images stand where the text names them."""
    completion: str
    """The JSON that the judge should answer: rationale and decision, by the schema of the protocol."""
    label: Label
    cluster: str
    """The connected component by prompt and image: examples of one cluster are in one split."""
    split: Split
    difficulty: float | None = None
    """What the teacher gave the right answer when it was not told, 0 to 1: low is hard. Null when it was not asked."""
    rejected: tuple[Rejected, ...] = ()
    teacher: str
    """The model's name; one that begins with "scripted:" is no real model."""

    @property
    def images(self) -> tuple[str, ...]:
        """sha256 of every image in the order in which the text shows them; one that is shown twice stands twice."""
        return tuple(piece.image for piece in self.pieces if piece.image)
