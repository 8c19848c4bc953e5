"""Tie calibration against brute force over every threshold, and the circulating code against its own steps."""

import numpy as np
import pytest

from autorater.errors import UsageError
from autorater_evals.statistics.tie_calibration import tie_calibrated, tie_calibrated_held_out

NAN = float("nan")
SIDES = {"a": 1, "b": -1, "tie": 0}


def pairs(seed: int, *, whole: bool, n: int | None = None) -> tuple[list[str], list[float]]:
    random = np.random.default_rng(seed)
    n = int(random.integers(1, 40)) if n is None else n
    human = random.choice(["a", "b", "tie"], n, p=[0.4, 0.35, 0.25]).tolist()
    margins = random.normal(size=n) + 0.7 * np.array([SIDES[choice] for choice in human])
    return human, (margins.round() if whole else margins).tolist()


def share(human: list[str], margins: list[float], threshold: float | None) -> float:
    """The definition, one pair after the other."""
    right = 0
    for choice, margin in zip(human, margins, strict=True):
        tied = threshold is not None and abs(margin) <= threshold
        said = 0 if tied else (margin > 0) - (margin < 0) or 9
        right += said == SIDES[choice]
    return right / len(human)


def one_pass(human: list[str], margins: list[float]) -> float:
    """The circulating code in its steps: one more pair is tied at a time, in the stable order of |margin|."""
    places = sorted(range(len(human)), key=lambda place: abs(margins[place]))
    best = 0.0
    for many in range(1, len(human) + 1):
        right = sum(human[place] == "tie" for place in places[:many])
        right += sum(SIDES[human[place]] * margins[place] > 0 for place in places[many:])
        best = max(best, right / len(human))
    return best


@pytest.mark.parametrize("whole", [True, False])
def test_the_best_of_all_thresholds_by_brute_force(whole: bool) -> None:
    for seed in range(300):
        human, margins = pairs(seed, whole=whole)
        thresholds: list[float | None] = [None, *sorted({abs(margin) for margin in margins})]
        shares = [share(human, margins, threshold) for threshold in thresholds]
        found = tie_calibrated(human, margins)
        assert found.accuracy.value == pytest.approx(max(shares), abs=1e-12)
        assert found.threshold == thresholds[int(np.argmax(shares))]


@pytest.mark.parametrize("whole", [True, False])
def test_the_compatible_figure_takes_the_steps_of_the_circulating_code(whole: bool) -> None:
    above = 0
    for seed in range(300):
        human, margins = pairs(seed, whole=whole)
        theirs = tie_calibrated(human, margins, compat="editreward").accuracy.value
        assert theirs == pytest.approx(one_pass(human, margins), abs=1e-12)
        ours = tie_calibrated(human, margins).accuracy.value
        assert theirs is not None
        assert ours is not None
        above += theirs > ours + 1e-12
    assert (above > 100) if whole else (above == 0)


def test_a_cut_inside_equal_margins_is_no_threshold() -> None:
    human, margins = ["tie", "a"], [2.0, 2.0]
    exact, theirs = tie_calibrated(human, margins), tie_calibrated(human, margins, compat="editreward")
    assert (exact.accuracy.value, exact.threshold) == (0.5, None)
    assert theirs.accuracy.value == 1.0
    assert tie_calibrated(human[::-1], margins, compat="editreward").accuracy.value == 0.5  # the order decides


def test_no_ties_at_all_is_a_candidate_that_the_circulating_code_lacks() -> None:
    human, margins = ["a", "b"], [1.0, -2.0]
    assert tie_calibrated(human, margins).accuracy.value == 1.0
    assert tie_calibrated(human, margins).threshold is None
    assert tie_calibrated(human, margins, compat="editreward").accuracy.value == 0.5


def test_missing_margins_are_counted_and_bounded() -> None:
    human, margins = pairs(5, whole=True, n=30)
    holes = [NAN if place % 5 == 0 else margin for place, margin in enumerate(margins)]
    kept = [place for place in range(30) if place % 5]
    figure = tie_calibrated(human, holes).accuracy
    alone = tie_calibrated([human[place] for place in kept], [margins[place] for place in kept]).accuracy
    assert (figure.n, figure.total, figure.value, figure.interval) == (24, 30, alone.value, alone.interval)
    assert figure.value is not None
    assert figure.bounds == pytest.approx((figure.value * 24 / 30, (figure.value * 24 + 6) / 30))


def test_the_interval_says_that_the_threshold_is_held() -> None:
    human, margins = pairs(6, whole=False, n=60)
    figure = tie_calibrated(human, margins, clusters=[f"p{place % 20}" for place in range(60)], unit="prompts").accuracy
    assert figure.interval is not None
    assert figure.interval.method == "cluster bootstrap, 2,000 draws of 20 prompts, threshold held"


def test_a_held_out_half_did_not_choose_its_threshold() -> None:
    human, margins = pairs(7, whole=True, n=400)
    names = [f"p{place % 50}" for place in range(400)]
    found = tie_calibrated_held_out(human, margins, clusters=names, unit="prompts")
    assert (found.fitted.n, found.reported.n) == (200, 200)
    assert found.fitted.value is not None
    assert found.reported.value is not None
    whole = share(human, margins, found.threshold)
    assert (found.fitted.value + found.reported.value) / 2 == pytest.approx(whole)


def test_the_held_out_figure_is_lower_on_average() -> None:
    gaps: list[float] = []
    for seed in range(60):
        found = tie_calibrated_held_out(*pairs(seed, whole=False, n=40))
        assert found.fitted.value is not None
        assert found.reported.value is not None
        gaps.append(found.fitted.value - found.reported.value)
    assert np.mean(gaps) > 0.02


def test_nothing_to_calibrate_has_no_value() -> None:
    assert tie_calibrated([], []).accuracy.value is None
    found = tie_calibrated(["a", "tie"], [NAN, NAN])
    assert (found.accuracy.value, found.accuracy.total, found.threshold) == (None, 2, None)
    held = tie_calibrated_held_out(["a"], [1.0])
    assert held.reported.value is None


@pytest.mark.parametrize(
    ("human", "margins", "message"),
    [
        (["a"], [1.0, 2.0], "expected a margin for each of 1 pairs, got 2"),
        (["a"], [float("inf")], "expected finite margins, or not a number for missing ones, got inf at 0"),
        (["left"], [1.0], "choice 0 of people"),
    ],
)
def test_what_cannot_be_calibrated_is_said(human: list[str], margins: list[float], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        tie_calibrated(human, margins)
