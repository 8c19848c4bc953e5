"""Cluster bootstrap, Wilson, ranks and missing values, against scipy, statsmodels and plain loops."""

import tracemalloc
from importlib import import_module
from typing import Any

import numpy as np
import pytest

from autorater.errors import UsageError
from autorater_evals.statistics import resampling
from autorater_evals.statistics._correlating import correlating
from autorater_evals.statistics.missing import mean_figure, missing_bounds
from autorater_evals.statistics.ranks import rank_correlation, ranks, weighted_spearman
from autorater_evals.statistics.resampling import (
    Array,
    bootstrap_items,
    bootstrap_sums,
    bootstrap_weights,
    cluster_interval,
    cluster_numbers,
    cluster_sums,
    draw_weights,
    half_of_clusters,
    mean_interval,
    percentile_interval,
    wilson,
)

NAN = float("nan")


def clustered(n: int, count: int, seed: int = 0) -> tuple[Array, list[str]]:
    random = np.random.default_rng(seed)
    numbers = random.integers(0, count, n)
    values = random.normal(size=n) + random.normal(size=count)[numbers]
    return values, [f"prompt {number}" for number in numbers]


def test_draws_are_as_many_clusters_and_the_same_in_portions() -> None:
    whole = np.concatenate(list(draw_weights(13, draws=500)))
    portions = list(draw_weights(13, draws=500, width=1 << 17))
    assert whole.shape == (500, 13)
    assert (whole.sum(1) == 13).all()
    assert len(portions) > 10
    assert np.array_equal(whole, np.concatenate(portions))
    assert abs(whole.var() - 12 / 13) < 0.05  # of a binomial of 13 draws at 1/13


def test_clusters_are_numbered_by_name() -> None:
    numbers, count = cluster_numbers(["b", "a", "b"], n=3)
    assert (numbers.tolist(), count) == ([1, 0, 1], 2)
    assert cluster_numbers(None, n=2)[0].tolist() == [0, 1]
    with pytest.raises(UsageError, match="expected the cluster of each of 3 items, got 2"):
        cluster_numbers(["a", "b"], n=3)


def test_the_three_ways_to_draw_agree() -> None:
    values, names = clustered(150, 12)
    numbers, count = cluster_numbers(names, n=150)
    sums = cluster_sums(np.stack([values, np.ones(150)], axis=1), numbers, count)
    by_sums = bootstrap_sums(sums, lambda totals: totals[:, 0] / totals[:, 1], draws=300)
    by_weights = bootstrap_weights(numbers, count, lambda weights: weights @ values / weights.sum(1), draws=300)
    by_items = bootstrap_items(numbers, count, lambda drawn: float(values[drawn].mean()), draws=300)
    assert np.allclose(by_sums, by_weights)
    assert np.allclose(by_sums, by_items)


def test_the_interval_of_a_mean_is_scipys_on_cluster_sums() -> None:
    stats: Any = import_module("scipy.stats")
    values, names = clustered(400, 40)
    numbers, count = cluster_numbers(names, n=400)
    sums = cluster_sums(np.stack([values, np.ones(400)], axis=1), numbers, count)

    def ratio(total: Array, size: Array, axis: int) -> Array:
        return total.sum(axis) / size.sum(axis)

    theirs = stats.bootstrap(
        tuple(sums.T), ratio, paired=True, vectorized=True, n_resamples=20_000, method="percentile", rng=1
    ).confidence_interval
    ours, note = mean_interval(values, clusters=names, unit="prompts", draws=20_000)
    assert ours is not None
    assert ours.method == "cluster bootstrap, 20,000 draws of 40 prompts"
    assert note == ""
    width = theirs.high - theirs.low
    assert abs(ours.low - theirs.low) < 0.03 * width
    assert abs(ours.high - theirs.high) < 0.03 * width


def test_the_interval_covers_the_truth_about_as_often_as_it_says() -> None:
    covered = 0
    for seed in range(300):
        values, names = clustered(160, 40, seed)
        found, _ = mean_interval(values, clusters=names, draws=400)
        assert found is not None
        covered += found.low <= 0 <= found.high
    assert 0.89 <= covered / 300 <= 0.98


