"""Correlation of a judge's scores with people's: raw, after a logistic curve, by ranks; within and across groups."""

from collections.abc import Sequence
from typing import Literal

import numpy as np

from autorater.errors import UsageError
from autorater_evals.counting import many
from autorater_evals.figure import Figure, Interval
from autorater_evals.statistics._correlating import Measure, correlating, slow
from autorater_evals.statistics._logistic import fit_logistic
from autorater_evals.statistics.intervals import in_sample, jackknife_interval, statistic_interval
from autorater_evals.statistics.reading import Scores, read_column
from autorater_evals.statistics.resampling import DRAWS, Array, Clusters, Index, Mask, cluster_numbers, few

Average = Literal["mean", "fisher", "authors"]
"""`fisher`: tanh of the mean of arctanh. `authors`: tanh of the mean, as the released code of VIEScore has it."""

CLIP = 1 - 1e-6
"""Fisher's z of a perfect correlation is infinite; it is taken at this one instead, and the note says so."""
_NO_INTERVAL = "no interval: too few items, or no draw differs"


def correlation(
    judge: Scores,
    people: Scores,
    *,
    measure: Measure = "spearman",
    clusters: Clusters = None,
    unit: str = "clusters",
    draws: int = DRAWS,
) -> Figure:
    """One correlation of `judge` with `people`, both (items,), NaN or None where there is no score; -1 to 1.

    `pearson_logistic4` and `pearson_logistic5` map the judge's scores first by the curve that fits people's best (see
    `fit_logistic`); never compare them with the raw one. Items without one of the two scores are left out and
    counted. The interval is Fisher's z for Pearson where every item is its own cluster, else a bootstrap that draws
    whole `clusters` (prompts; `unit` names them); Kendall of many items with many levels, where that takes minutes,
    has a jackknife. The curve is fitted once and taken as given in the interval. Null where it is not defined: fewer
    than two items, one side constant, a curve that did not fit.

    Raises:
        UsageError: the three do not have the same length.

    """
    one, other, numbers, total = _complete(judge, people, clusters)
    name, note = measure, ""
    if measure in ("pearson_logistic4", "pearson_logistic5"):
        mapped = fit_logistic(one, other, parameters=4 if measure == "pearson_logistic4" else 5)
        measure = "pearson"
        if mapped is None:
            note = "the logistic curve could not be fitted"
            return Figure(measure=name, value=None, n=len(one), total=total, note=note)
        one, note = mapped, "scores mapped by a logistic curve that was fitted to these same items"
    statistic = correlating(one, other, measure)
    value = in_sample(statistic, len(one))
    if np.isnan(value):
        note = "fewer than two items" if len(one) < 2 else "one side is constant"
        return Figure(measure=name, value=None, n=len(one), total=total, note=note)
    count = int(numbers.max(initial=-1)) + 1
    if measure == "pearson" and count == len(one):
        interval = fisher_interval(value, n=len(one))
    elif slow(one, other, measure):
        interval = jackknife_interval(statistic, numbers)
    else:
        interval = statistic_interval(statistic, numbers, unit=unit, draws=draws)
        remark = few(count, unit="items" if clusters is None else unit) if interval else ""
        note = "; ".join(filter(None, [note, remark]))
    if interval is None:
        note = "; ".join(filter(None, [note, _NO_INTERVAL]))
    elif name != measure:
        interval = interval.model_copy(update={"method": f"{interval.method}, the curve taken as given"})
    return Figure(measure=name, value=value, n=len(one), total=total, interval=interval, note=note)


def fisher_interval(value: float, *, n: int) -> Interval | None:
    """95 % interval of a Pearson correlation of `n` independent items by Fisher's z; None for n < 4 or r = ±1."""
    if n < 4 or abs(value) >= 1:
        return None
    reach = 1.959963984540054 / np.sqrt(n - 3)
    centre = np.arctanh(value)
    return Interval(low=float(np.tanh(centre - reach)), high=float(np.tanh(centre + reach)), method="Fisher's z")


def within_groups(
    judge: Scores,
    people: Scores,
    *,
    groups: Sequence[str],
    measure: Measure = "spearman",
    average: Average = "mean",
    clusters: Clusters = None,
    unit: str = "clusters",
    draws: int = DRAWS,
) -> Figure:
    """The correlation inside each group (generator), then their average: what remains when the generator is known.

    Groups that have no correlation (one side constant, one item) are left out of the average, and their items out of
    `n`; the note counts them. The interval draws whole `clusters` (prompts; without them, items) over all groups at
    once.

    Raises:
        UsageError: not one group or cluster per item, or a measure with a logistic curve (fit one curve, over all).

    """
    if measure in ("pearson_logistic4", "pearson_logistic5"):
        raise UsageError(f"within_groups: expected pearson, spearman or kendall, got {measure}; map the scores first")
    one, other, numbers, total = _complete(judge, people, clusters)
    labels, kinds = cluster_numbers(groups, n=total)
    labels = labels[_present(judge, people)]
    inside = [np.flatnonzero(labels == label) for label in range(kinds)]
    values = np.array([in_sample(correlating(one[rows], other[rows], measure), len(rows)) for rows in inside])
    kept = [rows for rows, value in zip(inside, values, strict=True) if np.isfinite(value)]
    whole = _average(values, average)
    interval = _grouped_interval(one, other, numbers, kept, measure=measure, average=average, unit=unit, draws=draws)
    n = sum(map(len, kept))
    note = f"{len(kept)} of {kinds} groups have a correlation; {whole.note or _words(average)}"
    count = len(np.unique(numbers[np.concatenate(kept)])) if kept else 0
    remark = few(count, unit="items" if clusters is None else unit) if interval else _NO_INTERVAL
    note = "; ".join(filter(None, [note, "" if whole.value is None else remark]))
    name = f"{measure}_within_groups"
    return Figure(measure=name, value=whole.value, n=n, total=total, interval=interval, note=note)


