"""Calibration error, Brier score, recalibration, risk and coverage against scikit-learn, scipy and brute force."""

from importlib import import_module
from itertools import pairwise, permutations
from typing import Any

import numpy as np
import pytest

from autorater.errors import UsageError
from autorater_evals.statistics.abstaining import risk_coverage
from autorater_evals.statistics.calibration import (
    Binning,
    Method,
    brier_score,
    calibrated,
    calibration_error,
    recalibrated,
)
from autorater_evals.statistics.resampling import Array, bootstrap_items, half_of_clusters

NAN = float("nan")


def judged(seed: int, n: int, *, steps: int = 20) -> tuple[Array, Array]:
    """An over-confident judge whose confidences are multiples of 1 / steps, so that many are equal."""
    random = np.random.default_rng(seed)
    sure = random.integers(0, steps + 1, n) / steps
    return sure, (random.random(n) < 0.25 + 0.5 * sure).astype(float)


@pytest.mark.parametrize("seed", range(10))
def test_the_calibration_error_of_equal_widths_by_brute_force(seed: int) -> None:
    sure, right = judged(seed, 200)
    error = 0.0
    for number in range(10):
        low, high = np.linspace(0, 1, 11)[number : number + 2]
        inside = [n for n in range(200) if (low < sure[n] <= high) or (number == 0 and sure[n] == 0)]
        error += abs(sum(sure[n] - right[n] for n in inside)) / 200
    found = calibration_error(sure, right)
    assert found.error.value == pytest.approx(error, abs=1e-12)
    assert sum(row.accuracy.n for row in found.rows) == 200
    for row in found.rows:
        assert row.low <= row.confidence <= row.high
        assert row.accuracy.interval is not None


@pytest.mark.parametrize("seed", range(10))
def test_bins_of_equal_count_keep_equal_confidences_together(seed: int) -> None:
    sure, right = judged(seed, 200, steps=7)
    found = calibration_error(sure, right, bins=4, binning="count")
    sizes = [row.accuracy.n for row in found.rows]
    assert sum(sizes) == 200
    assert len(sizes) <= 4
    taken = 0
    for row in found.rows:
        inside = (sure > row.low) & (sure <= row.high) if taken else sure <= row.high
        assert (row.accuracy.n, row.accuracy.value) == (inside.sum(), pytest.approx(right[inside].mean()))
        taken += row.accuracy.n
    smooth = np.random.default_rng(seed).random(200)
    even = calibration_error(smooth, right, bins=4, binning="count")
    assert [row.accuracy.n for row in even.rows] == [50, 50, 50, 50]
    assert even.error.value == pytest.approx(
        sum(abs((smooth - right)[part].sum()) for part in np.array_split(np.argsort(smooth), 4)) / 200
    )


@pytest.mark.parametrize("binning", ["width", "count"])
def test_the_extremes_have_a_bin(binning: Binning) -> None:
    found = calibration_error(np.array([0.0, 0, 1, 1]), np.array([0.0, 1, 1, 1]), binning=binning)
    assert found.error.value == 0.25
    assert [row.accuracy.n for row in found.rows] == [2, 2]
    assert calibration_error(np.zeros(3), np.ones(3), binning=binning).error.value == 1.0


def test_the_interval_of_a_calibration_error_draws_clusters_with_the_bins_held() -> None:
    sure, right = judged(1, 300)
    names = [f"p{n % 30:02}" for n in range(300)]
    found = calibration_error(sure, right, bins=5, clusters=names, unit="prompts", draws=200)
    edges = np.linspace(0, 1, 6)
    place = np.maximum(np.searchsorted(edges, sure) - 1, 0)

    def error(drawn: Any) -> float:
        off = (sure - right)[drawn]
        return sum(abs(off[place[drawn] == number].sum()) for number in range(5)) / len(drawn)

    drawn = bootstrap_items(np.arange(300) % 30, 30, error, draws=200)
    assert found.error.interval is not None
    assert found.error.interval.method == "cluster bootstrap, 200 draws of 30 prompts, bins held"
    assert found.error.interval.low == pytest.approx(np.quantile(drawn, 0.025))
    assert found.error.interval.high == pytest.approx(np.quantile(drawn, 0.975))


