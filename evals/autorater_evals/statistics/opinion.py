"""Mean opinion scores from raw ratings: z-scores per person, rescaled to 0 to 100, averaged (paper 003, part 3.3)."""

from dataclasses import dataclass
from importlib import import_module
from typing import Any, Literal

import numpy as np

from autorater_evals.statistics.reading import Ratings, read_table
from autorater_evals.statistics.resampling import Array, Index, Mask

Screen = Literal["none", "bt500"]


@dataclass(frozen=True)
class Opinion:
    """Mean opinion scores of items, and on what each stands."""

    scores: Array
    """(items,), about 0 to 100 with 50 for a person's middle; NaN where nobody's rating counts."""
    low: Array
    high: Array
    """(items,): the 95 % t interval of the mean over raters; NaN with fewer than two."""
    counts: Index
    """(items,): ratings that count."""
    rejected: tuple[int, ...]
    """Raters (columns) that the screening threw out."""
    unusable: tuple[int, ...]
    """Raters without a z-score: fewer than two ratings, or always the same one."""


@dataclass(frozen=True)
class Majority:
    """What most raters answered."""

    answers: Array
    """(items,); NaN without an answer, or where two answers are equally frequent."""
    counts: Index
    """(items,): answers given."""
    split: int
    """Items without a most frequent answer."""


def mean_opinion(ratings: Ratings, *, screen: Screen = "none") -> Opinion:
    """MOS of `ratings` (items, raters), NaN or None where a rater gave none.

    z = (rating - the rater's mean) / the rater's standard deviation (over that rater's items, n - 1), rescaled to 100
    (z + 3) / 6 and averaged over raters. The formula as printed in paper 003 mixes the indices; mean and deviation
    are per rater, as its words say. The paper tells of no rejected raters, so `screen` is `none`; `bt500` leaves out
    the raters whom ITU-R BT.500 rejects (`bt500_rejects`), before the z-scores. Raters without a z-score are
    named.

    Raises:
        UsageError: not a table of items by raters.

    """
    table = read_table(ratings, name="ratings").copy()
    rejected = bt500_rejects(table) if screen == "bt500" else ()
    table[:, list(rejected)] = np.nan
    given = np.isfinite(table)
    often = given.sum(0)
    filled = np.where(given, table, 0.0)
    centred = np.where(given, table - filled.sum(0) / np.maximum(often, 1), 0.0)
    spread = np.sqrt((centred**2).sum(0) / np.maximum(often - 1, 1))
    flat = spread <= 1e-12 * np.abs(filled).max(0, initial=1.0)
    usable = (often >= 2) & ~flat
    scaled = 100 * (centred / np.where(usable, spread, 1.0) + 3) / 6
    counted = given & usable
    counts = counted.sum(1)
    scores = _mean(scaled, counted)
    variance = np.where(counted, (scaled - scores[:, None]) ** 2, 0.0).sum(1) / np.maximum(counts - 1, 1)
    quantile: Any = import_module("scipy.stats").t.ppf(0.975, np.maximum(counts - 1, 1))
    reach = np.where(counts >= 2, quantile * np.sqrt(variance / np.maximum(counts, 1)), np.nan)
    unusable = tuple(int(place) for place in np.flatnonzero(~usable) if place not in rejected)
    return Opinion(scores, scores - reach, scores + reach, counts, rejected, unusable)


def bt500_rejects(ratings: Ratings) -> tuple[int, ...]:
    """The raters (columns) whom the screening of observers in ITU-R BT.500 rejects.

    `ratings` is (items, raters), NaN where a rater gave none.
    For each item: kurtosis of its ratings between 2 and 4 counts as normal and sets the limits at 2 standard deviations
    (n - 1) from the mean, else at the square root of 20. P and Q count a rater's ratings at or beyond the upper and
    lower limit. Out goes who has (P + Q) / ratings > 0.05 and |P - Q| / (P + Q) < 0.3: often far off, to both sides.
    """
    table = read_table(ratings, name="ratings")
    given = np.isfinite(table)
    often = given.sum(1)
    away = np.where(given, table - _mean(table, given)[:, None], 0.0)
    second, fourth = ((away**power).sum(1) / np.maximum(often, 1) for power in (2, 4))
    kurtosis = fourth / np.where(second > 0, second**2, 1.0)
    limit = np.where((kurtosis >= 2) & (kurtosis <= 4), 2.0, np.sqrt(20))
    limit = limit * np.sqrt((away**2).sum(1) / np.maximum(often - 1, 1))
    judged = given & (limit > 0)[:, None]
    above = (judged & (away >= limit[:, None])).sum(0)
    below = (judged & (away <= -limit[:, None])).sum(0)
    far, rated = above + below, np.maximum(given.sum(0), 1)
    out = (far / rated > 0.05) & (np.abs(above - below) / np.maximum(far, 1) < 0.3)
    return tuple(int(place) for place in np.flatnonzero(out))


def majority(answers: Ratings) -> Majority:
    """The most frequent answer to each item (paper 003: task-specific accuracy "is determined by the most votes").

    `answers` (items, raters) are numbers (1 yes, 0 no), NaN or None where a rater gave none.

    Raises:
        UsageError: not a table of items by raters.

    """
    table = read_table(answers, name="answers")
    labels = np.unique(table[np.isfinite(table)])
    often = (table[:, :, None] == labels).sum(1)  # items, labels
    most = often.max(1, initial=0)
    clear = (most > 0) & ((often == most[:, None]).sum(1) == 1)
    told = np.full(len(table), np.nan)
    told[clear] = labels[often[clear].argmax(1)] if len(labels) else np.nan
    return Majority(told, np.isfinite(table).sum(1), int(((most > 0) & ~clear).sum()))


def _mean(table: Array, counted: Mask) -> Array:
    """Row means over what is counted; NaN for a row without any."""
    counts = counted.sum(1)
    return np.where(counts > 0, np.where(counted, table, 0.0).sum(1) / np.maximum(counts, 1), np.nan)