def test_cluster_interval_draws_the_clusters_by_index() -> None:
    values, names = np.random.default_rng(3).choice([0.0, 0.5, 1.0], 90), clustered(90, 9)[1]
    unique = sorted(set(names))
    sums = np.array([sum(value for value, name in zip(values, names, strict=True) if name == one) for one in unique])
    sizes = np.array([names.count(one) for one in unique])
    draw = np.random.default_rng(0).integers(0, len(unique), (4000, len(unique)))
    means = sums[draw].sum(1) / sizes[draw].sum(1)
    assert cluster_interval(values, names) == (np.quantile(means, 0.025), np.quantile(means, 0.975))


@pytest.mark.parametrize(("hits", "n"), [(0, 5), (5, 5), (286, 444), (1, 2)])
def test_wilson_is_statsmodels(hits: int, n: int) -> None:
    proportion: Any = import_module("statsmodels.stats.proportion")
    low, high = proportion.proportion_confint(hits, n, method="wilson")
    found = wilson(hits, n)
    assert (found.low, found.high) == pytest.approx((low, high), abs=1e-12)


def test_the_interval_of_paper_001_on_psr() -> None:
    found = wilson(286, 444)  # 64.41 %
    assert (round(100 * found.low, 1), round(100 * found.high, 1)) == (59.9, 68.7)


def test_which_interval_a_mean_gets() -> None:
    shares = np.array([1.0, 0, 1, 1])
    single, _ = mean_interval(shares)
    assert single is not None
    assert single.method == "Wilson"
    together, note = mean_interval(shares, clusters=list("aabb"), unit="prompts")
    assert together is not None
    assert together.method == "cluster bootstrap, 2,000 draws of 2 prompts"
    assert note == "only 2 prompts: the interval is too narrow"
    assert mean_interval(shares, clusters=list("aaaa"), unit="prompts") == (None, "no interval: fewer than two prompts")
    assert mean_interval(np.array([0.5, 0.5])) == (None, "no interval: all values are equal")
    assert mean_interval(np.empty(0)) == (None, "")


def test_a_perfect_share_has_an_interval_with_a_width() -> None:
    found, _ = mean_interval(np.ones(6), clusters=list("aabbcc"), unit="prompts")
    assert found is not None
    assert found.method == "Wilson over 3 prompts, all items alike"
    assert (found.low, found.high) == (wilson(3, 3).low, 1.0)


def test_undefined_draws_are_counted_and_too_many_leave_no_interval() -> None:
    values = np.arange(100.0)
    values[:2] = NAN
    found = percentile_interval(values, count=7)
    assert found is not None
    assert found.method == "cluster bootstrap, 100 draws of 7 clusters, 2 of them undefined"
    values[:20] = NAN
    assert percentile_interval(values, count=7) is None


def test_half_of_the_clusters_goes_whole_to_one_side() -> None:
    names = clustered(200, 21)[1]
    half = half_of_clusters(names, n=200)
    first, second = ({name for name, side in zip(names, half, strict=True) if side == one} for one in (True, False))
    assert not first & second
    assert (len(first), len(second)) == (11, 10)
    assert np.array_equal(half, half_of_clusters(names, n=200))


def test_memory_stays_small_with_the_pairs_of_imagereward() -> None:
    values = np.random.default_rng(0).normal(size=6399)
    tracemalloc.start()
    mean_interval(values)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 64 * 2**20


@pytest.mark.parametrize("seed", range(20))
def test_ranks_and_rho_are_scipys_with_ties(seed: int) -> None:
    stats: Any = import_module("scipy.stats")
    random = np.random.default_rng(seed)
    one, other = random.integers(0, 6, 40).astype(float), random.integers(0, 9, 40).astype(float)
    assert np.array_equal(ranks(one), stats.rankdata(one))
    assert rank_correlation(one, other) == pytest.approx(stats.spearmanr(one, other).statistic, abs=1e-12)