def test_the_brier_score_is_scikit_learns() -> None:
    metrics: Any = import_module("sklearn.metrics")
    sure, right = judged(2, 150)
    assert brier_score(sure, right).value == pytest.approx(metrics.brier_score_loss(right, sure))
    holes = np.where(np.arange(150) < 30, NAN, sure)
    figure = brier_score(holes, right)
    assert (figure.n, figure.total) == (120, 150)
    assert figure.value is not None
    assert figure.bounds == pytest.approx((figure.value * 0.8, figure.value * 0.8 + 0.2))


def test_platt_finds_the_logistic_curve_of_the_data() -> None:
    stats: Any = import_module("scipy.special")
    random = np.random.default_rng(0)
    sure = random.uniform(0.02, 0.98, 20_000)
    truth = stats.expit(0.5 * stats.logit(sure) - 0.3)
    right = (random.random(20_000) < truth).astype(float)
    found = calibrated(sure, fit_confidence=sure, fit_right=right, method="platt")
    assert np.abs(found - truth).max() < 0.02


@pytest.mark.parametrize("seed", range(4))
def test_platt_is_the_least_loss_of_smoothed_labels(seed: int) -> None:
    optimize: Any = import_module("scipy.optimize")
    sure, right = (np.array([0.1, 0.2, 0.8, 0.9]), np.array([0.0, 0, 1, 1])) if seed == 0 else judged(seed, 40)
    logit = np.log(np.clip(sure, 1e-6, 1 - 1e-6) / (1 - np.clip(sure, 1e-6, 1 - 1e-6)))
    rights = float(right.sum())
    label = right * (rights + 1) / (rights + 2) + (1 - right) / (len(right) - rights + 2)

    def loss(line: Array) -> float:
        score = line[0] * logit + line[1]
        return float((np.logaddexp(0, score) - label * score).sum())

    best = optimize.minimize(loss, [0.0, 0.0], method="Nelder-Mead", options={"xatol": 1e-9, "fatol": 1e-12}).x
    found = calibrated(sure, fit_confidence=sure, fit_right=right, method="platt")
    assert found == pytest.approx(1 / (1 + np.exp(-best[0] * logit - best[1])), abs=1e-4)


@pytest.mark.parametrize("method", ["isotonic", "platt"])
def test_one_and_the_same_confidence_teaches_the_share_that_was_right(method: Method) -> None:
    right = np.array([1.0] * 7 + [0.0] * 3)
    found = calibrated(np.array([0.1, NAN, 1.0]), fit_confidence=np.full(10, 0.9), fit_right=right, method=method)
    assert found == pytest.approx([0.7, NAN, 0.7], nan_ok=True)


def test_an_interval_without_width_is_not_given() -> None:
    found = calibration_error(np.ones(30), np.ones(30)).error
    assert (found.value, found.interval) == (0.0, None)
    assert "no interval: no draw differs" in found.note
    area = risk_coverage(np.linspace(0, 1, 30), np.ones(30)).area
    assert (area.value, area.interval, area.note) == (0.0, None, "no interval: no draw differs")
    assert "fewer than two" in calibration_error(np.ones(1), np.ones(1)).error.note


def test_isotonic_is_the_rising_curve_of_least_squares() -> None:
    # Pool adjacent violators by hand: .2 -> 0, .4 and .6 share 1/2, .8 -> 1.
    sure, right = np.array([0.2, 0.4, 0.6, 0.8]), np.array([0.0, 1, 0, 1])
    asked = np.array([0.1, 0.2, 0.4, 0.6, 0.8, 0.9, NAN])
    found = calibrated(asked, fit_confidence=sure, fit_right=right, method="isotonic")
    assert found == pytest.approx([0, 0, 0.5, 0.5, 1, 1, NAN], nan_ok=True)


