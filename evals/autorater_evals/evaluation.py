"""The result of an evaluation: rows of figures, and what the run took."""

from autorater.canonical import Record
from autorater_evals.figure import Figure
from autorater_evals.structures import Structures


class Row(Record):
    """One figure and what it is of."""

    part: str
    dimension: str = ""
    """What people judged; "" for questions and for figures of the run as a whole."""
    slice: str = "all"
    """Which items: "all", "gap >= 0.5", "within generators", "across generators", "category: counting", …"""
    headline: bool = False
    """Whether the benchmark's protocol reports it."""
    read: str = ""
    """What of the judgments was read: overall, dimension:NAME, attribute:NAME, reading:NAME; "" where it differs."""
    figure: Figure
    published: dict[str, float] = {}
    """Judge → the same figure as somebody published it."""


class Profile(Record):
    """What the run took, and what came of its items."""

    items: int
    outcomes: dict[str, int]
    """Outcome → items; also "unusable" (images could not be read) and "absent" (not judged yet)."""
    calls: int
    """Different recorded calls of models."""
    assessments: int
    """Different recorded calls of specialists."""
    cost: float | None
    """US dollars; null when a price is unknown."""
    tokens: dict[str, int] = {}
    specialists: dict[str, int] = {}
    """Specialist → images that it measured, over all judgments."""


class Evaluation(Record):
    """All figures of one run."""

    benchmark: str
    title: str
    judge: str
    settings: str
    """The sha256 of the judge's settings."""
    data: str
    """The sha256 of the items and labels."""
    complete: bool
    """Whether the data have all registered counts."""
    rows: tuple[Row, ...]
    profile: Profile
    structures: tuple[Structures, ...] = ()
    """Rankings, tables and curves, by part and dimension; empty where the data do not allow them."""
    notes: tuple[str, ...] = ()
    """What a reader must know before believing the figures."""

    def find(self, measure: str, *, part: str, dimension: str = "", slice: str = "all") -> Figure | None:
        """The figure of this name, or None."""
        for row in self.rows:
            if (row.part, row.dimension, row.slice, row.figure.measure) == (part, dimension, slice, measure):
                return row.figure
        return None
