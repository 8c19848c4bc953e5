"""Paired tests against scipy and statsmodels, and the figures of the methodology."""

from importlib import import_module
from itertools import product
from typing import Any

import numpy as np
import pytest

from autorater.errors import UsageError
from autorater_evals.statistics.comparing import (
    Correlation,
    compare,
    correlation_difference,
    design_effect,
    detectable_difference,
    difference,
    mcnemar,
    permutation_p,
    two_sided,
)
from autorater_evals.statistics.resampling import Array, Index, cluster_numbers, cluster_sums

NAN = float("nan")


def runs(seed: int, n: int, count: int, *, gain: float = 0.0) -> tuple[Array, Array, list[str]]:
    """Right or wrong of two runs that share the difficulty of their prompts."""
    random = np.random.default_rng(seed)
    numbers = random.integers(0, count, n)
    hard = random.normal(size=count)[numbers]
    one = (random.normal(size=n) + hard > 0).astype(float)
    other = (random.normal(size=n) + hard + gain * random.random(count)[numbers] > 0).astype(float)
    return one, other, [f"p{number}" for number in numbers]


def test_the_detectable_differences_of_the_methodology() -> None:
    assert round(100 * detectable_difference(444, discordant=0.2), 1) == 5.9
    assert round(100 * detectable_difference(6399, discordant=0.2), 1) == 1.6
    assert round(100 * detectable_difference(6399, discordant=0.2, design_effect=1.99), 1) == 2.2
    assert round(6399 / 466, 1) == 13.7


def test_what_is_detectable_is_found_in_four_of_five_trials() -> None:
    # 100 p of McNemar's test without continuity, n = 500, 20 % discordant, the difference just detectable.
    n, share = 500, 0.2
    gap = detectable_difference(n, discordant=share)
    random = np.random.default_rng(0)
    up, down = random.multinomial(n, [(share + gap) / 2, (share - gap) / 2, 1 - share], 20_000).T[:2]
    found = np.abs(up - down) / np.sqrt(up + down) > 1.959964
    assert found.mean() == pytest.approx(0.8, abs=0.02)


@pytest.mark.parametrize("seed", range(10))
def test_mcnemar_is_the_binomial_test_of_the_discordant(seed: int) -> None:
    stats: Any = import_module("scipy.stats")
    one, other, _ = runs(seed, 120, 120, gain=0.5)
    one[::7] = NAN
    found = mcnemar(one, other)
    first, second = int(np.nansum((one == 1) & (other == 0))), int(np.nansum((one == 0) & (other == 1)))
    assert (found.first_only, found.second_only) == (first, second)
    assert found.p == pytest.approx(stats.binomtest(first, first + second).pvalue, abs=1e-12)


def test_mcnemar_of_equal_runs_and_of_none() -> None:
    same = np.array([1.0, 0, 1])
    assert mcnemar(same, same).p == 1.0
    assert mcnemar(np.array([NAN]), np.array([1.0])).p is None
    with pytest.raises(UsageError, match=r"expected 0 \(wrong\) or 1 \(right\)"):
        mcnemar(np.array([0.5]), np.array([1.0]))


@pytest.mark.parametrize("seed", range(8))
def test_the_permutation_test_is_scipys_on_cluster_sums(seed: int) -> None:
    stats: Any = import_module("scipy.stats")
    one, other, names = runs(seed, 60, 11, gain=0.6)
    numbers, count = cluster_numbers(names, n=60)
    sides = [cluster_sums(side, numbers, count)[:, 0] for side in (one, other)]

    def gap(first: Array, second: Array, axis: int) -> Array:
        return (second - first).sum(axis)

    theirs = stats.permutation_test(sides, gap, permutation_type="samples", vectorized=True, n_resamples=2**11).pvalue
    assert permutation_p(one, other, clusters=names) == pytest.approx(theirs, abs=1e-9)
    drawn = permutation_p(one, other, clusters=names, flips=1500)
    assert drawn == pytest.approx(theirs, abs=0.04)


def test_all_exchanges_by_hand() -> None:
    gaps = [0.3, -0.1, 0.25, 0.4]
    sums = [abs(sum(sign * gap for sign, gap in zip(signs, gaps, strict=True))) for signs in product((1, -1), repeat=4)]
    expected = sum(one >= sum(gaps) - 1e-12 for one in sums) / 16
    assert permutation_p(np.zeros(4), np.array(gaps)) == expected
    assert permutation_p(np.ones(3), np.ones(3)) == 1.0
    assert permutation_p(np.array([NAN]), np.ones(1)) is None


