"""How often a judge chooses as people do, under each rule for ties.

Choices name the side of the pair: "a", "b" or "tie"; None where the judge gave none (refused, unparsable, …).
"""

from collections.abc import Sequence
from typing import Literal, get_args

import numpy as np

from autorater.canonical import Record
from autorater.errors import UsageError
from autorater_evals.counting import many
from autorater_evals.figure import Figure
from autorater_evals.statistics.missing import mean_figure, notes
from autorater_evals.statistics.resampling import Array, Clusters, Index, Mask, cluster_numbers

TieRule = Literal["strict", "half", "drop", "three_way"]
"""What a tie of the judge counts.

| rule | judge ties, people do not | both tie | people tie, judge does not | in words |
| --- | --- | --- | --- | --- |
| strict | 0 | 0 | 0 | a tie is wrong (ImageReward's `acc`, MJ-Bench "with ties") |
| half | 1/2 | 1 | 1/2 | a tie on one side is half right |
| drop | dropped | dropped | 0 | the judge's ties count as missing (MJ-Bench "without ties") |
| three_way | 0 | 1 | 0 | three classes, equal or not (EditReward-Bench K=2) |
"""
HumanTies = Literal["exclude", "count"]
"""Whether pairs on which people tie are in the total. "exclude" makes "three_way" the same as "strict"."""
RULES: tuple[TieRule, ...] = get_args(TieRule)
_CODES = {"a": 1.0, "b": -1.0, "tie": 0.0, None: float("nan")}


class GapBin(Record):
    """Pairs whose human gap lies from `low` to `high`; `high` belongs to the next bin, but for the last."""

    low: float
    high: float
    accuracy: Figure


def choice_codes(choices: Sequence[str | None], *, who: str, complete: bool = False) -> Array:
    """1 for "a", -1 for "b", 0 for "tie", not a number for None.

    Raises:
        UsageError: Another word, or None where `complete` is asked for.

    """
    try:
        codes = np.fromiter(map(_CODES.__getitem__, choices), np.float64, len(choices))
    except (KeyError, TypeError):
        codes = None
    if codes is None or (complete and np.isnan(codes).any()):
        allowed = ("a", "b", "tie") if complete else ("a", "b", "tie", None)
        place = next(place for place, choice in enumerate(choices) if choice not in allowed)
        words = '"a", "b" or "tie"' + ("" if complete else " or None")
        raise UsageError(f"expected {words} as choice {place} of {who} (counted from 0), got {choices[place]!r}")
    return codes


def choices_of_margins(margins: Sequence[float] | Array, *, threshold: float = 0.0) -> list[str | None]:
    """The side with the greater score from margins a minus b; a tie up to `threshold`, None for not a number."""
    if not threshold >= 0:
        raise UsageError(f"expected a threshold of 0 or more, got {threshold}")
    return [
        None if np.isnan(margin) else "tie" if abs(margin) <= threshold else "a" if margin > 0 else "b"
        for margin in margins
    ]


def coded(human: Sequence[str], judge: Sequence[str | None]) -> tuple[Array, Array]:
    """Both sides as codes, of one length.

    Raises:
        UsageError: Lengths differ, or a choice is none.

    """
    if len(human) != len(judge):
        raise UsageError(f"expected a choice of the judge for each of {len(human)} pairs, got {len(judge)}")
    return choice_codes(human, who="people", complete=True), choice_codes(judge, who="the judge")


def points(truth: Array, answer: Array, *, rule: TieRule) -> Array:
    """0, 1/2 or 1 for each pair; not a number where the answer is missing or `rule` drops it."""
    if rule not in RULES:
        raise UsageError(f"expected one of {', '.join(RULES)} as tie rule, got {rule!r}")
    right = np.where(np.isnan(answer), np.nan, (truth == answer).astype(np.float64))
    if rule == "half":
        right[((truth == 0) != (answer == 0)) & ~np.isnan(answer)] = 0.5
    elif rule != "three_way":
        right[answer == 0] = np.nan if rule == "drop" else 0.0
    return right


def accuracy(
    human: Sequence[str],
    judge: Sequence[str | None],
    *,
    rule: TieRule,
    human_ties: HumanTies = "exclude",
    clusters: Clusters = None,
    unit: str = "clusters",
) -> Figure:
    """The share of pairs on which the judge is right, 0 to 1; bounds are over missing answers, dropped ties included.

    Raises:
        UsageError: A choice that is none, lengths that differ, an unknown rule.

    """
    truth, answer = coded(human, judge)
    among = np.ones(len(truth), np.bool_)
    return _accuracy(truth, answer, among, rule=rule, human_ties=human_ties, clusters=clusters, unit=unit)


