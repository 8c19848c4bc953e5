"""Accuracy with ties where the judge gives margins: the tie threshold that suits people best (arXiv 2305.14324).

A pair is tied by the judge when |margin| is up to the threshold; right are pairs that both tie, and pairs that both
decide alike. The candidates are the distinct |margin| and "no ties".
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from autorater.canonical import Record
from autorater.errors import UsageError
from autorater_evals.figure import Figure
from autorater_evals.statistics.agreement import choice_codes
from autorater_evals.statistics.missing import mean_figure, notes
from autorater_evals.statistics.resampling import Array, Clusters, Mask, cluster_numbers, half_of_clusters

Compat = Literal["editreward"]


class TieCalibrated(Record):
    """Accuracy at the threshold that is best on the same pairs, so optimistic by design."""

    accuracy: Figure
    threshold: float | None
    """The smallest best one; null for "no ties" (and without pairs)."""


class HeldOut(Record):
    """A threshold fitted on one half of the clusters and reported on the other."""

    threshold: float | None
    """Null for "no ties" (and without pairs)."""
    fitted: Figure
    """On the half that chose the threshold."""
    reported: Figure
    """On the half that it had not seen: the honest one."""


@dataclass(frozen=True)
class _Fit:
    threshold: float | None
    tied: Mask
    """(n,) which pairs count as tied."""


def tie_calibrated(
    human: Sequence[str],
    margins: Sequence[float] | Array,
    *,
    clusters: Clusters = None,
    unit: str = "clusters",
    compat: Compat | None = None,
) -> TieCalibrated:
    """Accuracy of `margins` (a minus b, not a number where missing) at their best threshold; O(n log n).

    `compat="editreward"` gives the figure of the one-pass code that circulates with VideoAlign and EditReward: it also
    cuts inside a group of equal |margin|, which no threshold does, and never tries "no ties". It depends on the order
    of the pairs and is too high for integer margins; use it to reproduce published numbers only.

    Raises:
        UsageError: A choice that is none, an infinite margin, lengths that differ.

    """
    truth, sizes = _read(human, margins)
    known = ~np.isnan(sizes)
    fit = _fit(truth[known], sizes[known], inside_groups=compat == "editreward")
    tied = np.zeros(len(truth), np.bool_)
    tied[known] = fit.tied
    wording = "threshold chosen on the same pairs"
    if compat:
        wording = "as the circulating one-pass code has it: cuts inside groups of equal margins, never without ties"
    figure = mean_figure(
        _right(truth, sizes, tied),
        measure="accuracy_tie_calibrated" + (f"_{compat}" if compat else ""),
        clusters=clusters,
        unit=unit,
        held="threshold",
        note=wording,
    )
    return TieCalibrated(accuracy=figure, threshold=fit.threshold)


def tie_calibrated_held_out(
    human: Sequence[str],
    margins: Sequence[float] | Array,
    *,
    clusters: Clusters = None,
    unit: str = "clusters",
) -> HeldOut:
    """The threshold of a random half of the clusters, and the accuracy that it has on both halves.

    Raises:
        UsageError: A choice that is none, an infinite margin, lengths that differ.

    """
    truth, sizes = _read(human, margins)
    first = half_of_clusters(clusters, n=len(truth))
    chosen = first & ~np.isnan(sizes)
    threshold = _fit(truth[chosen], sizes[chosen], inside_groups=False).threshold
    right = _right(truth, sizes, at_threshold(sizes, threshold))
    fitted, reported = (
        mean_figure(
            right[part],
            measure=f"accuracy_tie_calibrated_{name}",
            clusters=None if clusters is None else cluster_numbers(clusters, n=len(truth), kept=part)[0],
            unit=unit,
            held="threshold",
            note=notes(note, "" if chosen.any() else "no pair to choose a threshold on"),
        )
        for name, part, note in (
            ("fitted", first, f"the half of the {unit} that chose the threshold"),
            ("held_out", ~first, f"the half of the {unit} that did not choose the threshold"),
        )
    )
    return HeldOut(threshold=threshold, fitted=fitted, reported=reported)


def at_threshold(margins: Array, threshold: float | None) -> Mask:
    """Which pairs are tied at a threshold; none at None."""
    return np.zeros(len(margins), np.bool_) if threshold is None else np.abs(margins) <= threshold


def _read(human: Sequence[str], margins: Sequence[float] | Array) -> tuple[Array, Array]:
    truth, sizes = choice_codes(human, who="people", complete=True), np.asarray(margins, np.float64)
    if sizes.shape != truth.shape:
        raise UsageError(f"expected a margin for each of {len(truth)} pairs, got {sizes.size}")
    if np.isinf(sizes).any():
        place = int(np.flatnonzero(np.isinf(sizes))[0])
        raise UsageError(f"expected finite margins, or not a number for missing ones, got {sizes[place]} at {place}")
    return truth, sizes


def _right(truth: Array, margins: Array, tied: Mask) -> Array:
    """1 or 0 for each pair; not a number where the margin is missing."""
    right = np.where(tied, truth == 0, truth * margins > 0).astype(np.float64)
    return np.where(np.isnan(margins), np.nan, right)


def _fit(truth: Array, margins: Array, *, inside_groups: bool) -> _Fit:
    """The best cut of the pairs in the order of |margin|: those before it are tied."""
    sizes = np.abs(margins)
    order = np.argsort(sizes, kind="stable")
    both_tie, both_decide = (truth == 0)[order], (truth * margins > 0)[order]
    before = np.concatenate([[0], np.cumsum(both_tie)])
    after = both_decide.sum() - np.concatenate([[0], np.cumsum(both_decide)])
    sorted_sizes = sizes[order]
    if inside_groups:
        cuts = np.arange(1, len(order) + 1)
    else:
        ends = np.flatnonzero(np.diff(sorted_sizes, append=np.inf)) + 1
        cuts = np.concatenate([[0], ends]).astype(np.intp)
    tied = np.zeros(len(truth), np.bool_)
    if not len(cuts):
        return _Fit(None, tied)
    cut = int(cuts[np.argmax((before + after)[cuts])])
    tied[order[:cut]] = True
    return _Fit(float(sorted_sizes[cut - 1]) if cut else None, tied)
