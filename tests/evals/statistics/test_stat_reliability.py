"""Agreement between raters against hand computation and the formulas written out."""

import math
from itertools import combinations
from typing import Any

import numpy as np
import pytest

from autorater.errors import UsageError
from autorater_evals.statistics.ceiling import leave_one_out, leave_one_out_majority, split_half
from autorater_evals.statistics.correlation import correlation
from autorater_evals.statistics.reliability import cohen_kappa, fleiss_kappa, krippendorff_alpha, percent_agreement

NAN = math.nan

# Krippendorff, "Computing Krippendorff's Alpha-Reliability" (2011), part C: four observers, twelve units, missing data.
KRIPPENDORFF = np.array(
    [
        [1, 2, 3, 3, 2, 1, 4, 1, 2, NAN, NAN, NAN],
        [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, NAN, 3],
        [NAN, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, NAN],
        [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, NAN],
    ]
).T


STATISTICS: list[Any] = [
    krippendorff_alpha,
    fleiss_kappa,
    percent_agreement,
    split_half,
    leave_one_out,
    leave_one_out_majority,
]


def ratings(seed: int, *, n: int = 300, raters: int = 5, noise: float = 1.0, missing: float = 0.0) -> Any:
    rng = np.random.default_rng(seed)
    table = rng.normal(size=(n, 1)) + noise * rng.normal(size=(n, raters))
    table[rng.random(table.shape) < missing] = NAN
    return table


@pytest.mark.parametrize(("level", "published"), [("nominal", 0.743), ("ordinal", 0.815), ("interval", 0.849)])
def test_alpha_is_the_published_example(level: Any, published: float) -> None:
    found = krippendorff_alpha(KRIPPENDORFF, level=level)
    assert found.value == pytest.approx(published, abs=5e-4)
    assert (found.n, found.total) == (11, 12)  # the last unit has one rating
    assert found.interval is not None
    assert found.interval.low < published < found.interval.high
    assert krippendorff_alpha(KRIPPENDORFF, level=level) == found


def brute_alpha(table: Any, level: str) -> float:
    """From the definition: one minus the mean distance of pairs in a unit by that of all pairs."""
    units = [row[np.isfinite(row)] for row in table if np.isfinite(row).sum() > 1]
    pooled = np.concatenate(units)
    values, often = np.unique(pooled, return_counts=True)
    middle = dict(zip(values, np.cumsum(often) - often / 2, strict=True))

    def distance(a: float, b: float) -> float:
        if level == "nominal":
            return float(a != b)
        return float(a - b) ** 2 if level == "interval" else float(middle[a] - middle[b]) ** 2

    inside = sum(2 * distance(a, b) / (len(unit) - 1) for unit in units for a, b in combinations(unit, 2))
    between = sum(2 * distance(a, b) for a, b in combinations(pooled, 2)) / (len(pooled) - 1)
    return 1 - inside / between


@pytest.mark.parametrize("level", ["nominal", "ordinal", "interval"])
def test_alpha_is_its_definition_with_ties_and_missing_ratings(level: Any) -> None:
    for seed in range(3):
        table = ratings(seed, n=30, missing=0.3).round()
        assert krippendorff_alpha(table, level=level, draws=50).value == pytest.approx(brute_alpha(table, level))


@pytest.mark.parametrize("level", ["nominal", "ordinal", "interval"])
def test_alphas_cluster_interval_is_that_of_items_drawn_one_by_one(level: Any) -> None:
    table = np.clip(ratings(8, n=60, missing=0.2).round(), -1, 1)
    clusters = [f"{number // 3:02}" for number in range(60)]
    found = krippendorff_alpha(table, level=level, clusters=clusters, unit="prompts", draws=60)
    rng = np.random.default_rng(0)
    draws = [[3 * int(name) + k for name in rng.integers(0, 20, 20) for k in range(3)] for _ in range(60)]
    low, high = np.quantile([brute_alpha(table[rows], level) for rows in draws], [0.025, 0.975])
    assert found.value == krippendorff_alpha(table, level=level).value
    assert found.interval is not None
    assert found.interval.method == "cluster bootstrap, 60 draws of 20 prompts"
    assert (found.interval.low, found.interval.high) == (pytest.approx(low), pytest.approx(high))
    alone = krippendorff_alpha(ratings(9), level="interval", clusters=["p"] * 300, unit="prompts")
    assert (alone.interval, alone.note) == (None, "no interval: fewer than two prompts, or no draw differs")


def test_alpha_of_many_levels_has_an_interval_where_distances_are_squared() -> None:
    table = 40 + ratings(7, n=30, missing=0.2)
    clusters = [f"{number // 3:02}" for number in range(30)]
    found = krippendorff_alpha(table, level="interval", clusters=clusters, unit="prompts", draws=40)
    rng = np.random.default_rng(0)
    draws = [[3 * int(name) + k for name in rng.integers(0, 10, 10) for k in range(3)] for _ in range(40)]
    low, high = np.quantile([brute_alpha(table[rows], "interval") for rows in draws], [0.025, 0.975])
    assert found.interval is not None
    assert (found.interval.low, found.interval.high) == (pytest.approx(low), pytest.approx(high))
    assert found.note == "only 10 prompts: the interval is too narrow"
    ordinal = krippendorff_alpha(table, level="ordinal", clusters=clusters)
    assert (ordinal.interval, ordinal.note) == (None, "no interval: more than 12 levels")