def _accuracy(
    truth: Array,
    answer: Array,
    among: Mask,
    *,
    rule: TieRule,
    human_ties: HumanTies,
    clusters: Clusters,
    unit: str,
) -> Figure:
    used = among if human_ties == "count" else among & (truth != 0)
    kept = None if clusters is None else cluster_numbers(clusters, n=len(truth), kept=used)[0]
    left_out = int((among & ~used).sum())
    dropped = int((answer[used] == 0).sum()) if rule == "drop" else 0
    tied = truth[used] == 0
    return mean_figure(
        points(truth, answer, rule=rule)[used],
        measure=f"accuracy_{rule}",
        clusters=kept,
        unit=unit,
        worst=np.where(tied & (rule == "half"), 0.5, 0.0),
        best=np.where(tied & (rule in ("strict", "drop")), 0.0, 1.0),
        note=notes(
            f"{many(left_out, 'pair')} left out on which people tie" if left_out else "",
            f"{many(dropped, 'tie')} of the judge counted as missing" if dropped else "",
        ),
    )


def accuracy_by_gap(
    human: Sequence[str],
    judge: Sequence[str | None],
    *,
    gaps: Sequence[float] | Array,
    rule: TieRule,
    edges: Sequence[float] | None = None,
    bins: int = 5,
    human_ties: HumanTies = "exclude",
    clusters: Clusters = None,
    unit: str = "clusters",
) -> tuple[GapBin, ...]:
    """Accuracy of pairs by the size of people's gap, 0 and more, in their unit.

    `edges` (ascending) bound the bins; without, about equally many of the used pairs are in each of `bins`, and equal
    gaps stay together.

    Raises:
        UsageError: A gap that is missing or negative, or a used one that lies outside of `edges`.

    """
    truth, answer = coded(human, judge)
    sizes = np.asarray(gaps, np.float64)
    if sizes.shape != truth.shape or not (np.isfinite(sizes) & (sizes >= 0)).all():
        raise UsageError(f"expected a gap of 0 or more for each of {len(truth)} pairs")
    used = np.ones(len(truth), np.bool_) if human_ties == "count" else truth != 0
    if not used.any():
        return ()
    asked = np.quantile(sizes[used], np.linspace(0, 1, bins + 1)) if edges is None else np.asarray(edges, np.float64)
    limits = np.unique(asked) if len(np.unique(asked)) > 1 else np.repeat(asked[0], 2)
    if not ((sizes[used] >= limits[0]) & (sizes[used] <= limits[-1])).all():
        raise UsageError(f"expected edges around all gaps, {sizes[used].min():g} to {sizes[used].max():g}")
    inside = (sizes >= limits[0]) & (sizes <= limits[-1])
    place = np.where(inside, np.minimum(np.searchsorted(limits, sizes, "right") - 1, len(limits) - 2), -1)
    return tuple(
        GapBin(
            low=float(limits[number]),
            high=float(limits[number + 1]),
            accuracy=_accuracy(
                truth, answer, place == number, rule=rule, human_ties=human_ties, clusters=clusters, unit=unit
            ),
        )
        for number in range(len(limits) - 1)
    )


def group_accuracy(
    human: Sequence[str],
    judge: Sequence[str | None],
    *,
    groups: Sequence[str],
    clusters: Clusters = None,
    unit: str = "clusters",
) -> Figure:
    """The share of groups all of whose pairs are right, ties counted (EditReward-Bench, arXiv 2509.26346: K = 2, 3, 4).

    A group with a missing answer is missing, also when another answer is wrong: else only wrong groups would be kept.
    The upper bound knows of the wrong ones.

    Raises:
        UsageError: A group whose pairs are in two clusters, or lengths that differ.

    """
    truth, answer = coded(human, judge)
    numbers, count = cluster_numbers(groups, n=len(truth))
    right = points(truth, answer, rule="three_way")
    wrong = np.bincount(numbers, weights=right == 0, minlength=count) > 0
    gone = np.bincount(numbers, weights=np.isnan(right), minlength=count) > 0
    return mean_figure(
        np.where(gone, np.nan, np.where(wrong, 0.0, 1.0)),
        measure="group_accuracy",
        clusters=_of_groups(clusters, groups, numbers, count),
        unit=unit,
        best=np.where(wrong, 0.0, 1.0),
    )


def _of_groups(clusters: Clusters, groups: Sequence[str], members: Index, count: int) -> Index | None:
    """The cluster of each group, by the number of the group that each pair is a member of."""
    if clusters is None:
        return None
    if len(clusters) != len(groups):
        raise UsageError(f"expected the cluster of each of {len(groups)} pairs, got {len(clusters)}")
    numbers, _ = cluster_numbers(clusters, n=len(groups))
    found = np.zeros(count, np.intp)
    found[members] = numbers
    strange = np.flatnonzero(found[members] != numbers)
    if len(strange):
        one = int(strange[0])
        other = int(np.flatnonzero((members == members[one]) & (numbers != numbers[one]))[0])
        raise UsageError(
            f"expected all pairs of group {groups[one]!r} in one cluster, got {clusters[min(one, other)]!r}, "
            f"{clusters[max(one, other)]!r}"
        )
    return found
