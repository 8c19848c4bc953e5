"""Controls of a run with generators, against plain loops: pairs in order, and what knowing the generator would give."""

from itertools import combinations

import numpy as np
import pytest

from autorater_evals.answers import Answer
from autorater_evals.item import Item, Opinion, Preference, side_of
from autorater_evals.scoring import controls
from autorater_evals.scoring.controls import concordance_rows, generator_rows
from autorater_evals.scoring.told import Told
from autorater_evals.statistics.correlation import correlation


def points(n: int, seed: int) -> Told:
    rng = np.random.default_rng(seed)
    items = [
        Item(
            id=f"i{place}",
            part="p",
            prompt="p",
            images=(f"{place}.png",),
            cluster=f"c{rng.integers(0, 7)}",
            generators=(f"g{rng.integers(0, 4)}",),
            opinions={"d": Opinion(mean=float(rng.integers(1, 6)))},
        )
        for place in range(n)
    ]
    answers = [
        Answer("refused") if rng.random() < 0.1 else Answer("scored", "overall", score=float(rng.integers(1, 5)))
        for _ in items
    ]
    return Told("d", items, answers)


@pytest.mark.parametrize("seed", range(3))
def test_pairs_in_order_are_counted_within_and_across_generators(seed: int) -> None:
    told = points(40, seed)
    judge, people = told.scores, told.means
    rows = {row.slice: row.figure for row in concordance_rows("p", told, clear=1.0)}
    for name, figure in rows.items():
        right, count, total = 0.0, 0, 0
        for i, j in combinations(range(40), 2):
            same = told.items[i].generators == told.items[j].generators
            if abs(people[i] - people[j]) < 1 or {"all": False, "within generators": not same}.get(name, same):
                continue
            total += 1
            if np.isfinite(judge[i] + judge[j]):
                count += 1
                alike = (judge[i] > judge[j]) == (people[i] > people[j])
                right += 0.5 if judge[i] == judge[j] else float(alike)
        assert (figure.n, figure.total) == (count, total)
        assert figure.value == pytest.approx(right / count, abs=1e-12)
        assert figure.interval is not None
        assert figure.interval.method.startswith("cluster bootstrap, 2,000 draws of 7")
    assert set(rows) == {"all", "within generators", "across generators"}


def test_of_many_images_a_sample_is_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(controls, "MOST", 30)
    every, *_ = concordance_rows("p", points(40, 1), clear=1.0)
    assert every.figure.note.startswith("30 images drawn by seed 0")
    assert every.figure.total < 30 * 29 / 2


def test_the_guess_of_an_image_is_its_generators_mean_on_other_prompts() -> None:
    told = points(60, 5)
    guessed: list[float | None] = []
    for item in told.items:
        others = [
            one.opinions["d"].mean
            for one in told.items
            if one.generators == item.generators and one.cluster != item.cluster
        ]
        guessed.append(float(np.mean(others)) if others else None)
    row = next(row for row in generator_rows("p", told) if row.figure.measure == "pearson")
    assert row.figure == correlation(guessed, told.means, measure="pearson", clusters=told.clusters)


def test_the_guess_of_a_pair_is_the_difference_of_its_generators_gaps_on_other_prompts() -> None:
    rng = np.random.default_rng(2)
    items: list[Item] = []
    for place in range(60):
        one, other = (f"g{name}" for name in rng.choice(4, 2, replace=False))
        gap = float(rng.integers(-3, 4))
        items.append(
            Item(
                id=f"i{place}",
                part="p",
                prompt="p",
                images=("a.png", "b.png"),
                cluster=f"c{rng.integers(0, 7)}",
                generators=(one, other),
                preferences={"d": Preference(preferred=side_of(gap), gap=gap)},
            )
        )
    right = 0.0
    decided = [item for item in items if item.preferences["d"].preferred != "tie"]
    for item in decided:
        means: list[float] = []
        for name in item.generators:
            there = [one for one in items if one.cluster != item.cluster and name in one.generators]
            gaps = [one.preferences["d"].gap or 0.0 for one in there]
            means.append(
                float(np.mean([g if one.generators[0] == name else -g for g, one in zip(gaps, there, strict=True)]))
            )
        side = side_of(means[0] - means[1])
        right += 0.5 if side == "tie" else float(side == item.preferences["d"].preferred)
    told = Told("d", items, [Answer("absent")] * 60)
    (row,) = generator_rows("p", told)
    assert row.figure.n == len(decided)
    assert row.figure.value == pytest.approx(right / len(decided))