def test_alpha_without_variation_is_null() -> None:
    assert krippendorff_alpha([[2, 2], [2, 2]]).value is None
    assert krippendorff_alpha([[2, None], [None, 1]]).note == "no item has two ratings"
    with pytest.raises(UsageError, match="a row per item"):
        krippendorff_alpha([1.0, 2.0])  # type: ignore[list-item]


def test_cohens_kappa_by_hand() -> None:
    # Cohen's form: 20 yes-yes, 5 yes-no, 10 no-yes, 15 no-no: observed .7, chance .5, kappa .4
    one = [1] * 25 + [0] * 25 + [None, 1]
    other = [1] * 20 + [0] * 5 + [1] * 10 + [0] * 15 + [1, None]
    found = cohen_kappa(one, other)
    assert (found.value, found.n, found.total) == (pytest.approx(0.4), 50, 52)
    assert found.interval is not None
    # Fleiss, Cohen and Everitt's variance written out for this table
    p = np.array([[15, 10], [5, 20]]) / 50
    rows, columns = p.sum(1), p.sum(0)
    chance, kappa = float(rows @ columns), 0.4
    inside = sum(p[i, i] * (1 - (rows[i] + columns[i]) * (1 - kappa)) ** 2 for i in range(2))
    outside = (1 - kappa) ** 2 * sum(p[i, 1 - i] * (columns[i] + rows[1 - i]) ** 2 for i in range(2))
    error = math.sqrt((inside + outside - (kappa - chance * (1 - kappa)) ** 2) / (1 - chance) ** 2 / 50)
    assert found.interval.high - found.interval.low == pytest.approx(2 * 1.959964 * error, rel=1e-4)


@pytest.mark.parametrize("weights", [None, "linear", "quadratic"])
def test_kappas_cluster_interval_is_that_of_items_drawn_one_by_one(weights: Any) -> None:
    rng = np.random.default_rng(2)
    one = rng.choice([1, 2, 3, 4, 5], 60)
    other = np.where(rng.random(60) < 0.5, one, rng.choice([1, 2, 3, 4, 5], 60))
    clusters = [f"{number // 3:02}" for number in range(60)]
    told: dict[str, Any] = {"weights": weights, "categories": [1, 2, 3, 4, 5]}
    found = cohen_kappa(one, other, clusters=clusters, unit="prompts", draws=60, **told)
    drawing = np.random.default_rng(0)
    draws = [[3 * int(name) + k for name in drawing.integers(0, 20, 20) for k in range(3)] for _ in range(60)]
    values = np.array([cohen_kappa(one[rows], other[rows], **told).value for rows in draws], dtype=np.float64)
    low, high = np.quantile(values, [0.025, 0.975])
    assert found.value == cohen_kappa(one, other, **told).value
    assert found.interval is not None
    assert found.interval.method == "cluster bootstrap, 60 draws of 20 prompts"
    assert (found.interval.low, found.interval.high) == (pytest.approx(low), pytest.approx(high))
    alone = cohen_kappa(one, other, clusters=["p"] * 60, unit="prompts", **told)
    assert (alone.interval, alone.note) == (None, "no interval: fewer than two prompts, or no draw differs")


@pytest.mark.parametrize("weights", [None, "linear", "quadratic"])
def test_weighted_kappa_is_its_definition_and_minds_unused_categories(weights: Any) -> None:
    rng = np.random.default_rng(1)
    one = rng.choice([1, 2, 5], 80)
    other = np.where(rng.random(80) < 0.6, one, rng.choice([1, 2, 5], 80))
    categories = [1, 2, 3, 4, 5]
    power = {None: 0, "linear": 1, "quadratic": 2}[weights]
    cost = np.array([[abs(i - j) ** power if i != j else 0 for j in categories] for i in categories], float)
    table = np.array([[((one == i) & (other == j)).mean() for j in categories] for i in categories])
    expected = 1 - (cost * table).sum() / (cost * np.outer(table.sum(1), table.sum(0))).sum()
    found = cohen_kappa(one, other, weights=weights, categories=categories)
    assert found.value == pytest.approx(expected)
    assert found.interval is not None
    assert found.interval.low < expected < found.interval.high
    if weights:
        assert cohen_kappa(one, other, weights=weights).value != pytest.approx(expected)
    with pytest.raises(UsageError, match="label 5 is not among"):
        cohen_kappa(one, other, categories=[1, 2, 3])


def test_kappa_at_its_ends() -> None:
    assert cohen_kappa([1, 1], [1, 1]).value is None
    assert cohen_kappa([], []).value is None
    assert cohen_kappa([1, 2, 1, 2], [1, 2, 1, 2]).value == pytest.approx(1)
    assert cohen_kappa([1, 1, 1], [1, 2, 2]).value == pytest.approx(0)


