"""Attribute correlations against numpy, and the permutation p against what must come out."""

import math
from itertools import combinations
from typing import Any

import numpy as np
import pytest

from autorater.errors import UsageError
from autorater_evals.statistics.attributes import attribute_agreement, attribute_matrix, matrix_distance

NAMES = ("aesthetic", "anatomy", "style", "overall")


def sample(seed: int, *, shared: float, n: int = 200, missing: float = 0.2) -> Any:
    """Likert ratings whose attributes share a part, with "not relevant" here and there."""
    rng = np.random.default_rng(seed)
    table = 3 + shared * rng.normal(size=(n, 1)) + rng.normal(size=(n, len(NAMES)))
    table = np.clip(table.round(), 1, 5)
    table[rng.random(table.shape) < missing] = np.nan
    return table


def correlations(table: Any) -> list[float]:
    found: list[float] = []
    for i, j in combinations(range(len(NAMES)), 2):
        both = np.isfinite(table[:, i]) & np.isfinite(table[:, j])
        found.append(float(np.corrcoef(table[both, i], table[both, j])[0, 1]))
    return found


def test_the_matrix_is_pearson_over_items_that_have_both() -> None:
    table = sample(0, shared=1)
    found = attribute_matrix(table, names=NAMES)
    pairs = list(combinations(range(len(NAMES)), 2))
    assert [found.values[i][j] for i, j in pairs] == pytest.approx(correlations(table))
    assert [found.values[j][i] for i, j in pairs] == [found.values[i][j] for i, j in pairs]
    assert [found.values[i][i] for i in range(4)] == [1, 1, 1, 1]
    assert found.counts[0][3] == int(np.isfinite(table[:, [0, 3]]).all(1).sum())
    table[:, 2] = 4
    constant = attribute_matrix(table, names=NAMES)
    assert constant.values[0][2] is None
    assert constant.values[2][2] is None


def test_the_distance_is_that_of_the_upper_triangles() -> None:
    judge, people = sample(1, shared=0.2), sample(2, shared=1.5)
    found = matrix_distance(judge, people, names=NAMES, permutations=99, draws=200)
    apart = np.array(correlations(judge)) - np.array(correlations(people))
    assert found.frobenius.value == pytest.approx(math.sqrt((apart**2).sum()))
    assert found.mean_absolute.value == pytest.approx(np.abs(apart).mean())
    assert (found.frobenius.n, found.frobenius.total, found.items) == (6, 6, 200)
    assert found.frobenius_p == found.mean_absolute_p == 0.01
    assert found.frobenius.interval is not None
    assert found.frobenius.interval.low > 0
    assert matrix_distance(judge, people, names=NAMES, permutations=99, draws=200) == found


def test_permutations_swap_rows_as_written_out() -> None:
    judge, people = sample(3, shared=0.8, n=40), sample(4, shared=1.2, n=40)
    clusters = [f"{number // 2:02}" for number in range(40)]
    found = matrix_distance(judge, people, names=NAMES, clusters=clusters, permutations=200, draws=50)
    one, other = ((side - np.nanmean(side, 0)) / np.nanstd(side, 0) for side in (judge, people))
    coins = np.concatenate([np.random.default_rng(0).integers(0, 2, (200, 20))])
    reached = 0
    for row in coins:
        swap = np.repeat(row, 2)[:, None] == 1
        mixed = correlations(np.where(swap, other, one)), correlations(np.where(swap, one, other))
        apart = np.array(mixed[0]) - np.array(mixed[1])
        assert found.frobenius.value is not None
        reached += math.sqrt((apart**2).sum()) >= found.frobenius.value - 1e-9
    rng = np.random.default_rng(0)
    portions = np.concatenate([rng.integers(0, 2, (100, 20)) for _ in range(2)])
    assert (portions == coins).all()
    assert found.frobenius_p == pytest.approx((1 + reached) / 201)


def test_p_is_even_when_judge_and_people_are_alike_on_different_scales() -> None:
    values: list[float] = []
    for seed in range(60):
        judge, people = sample(2 * seed, shared=1, n=80), sample(2 * seed + 1, shared=1, n=80)
        told = matrix_distance(3 * judge + 10, people, names=NAMES, permutations=99, draws=2).frobenius_p
        assert told is not None
        values.append(told)
    assert 0.35 < np.mean(values) < 0.65
    assert np.mean(np.array(values) <= 0.1) < 0.25


def test_attributes_that_one_side_never_varied_are_left_out_and_counted() -> None:
    judge, people = sample(5, shared=1), sample(6, shared=1)
    judge[:, 1] = 3
    found = matrix_distance(judge, people, names=NAMES, permutations=20, draws=50)
    assert (found.frobenius.n, found.frobenius.total) == (3, 6)
    judge[:] = 3
    none = matrix_distance(judge, people, names=NAMES, permutations=20, draws=50)
    assert (none.frobenius.value, none.frobenius_p, none.mean_absolute.value) == (None, None, None)
    with pytest.raises(UsageError, match="judge: expected 4 columns"):
        matrix_distance(judge[:, :3], people, names=NAMES)
    with pytest.raises(UsageError, match="two attributes and one item"):
        matrix_distance([[1.0]], [[1.0]], names=["style"])
    with pytest.raises(UsageError, match="one row per item in both"):
        matrix_distance(judge[:10], people, names=NAMES)


def test_agreement_on_each_attribute() -> None:
    people = sample(7, shared=1)
    judge = sample(9, shared=1)
    copied = np.random.default_rng(8).random((200, 4)) < 0.6
    judge[copied] = people[copied]
    found = attribute_agreement(judge, people, names=NAMES, categories=[1, 2, 3, 4, 5])
    assert [item.name for item in found] == list(NAMES)
    for k, item in enumerate(found):
        both = np.isfinite(judge[:, k]) & np.isfinite(people[:, k])
        assert item.pearson.value == pytest.approx(np.corrcoef(judge[both, k], people[both, k])[0, 1])
        assert (item.alpha.n, item.kappa.n, item.pearson.n) == (both.sum(),) * 3
        assert item.kappa.value is not None
        assert item.kappa.value > 0.4
        assert item.alpha.interval is not None