@pytest.mark.parametrize("method", ["isotonic", "platt"])
def test_a_curve_fitted_on_one_half_helps_the_other(method: Method) -> None:
    sure, right = judged(3, 2000)
    names = [f"p{n % 100}" for n in range(2000)]
    sure[::50] = NAN
    fit_on = half_of_clusters(names, n=2000)
    found = recalibrated(sure, right, fit_on=fit_on, method=method, clusters=names, unit="prompts")
    before, after = found.before.error.value, found.after.error.value
    assert before is not None
    assert after is not None
    assert after < before - 0.05
    assert found.fitted_on == int((~np.isnan(sure) & fit_on).sum())
    assert found.before.error.total == found.after.error.total == int((~fit_on).sum())
    assert found.before.error.n == found.after.error.n < found.before.error.total
    assert found.brier_before.value is not None
    assert found.brier_after.value is not None
    assert found.brier_after.value < found.brier_before.value


def test_no_curve_is_fitted_on_what_it_is_reported_on() -> None:
    sure, right = judged(4, 10)
    with pytest.raises(UsageError, match=r"expected every cluster on one side, got 1 .* such as 'p'"):
        recalibrated(sure, right, fit_on=np.arange(10) < 5, method="platt", clusters=["p"] * 10)
    with pytest.raises(UsageError, match="expected right and wrong answers to fit on, got 3 right of 3"):
        calibrated(sure, fit_confidence=np.ones(3), fit_right=np.ones(3), method="isotonic")


def area_of(wrong: list[float]) -> float:
    return float(np.mean(np.cumsum(wrong) / np.arange(1, len(wrong) + 1)))


@pytest.mark.parametrize("seed", range(20))
def test_the_area_is_the_mean_over_all_orders_of_equal_confidences(seed: int) -> None:
    sure, right = judged(seed, 6, steps=3)
    areas = [
        area_of([1 - right[n] for n in order])
        for order in permutations(range(6))
        if all(sure[one] >= sure[two] for one, two in pairwise(order))
    ]
    assert risk_coverage(sure, right).area.value == pytest.approx(float(np.mean(areas)), abs=1e-12)


def test_the_interval_of_the_area_is_that_of_drawn_items() -> None:
    sure, right = judged(5, 80)
    names = [f"p{n % 20:02}" for n in range(80)]
    found = risk_coverage(sure, right, clusters=names, draws=100)

    def area(drawn: Any) -> float:
        value = risk_coverage(sure[drawn], right[drawn], draws=1).area.value
        assert value is not None
        return value

    drawn = bootstrap_items(np.arange(80) % 20, 20, area, draws=100)
    assert found.area.interval is not None
    assert found.area.interval.low == pytest.approx(np.quantile(drawn, 0.025))
    assert found.area.interval.high == pytest.approx(np.quantile(drawn, 0.975))


def test_the_points_of_the_curve_end_with_all_answers() -> None:
    sure, right = judged(6, 500)
    sure[:20] = NAN
    found = risk_coverage(sure, right)
    last = found.points[-1]
    assert (last.coverage, last.n, last.risk) == (1.0, 480, pytest.approx(1 - right[20:].mean()))
    assert len(found.points) == len(set(sure[20:].tolist()))
    for point in found.points:
        kept = sure >= point.threshold
        assert (point.n, point.risk) == (kept.sum(), pytest.approx(1 - right[kept].mean()))
    assert (found.area.n, found.area.total) == (480, 500)
    many = risk_coverage(np.random.default_rng(0).random(1000), judged(0, 1000)[1], draws=10)
    assert len(many.points) == 101


def test_without_answers_nothing_is_defined() -> None:
    nothing = np.array([NAN, NAN])
    assert calibration_error(nothing, np.ones(2)).error.value is None
    assert risk_coverage(nothing, np.ones(2)).area.value is None
    assert brier_score(nothing, np.ones(2)).value is None
    one = calibration_error(np.ones(1), np.ones(1))
    assert (one.error.value, one.error.interval) == (0.0, None)


@pytest.mark.parametrize(
    ("sure", "right", "message"),
    [
        ([1.2], [1.0], "expected confidences from 0 to 1, got 1.2 for item 0"),
        ([0.5], [0.5], "expected outcomes of 0"),
        ([0.5], [1.0, 0.0], "expected an outcome for each of 1 confidences, got 2"),
    ],
)
def test_what_is_no_confidence_is_said(sure: list[float], right: list[float], message: str) -> None:
    for measure in (calibration_error, brier_score, risk_coverage):
        with pytest.raises(UsageError, match=message):
            measure(np.array(sure), np.array(right))