def test_fleiss_kappa_by_hand_with_items_of_another_size_left_out() -> None:
    # Fleiss (1971), as in the worked example of 10 subjects, 14 raters, 5 categories: kappa 0.210
    counts = [
        (0, 0, 0, 0, 14), (0, 2, 6, 4, 2), (0, 0, 3, 5, 6), (0, 3, 9, 2, 0), (2, 2, 8, 1, 1),
        (7, 7, 0, 0, 0), (3, 2, 6, 3, 0), (2, 5, 3, 2, 2), (6, 5, 2, 1, 0), (0, 2, 2, 3, 7),
    ]  # fmt: skip
    rows: list[list[float]] = [
        [float(label) for label, often in enumerate(row) for _ in range(often)] for row in counts
    ]
    found = fleiss_kappa([*rows, [1.0] * 10 + [NAN] * 4])
    assert (found.value, found.n, found.total) == (pytest.approx(0.210, abs=5e-4), 10, 11)
    assert found.interval is not None
    assert found.interval.low < 0.21 < found.interval.high
    assert fleiss_kappa([[1, 1], [1, 1]]).value is None


def test_percent_agreement_counts_pairs_of_raters() -> None:
    found = percent_agreement([[1, 1, 2], [1, 1, 1], [1, None, 2], [1, None, None]])
    assert (found.value, found.n, found.total) == (pytest.approx((1 / 3 + 1 + 0) / 3), 3, 4)


def test_split_half_finds_the_reliability_that_was_put_in() -> None:
    for raters, noise in ((4, 1.0), (7, 2.0)):
        found = split_half(ratings(2, n=3000, raters=raters, noise=noise), draws=100)
        truth = 1 / (1 + noise**2 / raters)
        assert found.interval is not None
        assert found.value == pytest.approx(truth, abs=0.03)
        assert found.interval.low - 0.02 < truth < found.interval.high + 0.02
    pair = ratings(3, raters=2)
    r = correlation(pair[:, 0], pair[:, 1], measure="pearson").value
    assert r is not None
    assert split_half(pair, draws=10).value == pytest.approx(2 * r / (1 + r), abs=0.02)  # sides differ by item
    sparse = split_half(ratings(4, raters=9, missing=0.5), draws=50)
    assert sparse.value is not None
    assert split_half([[1, None], [2, 3]]).value is None


def test_leave_one_out_is_each_rater_against_the_mean_of_the_others() -> None:
    table = ratings(5, raters=3, missing=0.1)
    for average in ("fisher", "authors"):
        found = leave_one_out(table, measure="spearman", average=average, draws=50)  # type: ignore[arg-type]
        each: list[float] = []
        for rater in range(3):
            others = np.delete(table, rater, 1)
            some = np.isfinite(others).any(1)
            told = correlation(table[some, rater], np.nanmean(others[some], 1), draws=10).value
            assert told is not None
            each.append(told)
        expected = np.tanh(np.mean(np.arctanh(each))) if average == "fisher" else np.tanh(np.mean(each))
        assert found.value == pytest.approx(expected)
        assert found.interval is not None
        assert found.interval.low < expected < found.interval.high
    constant = leave_one_out([[1, 2, 3], [1, 3, 2], [1, 1, 1], [1, 5, 5]], draws=20)
    assert "2 of 3 raters" in constant.note


def test_leave_one_out_majority_by_brute_force() -> None:
    rng = np.random.default_rng(6)
    votes = rng.choice([-1.0, 0.0, 1.0], (60, 5), p=[0.5, 0.2, 0.3])
    votes[rng.random(votes.shape) < 0.3] = NAN
    met = counted = total = 0
    for row in votes:
        for rater in np.flatnonzero(np.isfinite(row)):
            others = [vote for place, vote in enumerate(row) if place != rater and np.isfinite(vote)]
            total += bool(others)
            most = [label for label in (-1, 0, 1) if others and others.count(label) == max(map(others.count, others))]
            if len(most) == 1:
                counted, met = counted + 1, met + (most[0] == row[rater])
    found = leave_one_out_majority(votes, draws=100)
    assert (found.value, found.n, found.total) == (pytest.approx(met / counted), counted, total)
    assert found.bounds == (pytest.approx(met / total), pytest.approx((met + total - counted) / total))
    assert found.interval is not None
    assert leave_one_out_majority([[1, None]]).value is None


@pytest.mark.parametrize("statistic", STATISTICS)
def test_nothing_to_count_is_null_and_perfect_agreement_has_no_interval_without_width(statistic: Any) -> None:
    for table in (np.zeros((0, 3)), np.full((4, 3), NAN), np.array([[1.0, NAN, NAN]])):
        found = statistic(table)
        assert (found.value, found.interval, found.n) == (None, None, 0)
        assert found.note
    assert statistic(np.array([[1.0, 1, 1], [2, 2, 2], [3, 3, 3]] * 9)).value == pytest.approx(1, abs=1e-5)
    assert statistic(np.array([[1.0, 1, 1]] * 9)).interval is None