def test_many_clusters_are_flipped_at_random_and_always_alike() -> None:
    one, other, _ = runs(1, 3000, 3000)
    p = permutation_p(one, other)
    discordant = mcnemar(one, other)
    assert p == permutation_p(one, other)
    assert p == pytest.approx(discordant.p, abs=0.02)


def test_the_least_p_counts_the_data_as_one_of_the_exchanges() -> None:
    assert permutation_p(np.zeros(100), np.ones(100), flips=99) == 0.01
    assert permutation_p(np.zeros(3), np.ones(3)) == 2 / 8


def test_a_difference_has_the_interval_of_its_clusters() -> None:
    one, other, names = runs(2, 1000, 50, gain=0.4)
    found = difference(one, other, clusters=names, unit="prompts")
    figure = found.figure
    assert figure.value == pytest.approx(other.mean() - one.mean())
    assert figure.interval is not None
    assert figure.interval.method == "cluster bootstrap, 2,000 draws of 50 prompts"
    effect = design_effect(other - one, clusters=names).value
    assert effect is not None
    error = np.sqrt(effect * (other - one).var(ddof=1) / 1000)
    assert figure.interval.high - figure.interval.low == pytest.approx(2 * 1.96 * error, rel=0.1)


def test_p_is_small_where_the_interval_is_off_zero() -> None:
    for seed in range(40):
        found = difference(*runs(seed, 200, 40, gain=0.7)[:2], clusters=runs(seed, 200, 40, gain=0.7)[2])
        interval = found.figure.interval
        assert interval is not None
        assert found.p is not None
        if found.p < 0.045:
            assert interval.low > 0 or interval.high < 0
        elif found.p > 0.055:
            assert interval.low <= 0 <= interval.high


def test_p_is_uniform_where_nothing_differs() -> None:
    found = [difference(*runs(seed, 150, 150)[:2], draws=400).p for seed in range(300)]
    assert np.mean([p is not None and p < 0.05 for p in found]) < 0.09
    assert np.mean([p is not None and p < 0.5 for p in found]) == pytest.approx(0.5, abs=0.12)


def test_two_sided_p_of_draws() -> None:
    assert two_sided(np.array([1.0, 2, 3, NAN])) == 0.5
    assert two_sided(np.array([-1.0, 1])) == 1.0
    assert two_sided(np.array([NAN])) is None


def test_runs_that_differ_alike_on_all_items_have_no_interval() -> None:
    same, other = difference(np.ones(30), np.ones(30)), difference(np.zeros(30), np.ones(30))
    assert (same.figure.value, same.figure.interval, same.p) == (0.0, None, 1.0)
    assert (other.figure.value, other.figure.interval, other.p) == (1.0, None, None)
    assert other.figure.note == "no interval: the runs differ alike on all items"
    assert compare(np.ones(30), np.ones(30)).detectable is None


def test_missing_results_bound_a_difference() -> None:
    one, other = np.array([1.0, NAN, 0, NAN]), np.array([1.0, 1, NAN, NAN])
    figure = difference(one, other).figure
    assert (figure.n, figure.total, figure.value, figure.interval) == (1, 4, 0.0, None)
    filled: list[float] = []
    for a, b, c, d in product((0.0, 1.0), repeat=4):
        filled.append(float(np.mean([0, 1 - a, b - 0, c - d])))
    assert figure.bounds == (min(filled), max(filled))
    assert figure.note == "no interval: fewer than two clusters"


