"""Whether a judge's confidence is worth its word: calibration, and accuracy when it may abstain.

`confidence` (n,) is the probability from 0 to 1 that the answer is right; `right` (n,) is 1 or 0. Either is not a
number where it is missing; such items are left out and counted.
"""

from importlib import import_module
from typing import Any, Literal

import numpy as np

from autorater.canonical import Record
from autorater.errors import UsageError
from autorater_evals.figure import Figure
from autorater_evals.statistics.missing import mean_figure, notes, undefined
from autorater_evals.statistics.resampling import (
    DRAWS,
    Array,
    Clusters,
    Index,
    Mask,
    bootstrap_sums,
    cluster_numbers,
    cluster_sums,
    drawn_interval,
)

Binning = Literal["width", "count"]
"""Bins of equal width from 0 to 1, or of about equally many items (equal confidences stay together)."""
Method = Literal["isotonic", "platt"]


class ReliabilityRow(Record):
    """Items with a confidence above `low` (from 0 in the first bin) up to `high`."""

    low: float
    high: float
    confidence: float
    """Their mean."""
    accuracy: Figure


class Calibration(Record):
    """The calibration error and the table behind it; bins without items have no row."""

    error: Figure
    """Sum over bins of share of items * |accuracy - mean confidence|, 0 (best) to 1 (Guo et al., arXiv 1706.04599)."""
    rows: tuple[ReliabilityRow, ...]


class Recalibrated(Record):
    """Confidences mapped by a curve that was fitted on other items."""

    method: Method
    fitted_on: int
    before: Calibration
    after: Calibration
    brier_before: Figure
    brier_after: Figure


def calibration_error(
    confidence: Array,
    right: Array,
    *,
    bins: int = 10,
    binning: Binning = "width",
    clusters: Clusters = None,
    unit: str = "clusters",
    draws: int = DRAWS,
) -> Calibration:
    """The expected calibration error over `bins` bins with its reliability rows.

    Its interval draws clusters again with the bins held; a calibration error cannot be negative, so noise raises it.

    Raises:
        UsageError: Lengths differ, a confidence outside of 0 to 1, or an outcome that is neither 0 nor 1.

    """
    measure = f"calibration_error_{binning}"
    sure, hit, codes = answered(confidence, right, clusters)
    if not len(sure):
        return Calibration(error=undefined(measure, total=len(confidence), note="no answers"), rows=())
    edges = _edges(sure, bins=bins, binning=binning)
    place = np.clip(np.searchsorted(edges, sure, "left") - 1, 0, len(edges) - 2)
    rows = tuple(
        ReliabilityRow(
            low=float(edges[number]),
            high=float(edges[number + 1]),
            confidence=float(sure[place == number].mean()),
            accuracy=mean_figure(
                hit[place == number],
                measure="accuracy",
                clusters=None if codes is None else codes[place == number],
                unit=unit,
            ),
        )
        for number in np.unique(place)
    )
    numbers, count = cluster_numbers(codes, n=len(sure))
    # One column a bin, of what it is off: error = sum over bins of |sum| / n.
    off = np.zeros((len(sure), len(edges)))
    off[np.arange(len(sure)), place] = sure - hit
    off[:, -1] = 1.0
    sums = cluster_sums(off, numbers, count)
    found = bootstrap_sums(sums, _error, draws=draws) if count > 1 else np.empty(0)
    interval, remark = drawn_interval(found, count=count, unit=unit, held="bins")
    error = Figure(
        measure=measure,
        value=float(_error(sums.sum(0, keepdims=True))[0]),
        n=len(sure),
        total=len(confidence),
        interval=interval,
        note=notes(f"{len(rows)} of {len(edges) - 1} bins have items", remark),
    )
    return Calibration(error=error, rows=rows)


def brier_score(probability: Array, outcome: Array, *, clusters: Clusters = None, unit: str = "clusters") -> Figure:
    """The mean squared difference of probability and outcome (1 or 0), 0 (best) to 1 (Brier 1950).

    Raises:
        UsageError: Lengths differ, a probability outside of 0 to 1, or an outcome that is neither 0 nor 1.

    """
    _checked(probability, outcome)
    squares = np.square(probability - outcome)
    return mean_figure(squares, measure="brier_score", clusters=clusters, unit=unit, worst=1.0, best=0.0)


