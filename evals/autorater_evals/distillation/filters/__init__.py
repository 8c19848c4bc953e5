"""Filters: each a pure function `(draft, context) -> reason | None`, counted, and switched off by its name."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, TypeAlias

from autorater.errors import UsageError
from autorater.suggest import did_you_mean
from autorater_evals.distillation.draft import Context, Draft
from autorater_evals.distillation.filters import (
    contamination,
    duplicates,
    grounding,
    leakage,
    near_duplicates,
    rationales,
    rederivation,
    swap,
    verdict,
)

Reason: TypeAlias = Callable[[Draft, Context], str | None]


@dataclass(frozen=True)
class Filter:
    """One filter. `level` is what it counts: items before any call, drafts of the teacher, or what was accepted."""

    name: str
    level: Literal["items", "drafts", "accepted"]
    reason: Reason
    meaning: str


FILTERS = (
    Filter("contamination", "items", contamination.reason, "no prompt or image of a benchmark (--against)"),
    Filter("duplicate", "items", duplicates.reason, "no item twice"),
    Filter("near-duplicate", "items", near_duplicates.reason, "no item twice with images that look the same"),
    Filter("verdict", "drafts", verdict.reason, "the verdict is people's"),
    Filter("leakage", "drafts", leakage.reason, "no words and no number of the label"),
    Filter("grounding", "drafts", grounding.reason, "every number is an assessment's"),
    Filter("swap", "drafts", swap.reason, "a pair comes out the same in the other order"),
    Filter("rederivation", "drafts", rederivation.reason, "the rationale alone leads to the verdict"),
    Filter("rationale", "accepted", rationales.reason, "no rationale twice"),
)
SET_LEVEL = "classifier"
"""The one filter that passes or fails a whole set; see `autorater_evals.distillation.classifier`."""
NAMES = (*(one.name for one in FILTERS), SET_LEVEL)


def check_names(names: tuple[str, ...]) -> None:
    """Raise UsageError when one of `names` is no filter."""
    for name in names:
        if name not in NAMES:
            raise UsageError(f"no filter is called {name!r}; {did_you_mean(name, NAMES)}")
