"""One published figure beside what the released files give."""

from typing import Literal

from autorater.canonical import Record
from autorater_evals.figure import Figure


class Row(Record):
    """One figure. `value` and `published` are on one scale: correlations -1 to 1, shares 0 to 1, counts as they are."""

    table: str
    """VIEScore, GenAI-Bench, TIFA160, DSG, AGIQA-3K or ImageReward."""
    task: str
    """What was judged; "task/generator" for one generator of VIEScore, "all" for the average over its tasks."""
    judge: str
    """The judge's or metric's name in the released file; "humans" for people against people."""
    measure: str
    average: Literal["authors", "fisher"] | None = None
    """How correlations of several generators were averaged; null where nothing was."""
    value: float | None
    """Null where it is not defined: nothing to count, or one side constant."""
    n: int
    """The items that it stands on."""
    ci95: tuple[float, float] | None = None
    published: float | None = None
    """What was published of just this figure; null where nothing was, or where we have no source to cite."""


MEASURES: tuple[tuple[str, Literal["pearson", "spearman", "kendall_b"]], ...] = (
    ("pearson", "pearson"),
    ("spearman", "spearman"),
    ("kendall", "kendall_b"),
)
"""The correlations by their name here, and by that of the statistics: Kendall's is tau-b."""


def row_of(
    figure: Figure, *, table: str, task: str, judge: str, measure: str = "", published: float | None = None
) -> Row:
    """The row of a figure; `measure` is the name in this table where that is another one."""
    return Row(
        table=table,
        task=task,
        judge=judge,
        measure=measure or figure.measure,
        value=figure.value,
        n=figure.n,
        ci95=(figure.interval.low, figure.interval.high) if figure.interval else None,
        published=published,
    )