def calibrated(confidence: Array, *, fit_confidence: Array, fit_right: Array, method: Method) -> Array:
    """`confidence` mapped to 0..1 by a curve fitted on other items (scikit-learn); missing ones stay missing.

    "isotonic": a rising curve through pooled shares, for 500 labels and more. "platt": a logistic curve of the
    confidence's logit with his smoothed labels (Platt 1999), for fewer; it falls where confidence misleads. Where all
    fitted confidences are equal there is no slope to learn, and either gives the share of right answers throughout.

    Raises:
        UsageError: Nothing to fit on: fewer than two answers, or all right, or all wrong; values as elsewhere here.

    """
    if method not in ("isotonic", "platt"):
        raise UsageError(f'expected "isotonic" or "platt", got {method!r}')
    sure, hit, _ = answered(fit_confidence, fit_right, None)
    _checked(confidence, np.full(len(confidence), np.nan))
    if not 0 < hit.sum() < len(hit):
        raise UsageError(f"expected right and wrong answers to fit on, got {int(hit.sum())} right of {len(hit)}")
    there = ~np.isnan(confidence)
    mapped = np.full(len(confidence), np.nan)
    if not there.any():
        return mapped
    if np.ptp(sure) == 0:
        mapped[there] = hit.mean()
    elif method == "isotonic":
        isotonic: Any = import_module("sklearn.isotonic")
        curve = isotonic.IsotonicRegression(y_min=0.0, y_max=1.0, out_of_bounds="clip").fit(sure, hit)
        mapped[there] = curve.predict(confidence[there])
    else:
        linear: Any = import_module("sklearn.linear_model")
        # (right + 1) / (right + 2) for 1 and 1 / (wrong + 2) for 0, as weights of both outcomes of each item: answers
        # that a threshold parts would else have no finite curve.
        rights = float(hit.sum())
        wrongs = len(hit) - rights
        label: Array = np.where(hit == 1, (rights + 1) / (rights + 2), 1 / (wrongs + 2))
        curve = linear.LogisticRegression(C=np.inf, tol=1e-8, max_iter=1000).fit(
            np.concatenate([_logit(sure), _logit(sure)]),
            np.repeat([1, 0], len(hit)),
            sample_weight=np.concatenate([label, 1 - label]),
        )
        mapped[there] = curve.predict_proba(_logit(confidence[there]))[:, 1]
    return mapped


def recalibrated(
    confidence: Array,
    right: Array,
    *,
    fit_on: Mask,
    method: Method,
    clusters: Clusters = None,
    unit: str = "clusters",
    bins: int = 10,
    binning: Binning = "width",
) -> Recalibrated:
    """A curve fitted where `fit_on` (n,) is true; errors before and after it of the other items only.

    Raises:
        UsageError: A cluster is on both sides, or values as elsewhere here.

    """
    _checked(confidence, right)
    numbers, count = cluster_numbers(clusters, n=len(confidence))
    if fit_on.shape != confidence.shape:
        raise UsageError(f"expected to be told of each of {len(confidence)} items whether to fit on it")
    if clusters is not None:
        fitted, reported = (np.bincount(numbers[side], minlength=count) > 0 for side in (fit_on, ~fit_on))
        if (fitted & reported).any():
            first = int(np.flatnonzero((fitted & reported)[numbers])[0])
            raise UsageError(
                f"expected every cluster on one side, got {int((fitted & reported).sum())} that are fitted and "
                f"reported, such as {clusters[first]!r}; split by cluster, as `half_of_clusters` does"
            )
    kept = None if clusters is None else numbers[~fit_on]
    old, hit = confidence[~fit_on], right[~fit_on]
    new = calibrated(old, fit_confidence=confidence[fit_on], fit_right=right[fit_on], method=method)
    before, after = (
        calibration_error(values, hit, bins=bins, binning=binning, clusters=kept, unit=unit) for values in (old, new)
    )
    return Recalibrated(
        method=method,
        fitted_on=int((~np.isnan(confidence + right) & fit_on).sum()),
        before=before,
        after=after,
        brier_before=brier_score(old, hit, clusters=kept, unit=unit),
        brier_after=brier_score(new, hit, clusters=kept, unit=unit),
    )


def _edges(sure: Array, *, bins: int, binning: Binning) -> Array:
    if bins < 1 or binning not in ("width", "count"):
        raise UsageError(f'expected one bin or more of equal "width" or "count", got {bins} of {binning!r}')
    if binning == "width":
        return np.linspace(0, 1, bins + 1)
    # Upper edges are confidences that occur, so that a bin ends with all items of one confidence.
    upper = np.unique(np.quantile(sure, np.linspace(0, 1, bins + 1)[1:], method="inverted_cdf"))
    return np.concatenate([[0.0], upper])


def _error(totals: Array) -> Array:
    return np.abs(totals[:, :-1]).sum(1) / totals[:, -1]


def _logit(confidence: Array) -> Array:
    kept = np.clip(confidence, 1e-6, 1 - 1e-6)
    return np.log(kept / (1 - kept))[:, None]


def _checked(confidence: Array, right: Array) -> None:
    if confidence.shape != right.shape:
        raise UsageError(f"expected an outcome for each of {len(confidence)} confidences, got {len(right)}")
    if ((confidence < 0) | (confidence > 1)).any():
        place = int(np.flatnonzero((confidence < 0) | (confidence > 1))[0])
        raise UsageError(f"expected confidences from 0 to 1, got {confidence[place]} for item {place}")
    if not (np.isin(right, (0.0, 1.0)) | np.isnan(right)).all():
        raise UsageError("expected outcomes of 0 (wrong) or 1 (right), or not a number for missing ones")


def answered(confidence: Array, right: Array, clusters: Clusters) -> tuple[Array, Array, Index | None]:
    """Confidence, outcome and cluster of the items that have both.

    Raises:
        UsageError: Lengths differ, a confidence outside of 0 to 1, or an outcome that is neither 0 nor 1.

    """
    _checked(confidence, right)
    there = ~np.isnan(confidence + right)
    numbers, _ = cluster_numbers(clusters, n=len(confidence), kept=there)
    return confidence[there], right[there], None if clusters is None else numbers
