"""What a judge is worth when it answers only where it is sure: risk against coverage."""

import numpy as np

from autorater.canonical import Record
from autorater_evals.figure import Figure
from autorater_evals.statistics.calibration import answered
from autorater_evals.statistics.missing import undefined
from autorater_evals.statistics.resampling import (
    DRAWS,
    Array,
    Clusters,
    Index,
    bootstrap_weights,
    cluster_numbers,
    drawn_interval,
)

MOST_POINTS = 101
_WORK = 40_000_000
"""Items in all draws together; more of them than 20,000 are drawn less often, 100,000 in 3 s."""


class RiskPoint(Record):
    """The answers with a confidence of `threshold` and more."""

    threshold: float
    coverage: float
    """Their share of all answered items, above 0 to 1."""
    risk: float
    """Their share of wrong answers, 0 to 1."""
    n: int


class RiskCoverage(Record):
    """Risk against coverage, from the surest answers to all."""

    area: Figure
    """The mean risk over the number of answers kept, 1 to all: 0 (best) to 1 (AURC, arXiv 1805.08206)."""
    points: tuple[RiskPoint, ...]
    """At most 101, evenly thinned; the last one is of all answers."""


def risk_coverage(
    confidence: Array,
    right: Array,
    *,
    clusters: Clusters = None,
    unit: str = "clusters",
    draws: int = DRAWS,
) -> RiskCoverage:
    """The curve and the area under it; equal confidences come in random order, of which the area is the mean.

    `draws`: at most; fewer with more than 20,000 items, as the interval says.

    Raises:
        UsageError: Lengths differ, a confidence outside of 0 to 1, or an outcome that is neither 0 nor 1.

    """
    sure, hit, codes = answered(confidence, right, clusters)
    if not len(sure):
        return RiskCoverage(area=undefined("risk_coverage_area", total=len(confidence), note="no answers"), points=())
    order = np.argsort(-sure, kind="stable")
    starts = np.flatnonzero(np.diff(sure[order], prepend=np.inf))
    wrong = 1 - hit[order]

    def areas(weights: Array) -> Array:
        return _areas(weights[:, order], wrong, starts)

    numbers, count = cluster_numbers(codes, n=len(sure))
    draws = min(draws, max(100, _WORK // len(sure)))
    found = bootstrap_weights(numbers, count, areas, draws=draws) if count > 1 else np.empty(0)
    interval, note = drawn_interval(found, count=count, unit=unit)
    area = Figure(
        measure="risk_coverage_area",
        value=float(areas(np.ones((1, len(sure))))[0]),
        n=len(sure),
        total=len(confidence),
        interval=interval,
        note=note,
    )
    ends = np.append(starts[1:], len(sure))
    chosen = np.unique(np.linspace(0, len(ends) - 1, min(len(ends), MOST_POINTS)).round().astype(np.intp))
    mistakes = np.cumsum(wrong)
    points = tuple(
        RiskPoint(
            threshold=float(sure[order][end - 1]),
            coverage=float(end / len(sure)),
            risk=float(mistakes[end - 1] / end),
            n=int(end),
        )
        for end in ends[chosen]
    )
    return RiskCoverage(area=area, points=points)


def _areas(weights: Array, wrong: Array, starts: Index) -> Array:
    """The area of each draw (draws,), its items in descending confidence, groups of equal confidence from `starts`.

    In a group of m items with e wrong ones, after N items with E wrong ones, the expected risk after j of them is
    (E + j e/m) / (N + j); its sum over j = 1..m is e + (E - N e/m) (H(N + m) - H(N)), H the harmonic numbers.
    """
    size = np.add.reduceat(weights, starts, axis=1)
    lost = np.add.reduceat(weights * wrong, starts, axis=1)
    before, lost_before = np.cumsum(size, axis=1) - size, np.cumsum(lost, axis=1) - lost
    rate = np.divide(lost, size, out=np.zeros_like(lost), where=size > 0)
    steps = 1 / np.arange(1, int(size.sum(1).max()) + 1)
    harmonic = np.concatenate([[0.0], np.cumsum(steps)])
    grown = harmonic[(before + size).astype(np.intp)] - harmonic[before.astype(np.intp)]
    return (lost + (lost_before - before * rate) * grown).sum(1) / size.sum(1)