def test_two_runs_compared_at_once() -> None:
    one, other, names = runs(4, 400, 40, gain=0.5)
    found = compare(one, other, clusters=names, unit="prompts")
    effect = found.design_effect.value
    assert found.mcnemar == mcnemar(one, other)
    assert effect is not None
    assert found.detectable == pytest.approx(
        detectable_difference(400, discordant=float((one != other).mean()), design_effect=max(1, effect))
    )
    assert compare(one, other * 0.5).mcnemar is None
    opposed = compare(
        np.array([0.0, 1] * 30), np.array([1.0, 0] * 29 + [0, 1]), clusters=[str(n // 2) for n in range(60)]
    )
    assert opposed.design_effect.value == 0.0  # a chance value below 1 makes no promise of finding less
    assert opposed.detectable == pytest.approx(detectable_difference(60, discordant=58 / 60))
    empty = compare(np.array([NAN]), np.array([1.0]))
    assert (empty.detectable, empty.permutation_p, empty.difference.p) == (None, None, None)
    with pytest.raises(UsageError, match="expected values from 0 to 1"):
        compare(one, other * 3)
    with pytest.raises(UsageError, match="expected two runs on the same items, got 400 and 1 items"):
        compare(one, other[:1])


@pytest.mark.parametrize("seed", range(5))
def test_the_design_effect_is_the_robust_variance_of_statsmodels(seed: int) -> None:
    api: Any = import_module("statsmodels.api")
    one, _, names = runs(seed, 300, 30)
    numbers, _ = cluster_numbers(names, n=300)
    robust = api.OLS(one, np.ones(300)).fit(cov_type="cluster", cov_kwds={"groups": numbers}).bse[0] ** 2
    found = design_effect(one, clusters=names, unit="prompts")
    assert found.value == pytest.approx(robust / (one.var(ddof=1) / 300), rel=1e-9)
    assert found.note == f"30 prompts, {300 / 30:.1f} items each"


def test_the_design_effect_of_copies_is_their_number() -> None:
    values = np.random.default_rng(0).random(400)
    copies, names = values.repeat(5), [str(n) for n in np.arange(400).repeat(5)]
    assert design_effect(copies, clusters=names).value == pytest.approx(5, rel=0.01)
    assert design_effect(values).value == pytest.approx(1)
    assert design_effect(np.ones(4)).value is None
    assert design_effect(values, clusters=["p"] * 400).value is None


@pytest.mark.parametrize("kind", ["pearson", "spearman", "kendall"])
def test_the_difference_of_two_correlations_is_scipys_in_each_draw(kind: Correlation) -> None:
    stats: Any = import_module("scipy.stats")
    names = {"pearson": "pearsonr", "spearman": "spearmanr", "kendall": "kendalltau"}
    test = getattr(stats, names[kind])
    random = np.random.default_rng(0)
    people = random.integers(1, 6, 90).astype(float)
    one, other = people + 2 * random.normal(size=90), people + random.normal(size=90)
    clusters = [f"p{number}" for number in random.integers(0, 25, 90).tolist()]
    one[0] = people[5] = NAN
    kept = np.delete(np.arange(90), [0, 5])
    found = correlation_difference(people, one, other, kind=kind, clusters=clusters, draws=60)

    def gap(drawn: Index) -> float:
        return float(test(people[drawn], other[drawn]).statistic - test(people[drawn], one[drawn]).statistic)

    assert (found.figure.n, found.figure.total) == (88, 90)
    assert found.figure.value == pytest.approx(gap(kept), abs=1e-9)
    numbers, count = cluster_numbers([clusters[n] for n in range(90) if n not in (0, 5)], n=88)
    draw = np.random.default_rng(0).integers(0, count, (60, count))
    drawn = [gap(np.concatenate([kept[numbers == number] for number in row])) for row in draw]
    assert found.figure.interval is not None
    assert found.figure.interval.low == pytest.approx(np.quantile(drawn, 0.025), abs=1e-9)
    assert found.figure.interval.high == pytest.approx(np.quantile(drawn, 0.975), abs=1e-9)


def test_equal_runs_have_no_interval_of_a_difference_of_correlations() -> None:
    random = np.random.default_rng(6)
    people, run = random.normal(size=30), random.normal(size=30)
    for other in (run, 2 * run + 1):
        same = correlation_difference(people, run, other, kind="spearman")
        assert (same.figure.value, same.figure.interval, same.p) == (pytest.approx(0, abs=1e-12), None, 1.0)
    turned = correlation_difference(run, run, -run, kind="spearman")
    assert (turned.figure.value, turned.figure.interval, turned.p) == (pytest.approx(-2), None, None)


def test_a_constant_side_has_no_difference_of_correlations() -> None:
    found = correlation_difference(np.arange(5.0), np.ones(5), np.arange(5.0), kind="pearson")
    assert (found.figure.value, found.p, found.figure.note) == (None, None, "a side is constant")
    alone = correlation_difference(np.arange(5.0), -np.arange(5.0), np.arange(5.0), kind="spearman", clusters=["p"] * 5)
    assert (alone.figure.value, alone.figure.interval, alone.p) == (pytest.approx(2), None, None)
    with pytest.raises(UsageError, match="expected values for the same items, got 2, 1 and 2"):
        correlation_difference(np.ones(2), np.ones(1), np.ones(2), kind="pearson")
