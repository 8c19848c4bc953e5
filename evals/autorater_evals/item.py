"""Items of a benchmark: what is judged, and what people said of it."""

from typing import Literal, Self, TypeAlias

from pydantic import Field, model_validator

from autorater.canonical import Record
from autorater.checklist import Checklist
from autorater.request import Task

Side: TypeAlias = Literal["a", "b", "tie"]


def side_of(gap: float) -> Side:
    """The side that a difference a minus b speaks for."""
    return "tie" if gap == 0 else "a" if gap > 0 else "b"


def _within(path: str) -> bool:
    """Whether a path stays in the folder that it starts from, on every system."""
    steps = path.replace("\\", "/").split("/")
    return steps[0] != "" and ":" not in steps[0] and ".." not in steps


class Opinion(Record):
    """What people say of one image in one dimension, on the benchmark's scale (see its card)."""

    mean: float
    deviation: float | None = None
    """Standard deviation over the raters, same unit; null when it is not known."""
    ratings: dict[str, float | None] = {}
    """Rater → rating; null where the rater called the dimension not relevant. Empty when only the mean is known."""


class Preference(Record):
    """Which of two images people prefer in one dimension."""

    preferred: Side
    both: Literal["", "good", "bad"] = ""
    """Of a tie, whether both images are good or both bad, where people were asked."""
    gap: float | None = None
    """Mean opinion of a minus that of b, on the benchmark's scale; null when only the choice is known."""
    votes: dict[str, Side] = {}
    """Rater → choice; empty when only the outcome is known."""


class Item(Record):
    """One thing to judge: one image to rate, two to compare, or one to be asked questions about."""

    id: str = Field(min_length=1)
    """Unique within its benchmark."""
    part: str = Field(min_length=1)
    """The part of the benchmark that it belongs to."""
    prompt: str
    images: tuple[str, ...] = Field(min_length=1, max_length=2)
    """Paths within the data folder."""
    sources: tuple[str, ...] = ()
    """Source images of an edit; paths within the data folder."""
    cluster: str
    """Items of one cluster are not independent (they share a prompt): they are drawn and split together."""
    group: str = ""
    """Pairs of one group count as one where a protocol asks that all of them be right."""
    generators: tuple[str, ...] = ()
    """Who made each image, where it is known; never told to the judge."""
    facets: dict[str, str] = {}
    """Kind → value, as in category → counting: what figures are also given for apart."""
    opinions: dict[str, Opinion] = {}
    """Dimension → opinion; of one image."""
    preferences: dict[str, Preference] = {}
    """Dimension → preference; of two images."""
    questions: Checklist | None = None
    """Questions about one image."""
    answers: dict[str, Literal["yes", "no"]] = {}
    """Question → people's answer."""

    @model_validator(mode="after")
    def _one_kind(self) -> Self:
        pair = len(self.images) == 2
        if outside := [path for path in (*self.images, *self.sources) if not _within(path)]:
            raise ValueError(f"expected paths within the data folder, got {outside[0]!r}")
        if pair and (self.opinions or self.questions):
            raise ValueError("two images are compared: expected preferences, and neither opinions nor questions")
        if not pair and self.preferences:
            raise ValueError("preferences need two images, got one")
        if self.questions is None and self.answers:
            raise ValueError("answers without questions")
        if self.questions is not None and (unknown := set(self.answers) - {item.id for item in self.questions.items}):
            raise ValueError(f"answers to questions that are not asked: {', '.join(sorted(unknown))}")
        return self

    @property
    def task(self) -> Task:
        """What the judge does with it."""
        return "compare" if len(self.images) == 2 else "check" if self.questions is not None else "rate"
