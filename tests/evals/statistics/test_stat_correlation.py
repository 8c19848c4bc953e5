"""Correlations against scipy and brute force, with ties, missing scores and clusters."""

import math
from importlib import import_module
from typing import Any

import numpy as np
import pytest

from autorater.errors import UsageError
from autorater_evals.statistics.correlation import (
    Measure,
    across_groups,
    correlation,
    within_groups,
)

stats: Any = import_module("scipy.stats")

MEASURES: list[Measure] = ["pearson", "spearman", "kendall_b", "kendall_c"]


def reference(measure: str, x: Any, y: Any) -> float:
    """What scipy says."""
    if measure.startswith("kendall"):
        return stats.kendalltau(x, y, variant=measure[-1]).statistic
    return {"pearson": stats.pearsonr, "spearman": stats.spearmanr}[measure](x, y).statistic


def sample(seed: int, *, n: int = 200, levels: int | None = 5) -> Any:
    rng = np.random.default_rng(seed)
    truth = rng.normal(size=n)
    scores = np.stack([truth + rng.normal(size=n), truth + rng.normal(size=n)])
    return np.clip(np.round(scores * 1.5 + 5), 5 - levels, 5 + levels) if levels else scores


@pytest.mark.parametrize("measure", MEASURES)
@pytest.mark.parametrize("levels", [1, 5, None])
def test_values_are_scipys_with_ties_and_missing_scores(measure: Any, levels: int | None) -> None:
    for seed in range(5):
        judge, people = sample(seed, levels=levels)
        judge[seed::17], people[3::23] = np.nan, np.nan
        both = np.isfinite(judge) & np.isfinite(people)
        found = correlation(judge, people, measure=measure, draws=20)
        assert found.value == pytest.approx(reference(measure, judge[both], people[both]), abs=1e-12)
        assert (found.n, found.total) == (both.sum(), 200)
        assert found.value is not None
        assert found.interval is not None
        assert found.interval.low < found.value < found.interval.high


def test_pearsons_interval_is_fishers_when_items_are_independent() -> None:
    judge, people = sample(1, levels=None)
    low, high = stats.pearsonr(judge, people).confidence_interval()
    for clusters in (None, [str(number) for number in range(200)]):
        found = correlation(judge, people, measure="pearson", clusters=clusters)
        assert found.interval is not None
        assert (found.interval.low, found.interval.high, found.interval.method) == (
            pytest.approx(low),
            pytest.approx(high),
            "Fisher's z",
        )


@pytest.mark.parametrize("measure", MEASURES)
@pytest.mark.parametrize("levels", [2, None])
def test_cluster_intervals_are_those_of_resampled_rows(measure: Any, levels: int | None) -> None:
    judge, people = sample(2, n=60, levels=levels)
    clusters = np.arange(60) // 4  # drawn in the order of their names
    found = correlation(judge, people, measure=measure, clusters=[f"{name:02}" for name in clusters], draws=100)
    rng = np.random.default_rng(0)
    drawn: list[float] = []
    for _ in range(100):
        rows = np.concatenate([np.flatnonzero(clusters == name) for name in rng.integers(0, 15, 15)])
        drawn.append(reference(measure, judge[rows], people[rows]))
    low, high = np.quantile(drawn, [0.025, 0.975])
    assert found.interval is not None
    assert (found.interval.low, found.interval.high) == (pytest.approx(low), pytest.approx(high))
    assert found.interval.method == "cluster bootstrap, 100 draws of 15 clusters"


def test_kendall_of_many_levels_has_a_jackknife_near_the_bootstrap() -> None:
    judge, people = sample(3, n=3200, levels=None)
    slow = correlation(judge, people, measure="kendall_b")
    assert slow.interval is not None
    assert "jackknife" in slow.interval.method
    assert slow.value == pytest.approx(stats.kendalltau(judge, people).statistic, abs=1e-12)
    rng = np.random.default_rng(1)
    rows = [rng.integers(0, 3200, 3200) for _ in range(100)]
    spread = np.std([stats.kendalltau(judge[row], people[row]).statistic for row in rows])
    assert (slow.interval.high - slow.interval.low) / 3.92 == pytest.approx(spread, rel=0.3)


def test_undefined_is_null_and_says_why() -> None:
    measures: list[Measure] = [*MEASURES, "pearson_logistic4", "pearson_logistic5"]
    for measure in measures:
        flat = correlation([1, 2, 3, 4, 5, 6], [2, 2, 2, 2, 2, 2], measure=measure)
        assert flat.value is None
        assert flat.interval is None
        assert flat.note
    none = correlation([None, 1.0], [1.0, None])
    assert (none.value, none.n, none.total, none.coverage) == (None, 0, 2, 0.0)
    assert correlation([], []).value is None
    perfect = correlation([1, 2, 3, 4, 5], [2, 4, 6, 8, 10], measure="pearson")
    assert perfect.value == pytest.approx(1)
    ranked = correlation(list(range(30)), list(range(30)), measure="spearman")
    assert (ranked.value, ranked.interval) == (pytest.approx(1), None)
    assert "no interval" in ranked.note
    with pytest.raises(UsageError, match="people: expected 2 values"):
        correlation([1, 2], [1])
    with pytest.raises(UsageError, match="item 1 is infinite"):
        correlation([1, math.inf], [1, 2])
    with pytest.raises(UsageError, match="cluster of each of 2 items"):
        correlation([1, 2], [1, 2], clusters=["a"])


