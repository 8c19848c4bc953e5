"""What a judge is worth when it answers only where it is sure: risk against coverage."""

from collections.abc import Sequence

import numpy as np

from autorater.canonical import Record
from autorater.errors import UsageError
from autorater_evals.figure import Figure
from autorater_evals.statistics.calibration import answered
from autorater_evals.statistics.missing import mean_figure, undefined
from autorater_evals.statistics.resampling import (
    DRAWS,
    Array,
    Clusters,
    Index,
    bootstrap_weights,
    cluster_numbers,
    drawn_interval,
)

COVERAGES = (0.2, 0.4, 0.6, 0.8, 0.9, 1.0)
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


def selective_accuracy(
    confidence: Array,
    right: Array,
    *,
    coverages: Sequence[float] = COVERAGES,
    clusters: Clusters = None,
    unit: str = "clusters",
) -> tuple[Figure, ...]:
    """Accuracy of the surest answers, one figure for each of `coverages` (above 0 to 1).

    The fewest answers that make up the coverage, and all others of the same confidence: `n` says how many they are, and
    `total` counts all items, so that the figure's own coverage is what was reached.

    Raises:
        UsageError: A coverage outside of 0 to 1; values as in `risk_coverage`.

    """
    if not all(0 < coverage <= 1 for coverage in coverages):
        raise UsageError(f"expected coverages above 0 and up to 1, got {', '.join(map(str, coverages))}")
    sure, hit, codes = answered(confidence, right, clusters)
    return tuple(
        _surest(sure, hit, codes, coverage=coverage, total=len(confidence), unit=unit) for coverage in coverages
    )


def _surest(sure: Array, hit: Array, codes: Index | None, *, coverage: float, total: int, unit: str) -> Figure:
    measure = f"accuracy_at_coverage_{coverage:g}"
    if not len(sure):
        return undefined(measure, total=total, note="no answers")
    # 0.07 * 100 is a little more than 7.
    threshold = np.sort(sure)[len(sure) - int(np.ceil(coverage * len(sure) - 1e-9))]
    kept = sure >= threshold
    figure = mean_figure(
        hit[kept],
        measure=measure,
        clusters=None if codes is None else codes[kept],
        unit=unit,
        note=f"confidence of {threshold:.4g} and more",
    )
    return figure.model_copy(update={"total": total})


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
