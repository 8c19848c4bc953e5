"""Two orders and repeats of a pair, against plain loops over random answers with ties and gaps."""

from itertools import combinations

import numpy as np
import pytest

from autorater.errors import UsageError
from autorater_evals.statistics.orders import (
    answered_orders_accuracy,
    both_orders_accuracy,
    first_rate,
    flip_rate,
    flipped,
    position_consistency,
)

Answers = list[str | None]


def answers(seed: int, n: int = 60, *, ties: bool = True) -> tuple[list[str], Answers, Answers]:
    random = np.random.default_rng(seed)
    sides = ["a", "b", "tie"] if ties else ["a", "b"]
    human: list[str] = random.choice(sides, n).tolist()
    drawn: list[list[str]] = random.choice(["a", "b", "tie", "none"], (2, n)).tolist()
    forward, reverse = ([None if one == "none" else one for one in order] for order in drawn)
    return human, forward, reverse


def test_an_answer_by_place_is_turned() -> None:
    assert flipped(["a", "b", "tie", None]) == ["b", "a", "tie", None]


@pytest.mark.parametrize("seed", range(10))
def test_a_pair_is_right_only_if_both_orders_are(seed: int) -> None:
    human, forward, reverse = answers(seed)
    rows = [row for row in zip(human, forward, reverse, strict=True) if row[0] != "tie"]
    kept = [row for row in rows if None not in row]
    right = sum(one == two == truth for truth, one, two in kept)
    figure = both_orders_accuracy(human, forward=forward, reverse=reverse)
    assert (figure.n, figure.total) == (len(kept), len(rows))
    assert figure.value == pytest.approx(right / len(kept))
    possible = sum({one, two} <= {truth, None} for truth, one, two in rows)
    assert figure.bounds == pytest.approx((right / len(rows), possible / len(rows)))


def test_ties_of_people_count_on_request() -> None:
    human = ["tie", "a"]
    assert both_orders_accuracy(human, forward=human, reverse=human, human_ties="count").value == 1.0
    assert both_orders_accuracy(human, forward=human, reverse=human).total == 1


@pytest.mark.parametrize("seed", range(10))
def test_mmrb2_divides_hits_by_the_orders_that_answered(seed: int) -> None:
    human, forward, reverse = answers(seed, ties=False)
    # As its files have it: a judgement by place, A for the first shown, flipped back in the reverse order.
    hits = sum(place == truth for place, truth in zip(forward, human, strict=True))
    hits += sum(place == flipped([truth])[0] for place, truth in zip(flipped(reverse), human, strict=True))
    answered = sum(one is not None for one in forward + reverse)
    figure = answered_orders_accuracy(human, forward=forward, reverse=reverse)
    assert (figure.n, figure.total, figure.value) == (answered, 120, pytest.approx(hits / answered))
    asked = sum(row != (None, None) for row in zip(forward, reverse, strict=True))
    assert figure.interval is not None
    assert figure.interval.method == f"cluster bootstrap, 2,000 draws of {asked} pairs"


def test_mmrb2_has_no_ties_of_people() -> None:
    with pytest.raises(UsageError, match='got "tie" at pair 1'):
        answered_orders_accuracy(["a", "tie"], forward=["a", "a"], reverse=["a", "a"])


@pytest.mark.parametrize("seed", range(10))
def test_consistency_is_the_same_choice_in_both_orders(seed: int) -> None:
    _, forward, reverse = answers(seed)
    kept = [row for row in zip(forward, reverse, strict=True) if None not in row]
    figure = position_consistency(forward, reverse)
    assert (figure.n, figure.total) == (len(kept), 60)
    assert figure.value == pytest.approx(sum(one == two for one, two in kept) / len(kept))


@pytest.mark.parametrize("seed", range(10))
def test_the_first_rate_counts_a_forward_and_b_in_reverse(seed: int) -> None:
    _, forward, reverse = answers(seed)
    first = forward.count("a") + reverse.count("b")
    decided = first + forward.count("b") + reverse.count("a")
    figure = first_rate(forward, reverse)
    assert (figure.n, figure.total, figure.bounds) == (decided, 120, None)
    assert figure.value == pytest.approx(first / decided)
    assert figure.note == f"{(forward + reverse).count('tie')} ties left out"


def test_a_judge_that_always_takes_the_first_is_found_out() -> None:
    forward, reverse = ["a"] * 40, ["b"] * 40
    figure = first_rate(forward, reverse)
    assert figure.value == 1.0
    assert figure.interval is not None
    assert figure.interval.low > 0.9
    assert position_consistency(forward, reverse).value == 0.0


def test_the_first_rate_of_one_order() -> None:
    figure = first_rate(["a", "a", "b", "tie", None])
    assert (figure.value, figure.n, figure.total) == (2 / 3, 3, 5)
    assert figure.interval is not None
    assert figure.interval.method == "Wilson"


@pytest.mark.parametrize("seed", range(10))
def test_the_flip_rate_is_the_mean_share_of_differing_pairs_of_answers(seed: int) -> None:
    random = np.random.default_rng(seed)
    repeats: list[Answers] = []
    for _ in range(30):
        drawn: list[str] = random.choice(["a", "b", "tie", "none"], int(random.integers(0, 6))).tolist()
        repeats.append([None if one == "none" else one for one in drawn])
    rates: list[float] = []
    for item in repeats:
        found = [one != two for one, two in combinations([one for one in item if one is not None], 2)]
        rates += [sum(found) / len(found)] if found else []
    figure = flip_rate(repeats)
    assert (figure.n, figure.total) == (len(rates), 30)
    assert figure.value == pytest.approx(float(np.mean(rates)))
    assert figure.bounds == pytest.approx((sum(rates) / 30, (sum(rates) + 30 - len(rates)) / 30))


def test_two_repeats_flip_or_do_not() -> None:
    figure = flip_rate([["a", "a"], ["a", "b"], ["tie", "tie"], ["a", None]])
    assert (figure.value, figure.n, figure.total) == (1 / 3, 3, 4)


def test_orders_have_the_same_pairs() -> None:
    with pytest.raises(UsageError, match="expected as many answers in both orders, got 1 and 2"):
        position_consistency(["a"], ["a", "b"])
    with pytest.raises(UsageError, match="choice 0 of item 1"):
        flip_rate([["a"], ["x"]])
    with pytest.raises(UsageError, match="expected the cluster of each of 1 items, got 2"):
        first_rate(["a"], clusters=["p", "q"])
