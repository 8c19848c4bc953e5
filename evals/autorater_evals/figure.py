"""One number of an evaluation with all that it stands on: how many items, how many are missing, its interval."""

from autorater.canonical import Record


class Interval(Record):
    """A 95 % interval and how it was made."""

    low: float
    high: float
    method: str
    """In words, as in "Wilson" or "cluster bootstrap, 2,000 draws of 466 prompts"."""


class Figure(Record):
    """One number. `value` is null where it is not defined (nothing to count, one side constant), never NaN."""

    measure: str
    """The field's name of it: accuracy, spearman, kendall_b, alpha, …"""
    value: float | None
    n: int
    """What it was computed from: items, pairs or ratings."""
    total: int
    """What it should have been computed from; what is missing had no result (refused, unparsable, abstained, …)."""
    interval: Interval | None = None
    bounds: tuple[float, float] | None = None
    """The value as if all that is missing had gone wrong, and as if it had gone right; null where that says nothing."""
    note: str = ""
    """What a reader must know besides, in one sentence."""

    @property
    def coverage(self) -> float | None:
        """`n` / `total`, 0 to 1; None without items."""
        return self.n / self.total if self.total else None
