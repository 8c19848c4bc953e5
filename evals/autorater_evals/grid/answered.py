"""What a recorded run answers to "what if", as it is written."""

from autorater.canonical import Record
from autorater_evals.figure import Figure
from autorater_evals.statistics.comparing import Difference


class Changed(Record):
    """One figure before and after."""

    part: str
    dimension: str
    before: Figure
    after: Figure
    difference: Difference | None
    """After minus before, on the units that both have."""
    moved: int
    """Units whose mark is another now."""


class Answered(Record):
    """Whether the recording answers one change."""

    change: str
    exactly: bool
    why: str


class Missing(Record):
    """What would have to be asked anew."""

    items: int
    calls: int
    """Of the VLM."""
    looks: int
    """Of specialists."""
    cost: float | None
    """US dollars, about: at the mean cost of the recorded calls; null when a price is unknown."""


class Counterfactual(Record):
    """The answer to "what if"."""

    run: str
    judge: str
    answered: tuple[Answered, ...]
    missing: Missing | None
    """Null when the recording answers all of it; else nothing is guessed, and `rows` is empty."""
    rows: tuple[Changed, ...]
    notes: tuple[str, ...] = ()
