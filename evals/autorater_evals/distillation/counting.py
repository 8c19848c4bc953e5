"""What goes in and comes out at each filter: the numbers of the card."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from autorater.canonical import Record
from autorater_evals.distillation.draft import Context, Draft
from autorater_evals.distillation.filters import FILTERS
from autorater_evals.distillation.plan import Plan, Subject
from autorater_evals.distillation.rounds import ANSWER, Case, active


class Passed(Record):
    """One filter. `came` and `went` count items, drafts or cases (an item in a variant) by its level."""

    filter: str
    level: str
    meaning: str
    off: bool = False
    came: int = 0
    went: int = 0


@dataclass
class Counts:
    """Fills itself as subjects pass by, in the order of the filters."""

    plan: Plan
    rows: list[Passed] = field(default_factory=list[Passed])
    unusable: Counter[str] = field(default_factory=Counter[str])
    """Why items could not be used → how many."""
    lost: Counter[str] = field(default_factory=Counter[str])
    """Filter that threw out the last draft → cases for which no draft passed."""
    without_evidence: int = 0

    def usable(self, subjects: Sequence[Subject]) -> list[Subject]:
        """Those with a label and images that can be read."""
        found = [one for one in subjects if not one.problem]
        self.unusable.update(one.problem for one in subjects if one.problem)
        self._row(
            "usable", "items", "people said something of it, and its images can be read", len(subjects), len(found)
        )
        return found

    def items(self, subjects: Sequence[Subject], context: Context) -> list[Subject]:
        """Those that the filters of items let through, each counted."""
        left = list(subjects)
        for one in FILTERS:
            if one.level != "items":
                continue
            off, came = one.name in self.plan.without, len(left)
            if not off:
                left = [subject for subject in left if one.reason(Draft(subject), context) is None]
            self._row(one.name, one.level, one.meaning, came, len(left), off=off)
        return left

    def cases(self, cases: Sequence[Case], context: Context) -> list[Case]:
        """Those for which a draft passed; drafts are counted at each filter."""
        thrown = Counter(attempt.filter for case in cases for attempt in case.attempts)
        self.without_evidence = sum(case.without_evidence for case in cases)
        asked = [case for case in cases if not case.without_evidence]
        accepted = [case for case in asked if case.accepted is not None]
        left = sum(thrown.values()) + len(accepted)
        for name, meaning in ((ANSWER, "the answer can be read"), *self._meanings("drafts")):
            off = name in self.plan.without
            self._row(name, "drafts", meaning, left, left - thrown[name], off=off)
            left -= thrown[name]
        self.lost.update(case.attempts[-1].filter for case in asked if case.accepted is None)
        self._row("drafted", "cases", f"a draft passed within {self.plan.tries} tries", len(asked), len(accepted))
        return accepted

    def accepted(self, cases: Sequence[Case], context: Context) -> list[Case]:
        """Those that the filters of whole rationales let through."""
        left = list(cases)
        on = active(context, "accepted")
        for one in FILTERS:
            if one.level == "accepted":
                came = len(left)
                if one in on:
                    left = [case for case in left if case.accepted and one.reason(case.accepted, context) is None]
                self._row(one.name, "cases", one.meaning, came, len(left), off=one not in on)
        return left

    def _meanings(self, level: str) -> list[tuple[str, str]]:
        return [(one.name, one.meaning) for one in FILTERS if one.level == level]

    def _row(self, name: str, level: str, meaning: str, came: int, went: int, *, off: bool = False) -> None:
        self.rows.append(Passed(filter=name, level=level, meaning=meaning, off=off, came=came, went=went))