def _grouped_interval(
    one: Array,
    other: Array,
    numbers: Index,
    groups: list[Index],
    *,
    measure: Measure,
    average: Average,
    unit: str,
    draws: int,
) -> Interval | None:
    """The interval of an average over `groups` of rows when whole clusters are drawn again over all of them."""
    if not groups:
        return None
    rows = np.concatenate(groups)
    ends = np.cumsum([len(group) for group in groups])
    parts = [
        (slice(end - len(group), end), correlating(one[group], other[group], measure))
        for end, group in zip(ends, groups, strict=True)
    ]

    def statistic(weights: Array) -> Array:
        return mean_correlation(np.stack([part(weights[:, place]) for place, part in parts]), average)

    among = np.zeros(len(one), np.bool_)
    among[rows] = True
    drawn = cluster_numbers(numbers, n=len(one), kept=among)[0]
    drawn = drawn[np.argsort(np.argsort(rows))]

    if len(rows) > 3000 and any(slow(one[group], other[group], measure, most=300) for group in groups):
        return jackknife_interval(statistic, drawn)
    return statistic_interval(statistic, drawn, unit=unit, draws=draws)


def across_groups(judge: Scores, people: Scores, *, groups: Sequence[str], measure: Measure = "spearman") -> Figure:
    """The correlation of the groups' (generators') means; `n` and `total` count groups, and groups are drawn again.

    Each mean is over the items that have both scores. With few generators the interval is wide, as it should be.

    Raises:
        UsageError: not one group per item.

    """
    one, other, _, total = _complete(judge, people, None)
    labels, kinds = cluster_numbers(groups, n=total)
    labels = labels[_present(judge, people)]
    counts = np.bincount(labels, minlength=kinds).astype(np.float64)
    counts[counts == 0] = np.nan
    means = [np.bincount(labels, side, minlength=kinds) / counts for side in (one, other)]
    found = correlation(means[0], means[1], measure=measure, clusters=np.arange(kinds), unit="groups")
    note = "; ".join(part for part in (found.note, f"means of {len(one):,} of {total:,} items") if part)
    return found.model_copy(update={"measure": f"{measure}_across_groups", "note": note})


def _present(judge: Scores, people: Scores) -> Mask:
    one = np.asarray(judge, dtype=np.float64)
    return np.isfinite(one) & np.isfinite(np.asarray(people, dtype=np.float64))


def _complete(judge: Scores, people: Scores, clusters: Clusters) -> tuple[Array, Array, Index, int]:
    """The items that have both scores, their clusters, and how many items there were."""
    one = read_column(judge, name="judge")
    other = read_column(people, name="people", like=len(one))
    kept = _present(one, other)
    return one[kept], other[kept], cluster_numbers(clusters, n=len(one), kept=kept)[0], len(one)


def mean_correlation(values: Array, average: Average) -> Array:
    """The average over the first axis of correlations without those that are NaN; NaN when none is left."""
    known = np.isfinite(values)
    kept = np.where(known, values, 0.0)
    summed = (np.arctanh(np.clip(kept, -CLIP, CLIP)) if average == "fisher" else kept).sum(0)
    often = known.sum(0)
    mean = summed / np.maximum(often, 1)
    return np.where(often > 0, mean if average == "mean" else np.tanh(mean), np.nan)


def _average(values: Scores, average: Average) -> Figure:
    array = read_column(values, name="correlations")
    kept = array[np.isfinite(array)]
    value = float(mean_correlation(kept, average))
    perfect = int((np.abs(kept) > CLIP).sum()) if average == "fisher" else 0
    note = f"{_words(average)}, {many(perfect, 'perfect one')} taken as {CLIP:g}" if perfect else ""
    shown = None if np.isnan(value) else value
    return Figure(measure=f"{average}_average", value=shown, n=len(kept), total=len(array), note=note)


def _words(average: Average) -> str:
    words: dict[Average, str] = {
        "mean": "plain mean",
        "fisher": "tanh of the mean of arctanh",
        "authors": "tanh of the mean",
    }
    return words[average]