@pytest.mark.parametrize("measure", ["pearson_logistic4", "pearson_logistic5"])
@pytest.mark.parametrize("way", [1, -1])
def test_the_logistic_curve_straightens_a_bent_scale(measure: Any, way: int) -> None:
    rng = np.random.default_rng(4)
    score = rng.uniform(-4, 4, 500)
    people = 20 + 60 / (1 + np.exp(-2 * way * (score - 0.5)))
    exact = correlation(1000 + 7 * score, people, measure=measure)
    assert exact.value == pytest.approx(1, abs=1e-6)
    noisy = people + rng.normal(size=500) * 10
    raw, mapped = (correlation(score, noisy, measure=name) for name in ("pearson", measure))
    assert raw.value is not None
    assert mapped.value is not None
    assert mapped.value > abs(raw.value) + 0.01
    assert mapped.interval is not None
    assert "curve taken as given" in mapped.interval.method
    assert correlation(score, noisy, measure=measure) == mapped


def test_a_perfect_correlation_does_not_make_fishers_average_one() -> None:
    judge, people = [1.0, 2, 3, 1, 2, 3, 4], [1.0, 2, 3, 1, 3, 0, 2]
    found = within_groups(judge, people, groups=list("aaabbbb"), average="fisher", draws=20)
    rest = stats.spearmanr(judge[3:], people[3:]).statistic
    assert found.value == pytest.approx(math.tanh((math.atanh(1 - 1e-6) + math.atanh(rest)) / 2))
    assert "perfect" in found.note
    constant = within_groups([1.0, 1, 1], [1.0, 2, 3], groups=list("aaa"), average="fisher", draws=20)
    assert constant.value is None


def test_within_and_across_generators() -> None:
    rng = np.random.default_rng(5)
    generators = np.repeat(list("abcdef"), 50)
    prompts = [f"p{number % 50}" for number in range(300)]
    better = np.repeat(np.arange(6.0), 50)
    judge, people = better + rng.normal(size=300), better + rng.normal(size=300)
    judge[generators == "f"] = 3.0  # a judge that gives one generator always the same
    judge[7] = np.nan
    inside = within_groups(judge, people, groups=list(generators), clusters=prompts, measure="spearman", draws=200)
    each = [
        stats.spearmanr(judge[rows & np.isfinite(judge)], people[rows & np.isfinite(judge)]).statistic
        for rows in (generators == name for name in "abcde")
    ]
    assert inside.value == pytest.approx(np.mean(each))
    fisher = within_groups(judge, people, groups=list(generators), clusters=prompts, average="fisher", draws=20)
    assert fisher.value == pytest.approx(np.tanh(np.arctanh(each).mean()))
    assert (inside.n, inside.total) == (249, 300)
    assert "5 of 6 groups" in inside.note
    assert inside.interval is not None
    assert inside.interval.low < 0 < inside.interval.high
    theirs = within_groups(judge, people, groups=list(generators), average="authors", draws=20)
    assert theirs.value == pytest.approx(np.tanh(np.mean(each)))
    across = across_groups(judge, people, groups=list(generators), measure="pearson")
    means = [
        [np.nanmean(side[(generators == name) & np.isfinite(judge)]) for name in "abcdef"] for side in (judge, people)
    ]
    assert across.value == pytest.approx(stats.pearsonr(*means).statistic)
    assert (across.n, across.total) == (6, 6)
    with pytest.raises(UsageError, match="map the scores first"):
        within_groups(judge, people, groups=list(generators), measure="pearson_logistic4")


def test_figures_of_groups_say_when_they_stand_on_little() -> None:
    random = np.random.default_rng(8)
    judge, people = random.normal(size=(2, 40))
    groups, prompts = [f"g{n % 4}" for n in range(40)], [f"p{n // 4}" for n in range(40)]
    inside = within_groups(judge, people, groups=groups, clusters=prompts, unit="prompts", draws=50)
    assert inside.note == "4 of 4 groups have a correlation; plain mean; only 10 prompts: the interval is too narrow"
    alone = within_groups(judge, people, groups=groups, clusters=["p"] * 40)
    assert alone.interval is None
    assert "no interval" in alone.note
    across = across_groups(judge, people, groups=groups)
    assert across.note.startswith("only 4 groups: the interval is too narrow")
    many = within_groups(judge, people, groups=groups, draws=50)
    assert "too narrow" not in many.note
