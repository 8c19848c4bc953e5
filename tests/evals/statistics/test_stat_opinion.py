"""Mean opinion scores against the formulas written out rater by rater."""

import math
from typing import Any

import numpy as np
import pytest

from autorater.errors import UsageError
from autorater_evals.statistics.opinion import bt500_rejects, majority, mean_opinion

NAN = math.nan


def sample(seed: int, *, n: int = 60, raters: int = 16, missing: float = 0.2) -> Any:
    """1 to 5, each rater with a severity and a width of scale of his own."""
    rng = np.random.default_rng(seed)
    truth = rng.normal(size=(n, 1))
    table = (
        3 + rng.normal(size=raters) * 0.5 + rng.uniform(0.5, 1.5, raters) * (truth + rng.normal(size=(n, raters)) * 0.7)
    )
    table = np.clip(table.round(), 1, 5)
    table[rng.random(table.shape) < missing] = NAN
    return table


def test_scores_are_rescaled_z_scores_averaged_over_raters() -> None:
    table = sample(0)
    table[3] = NAN
    table[5, 1:] = NAN
    found = mean_opinion(table)
    for item, row in enumerate(table):
        told: list[float] = []
        for rater in np.flatnonzero(np.isfinite(row)):
            own = table[np.isfinite(table[:, rater]), rater]
            told.append(100 * ((row[rater] - own.mean()) / own.std(ddof=1) + 3) / 6)
        assert found.counts[item] == len(told)
        if told:
            assert found.scores[item] == pytest.approx(np.mean(told))
    assert math.isnan(found.scores[3])
    assert math.isnan(found.low[5])
    assert (found.rejected, found.unusable) == ((), ())
    assert (found.low[:3] < found.scores[:3]).all()


def test_a_severe_and_a_narrow_rater_count_as_any_other() -> None:
    table = sample(1, missing=0)
    changed = table.copy()
    changed[:, 0] = 0.5 * table[:, 0] - 7
    assert mean_opinion(changed).scores == pytest.approx(mean_opinion(table).scores)


def test_raters_without_a_z_score_are_named() -> None:
    found = mean_opinion([[1, 3, NAN], [2, 3, 5], [3, 3, NAN]])
    assert found.unusable == (1, 2)
    assert found.scores == pytest.approx([100 * 2 / 6, 50, 100 * 4 / 6])
    assert list(found.counts) == [1, 1, 1]
    assert mean_opinion(np.zeros((0, 3))).scores.shape == (0,)
    with pytest.raises(UsageError, match="a row per item"):
        mean_opinion([1.0, 2.0])  # type: ignore[list-item]


def brute_rejects(table: Any) -> list[int]:
    above, below = np.zeros(table.shape[1]), np.zeros(table.shape[1])
    for row in table:
        own = row[np.isfinite(row)]
        if len(own) < 2 or own.std() == 0:
            continue
        kurtosis = ((own - own.mean()) ** 4).mean() / own.var() ** 2
        reach = (2 if 2 <= kurtosis <= 4 else math.sqrt(20)) * own.std(ddof=1)
        for rater, value in enumerate(row):
            above[rater] += value >= own.mean() + reach
            below[rater] += value <= own.mean() - reach
    out: list[int] = []
    for rater, (high, low) in enumerate(zip(above, below, strict=True)):
        if (
            high + low
            and (high + low) / np.isfinite(table[:, rater]).sum() > 0.05
            and abs(high - low) / (high + low) < 0.3
        ):
            out.append(rater)
    return out


def test_screening_rejects_the_rater_who_is_often_far_off_to_both_sides() -> None:
    rng = np.random.default_rng(2)
    truth = 3 + rng.normal(size=(80, 1)) * 0.5
    table = truth + rng.normal(size=(80, 20)) * 0.4
    table[:, 4] = truth[:, 0] + np.where(np.arange(80) % 2, 1.1, -1.1)
    table[:, 9] = truth[:, 0] + 1.0  # always high: off to one side only, kept
    table[rng.random(table.shape) < 0.05] = NAN
    rejected = bt500_rejects(table)
    assert 4 in rejected
    assert 9 not in rejected
    assert list(rejected) == brute_rejects(table)
    screened, plain = mean_opinion(table, screen="bt500"), mean_opinion(table)
    without = table.copy()
    without[:, list(rejected)] = NAN
    assert screened.rejected == rejected
    assert screened.scores == pytest.approx(mean_opinion(without).scores)
    assert plain.rejected == ()
    for seed in range(4):
        likert = sample(seed, missing=0.3)
        assert list(bt500_rejects(likert)) == brute_rejects(likert)


def test_the_majority_answers() -> None:
    found = majority([[1, 1, 0], [1, 0, NAN], [NAN, NAN, NAN], [0, NAN, NAN]])
    assert found.answers == pytest.approx([1, NAN, NAN, 0], nan_ok=True)
    assert list(found.counts) == [3, 2, 0, 1]
    assert found.split == 1