@pytest.mark.parametrize("seed", range(20))
def test_weighted_correlations_are_those_of_the_drawn_items(seed: int) -> None:
    stats: Any = import_module("scipy.stats")
    random = np.random.default_rng(seed)
    one, other = random.integers(0, 6, 30).astype(float), np.round(random.normal(size=30), 1 if seed % 2 else 9)
    weights = random.integers(0, 3, (5, 30)).astype(float)
    by_rank, plain = weighted_spearman(one, other)(weights), correlating(one, other, "pearson")(weights)
    by_table = correlating(one, np.round(other), "spearman")(weights)
    for row, weight in enumerate(weights):
        drawn = np.arange(30).repeat(weight.astype(int))
        assert by_rank[row] == pytest.approx(stats.spearmanr(one[drawn], other[drawn]).statistic, abs=1e-12)
        assert by_rank[row] == pytest.approx(rank_correlation(one[drawn], other[drawn]), abs=1e-12)
        assert plain[row] == pytest.approx(stats.pearsonr(one[drawn], other[drawn]).statistic, abs=1e-12)
        assert by_table[row] == pytest.approx(rank_correlation(one[drawn], np.round(other)[drawn]), abs=1e-12)


def test_a_constant_side_has_no_correlation() -> None:
    weights = np.ones((1, 4))
    constant, other = np.full(4, 0.1), np.arange(4.0)
    assert np.isnan(weighted_spearman(constant, other)(weights)).all()
    assert np.isnan(correlating(constant, other, "pearson")(weights)).all()
    assert np.isnan(rank_correlation(constant, other))


def test_draws_are_the_same_whether_they_are_kept_or_not(monkeypatch: pytest.MonkeyPatch) -> None:
    kept = [np.concatenate(list(draw_weights(count, draws=300, width=count * 7))) for count in (2, 13, 300, 1000)]
    monkeypatch.setattr(resampling, "_KEPT", 0)
    for one in kept:
        assert np.array_equal(one, np.concatenate(list(draw_weights(one.shape[1], draws=300))))
        assert (one.sum(1) == one.shape[1]).all()


def test_clusters_may_be_names_or_numbers_and_the_left_ones_have_no_gap() -> None:
    random = np.random.default_rng(1)
    values, names = clustered(200, 20)
    numbers, count = cluster_numbers(names, n=200)
    kept = random.random(200) < 0.1
    left, fewer = cluster_numbers(names, n=200, kept=kept)
    assert fewer == len({name for name, there in zip(names, kept, strict=True) if there})
    assert np.array_equal(np.unique(left), np.arange(fewer))
    assert np.array_equal(left, cluster_numbers(numbers, n=200, kept=kept)[0])
    assert np.array_equal(numbers, cluster_numbers(numbers, n=200)[0])
    assert count == len(set(names))
    assert mean_interval(values, clusters=names) == mean_interval(values, clusters=numbers)
    with pytest.raises(UsageError, match="expected the cluster of each of 200 items, got 3"):
        cluster_numbers(numbers[:3], n=200)


def test_what_is_missing_is_counted_and_bounded() -> None:
    values = np.array([1.0, 0, NAN, 1, NAN])
    figure = mean_figure(values, measure="accuracy", clusters=list("aabbc"), unit="prompts", note="said")
    assert (figure.n, figure.total, figure.coverage) == (3, 5, 0.6)
    assert figure.value == pytest.approx(2 / 3)
    assert figure.bounds == (0.4, 0.8)
    assert figure.interval is not None
    assert figure.interval.method.endswith("2 prompts")
    assert figure.note == "said; only 2 prompts: the interval is too narrow"


def test_bounds_are_ordered_and_only_where_something_is_missing() -> None:
    assert missing_bounds(np.array([0.5, NAN]), worst=1.0, best=0.0) == (0.25, 0.75)
    assert missing_bounds(np.array([0.5, 1.0])) is None
    assert mean_figure(np.array([0.5, NAN]), measure="rate", worst=None).bounds is None


def test_without_any_result_the_value_is_null() -> None:
    figure = mean_figure(np.array([NAN, NAN]), measure="accuracy", clusters=["a", "b"])
    assert (figure.value, figure.n, figure.total, figure.interval, figure.bounds) == (None, 0, 2, None, (0.0, 1.0))
    empty = mean_figure(np.empty(0), measure="accuracy")
    assert (empty.value, empty.coverage, empty.bounds) == (None, None, None)
