"""Answers beside labels, as columns of one length: what the figures of one part and dimension are computed from."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from autorater_evals.answers import Answer
from autorater_evals.item import Item, Opinion, Preference

Array = NDArray[np.float64]
ABSENT = Answer("absent")


@dataclass(frozen=True)
class Told:
    """Items that people judged in one dimension, and the judge's answers, in the same order."""

    dimension: str
    items: Sequence[Item]
    answers: Sequence[Answer]

    @staticmethod
    def of(dimension: str, items: Sequence[Item], answers: Mapping[str, Answer]) -> "Told":
        """The items that have a label in `dimension`, with their answers; no answer is "absent"."""
        labelled = [item for item in items if dimension in item.opinions or dimension in item.preferences]
        return Told(dimension, labelled, [answers.get(item.id, ABSENT) for item in labelled])

    def where(self, keep: Callable[[Item], bool]) -> "Told":
        """Only the items that `keep` wants."""
        kept = [place for place, item in enumerate(self.items) if keep(item)]
        return replace(self, items=[self.items[i] for i in kept], answers=[self.answers[i] for i in kept])

    @property
    def clusters(self) -> list[str]:
        """Each item's cluster."""
        return [item.cluster for item in self.items]

    @property
    def read(self) -> str:
        """What of the judgments was read, when it was the same for all."""
        sources = {answer.source for answer in self.answers if answer.there}
        return sources.pop() if len(sources) == 1 else ""

    @property
    def opinions(self) -> list[Opinion]:
        """People's opinions."""
        return [item.opinions[self.dimension] for item in self.items]

    @property
    def preferences(self) -> list[Preference]:
        """People's preferences."""
        return [item.preferences[self.dimension] for item in self.items]

    @property
    def means(self) -> Array:
        """Mean opinions (n,)."""
        return np.array([opinion.mean for opinion in self.opinions])

    @property
    def scores(self) -> Array:
        """The judge's scores (n,); not a number without a result."""
        return np.array([np.nan if one.score is None else one.score for one in self.answers], dtype=np.float64)

    @property
    def sides(self) -> list[str | None]:
        """The judge's sides; None without a result."""
        return [answer.side for answer in self.answers]

    @property
    def people(self) -> list[str]:
        """People's sides."""
        return [preference.preferred for preference in self.preferences]

    @property
    def margins(self) -> Array:
        """The judge's margins a minus b (n,); not a number where none is known."""
        return np.array([np.nan if one.margin is None else one.margin for one in self.answers], dtype=np.float64)

    @property
    def gaps(self) -> Array:
        """The size of people's gaps, 0 and more (n,); not a number where only the choice is known."""
        return np.array([np.nan if one.gap is None else abs(one.gap) for one in self.preferences], dtype=np.float64)
