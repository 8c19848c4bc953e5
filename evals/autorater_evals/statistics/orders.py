"""What changes when the same pair is asked in the other order, or again.

`forward` are choices with a shown first, `reverse` choices with b shown first. Both name the side of the pair, "a",
"b" or "tie", not the place on the screen: an answer by place ("the first") of the reverse order is turned by `flipped`.
"""

from collections import Counter
from collections.abc import Sequence

import numpy as np

from autorater.errors import UsageError
from autorater_evals.counting import many
from autorater_evals.figure import Figure
from autorater_evals.statistics.agreement import HumanTies, choice_codes, coded
from autorater_evals.statistics.missing import mean_figure
from autorater_evals.statistics.resampling import Array, Clusters, cluster_numbers

Choices = Sequence[str | None]
_OTHER = {"a": "b", "b": "a"}


def flipped(choices: Choices) -> list[str | None]:
    """Each choice with its sides changed; ties and None stay."""
    return [choice if choice is None else _OTHER.get(choice, choice) for choice in choices]


def both_orders_accuracy(
    human: Sequence[str],
    *,
    forward: Choices,
    reverse: Choices,
    human_ties: HumanTies = "exclude",
    clusters: Clusters = None,
    unit: str = "clusters",
) -> Figure:
    """The share of pairs that are right in both orders, 0 to 1; a tie is right only where people tie.

    A pair with one answer is missing, also when that answer is wrong; the upper bound knows of the wrong ones.

    Raises:
        UsageError: A choice that is none, or lengths that differ.

    """
    truth, first = coded(human, forward)
    _, second = coded(human, reverse)
    used = np.ones(len(truth), np.bool_) if human_ties == "count" else truth != 0
    kept = None if clusters is None else cluster_numbers(clusters, n=len(truth), kept=used)[0]
    wrong = ((first != truth) & ~np.isnan(first)) | ((second != truth) & ~np.isnan(second))
    gone = np.isnan(first) | np.isnan(second)
    left_out = int((~used).sum())
    return mean_figure(
        np.where(gone, np.nan, np.where(wrong, 0.0, 1.0))[used],
        measure="accuracy_both_orders",
        clusters=kept,
        unit=unit,
        best=np.where(wrong, 0.0, 1.0)[used],
        note=f"{many(left_out, 'pair')} left out on which people tie" if left_out else "",
    )


def answered_orders_accuracy(
    human: Sequence[str],
    *,
    forward: Choices,
    reverse: Choices,
    clusters: Clusters = None,
    unit: str = "pairs",
) -> Figure:
    """MMRB2's accuracy (arXiv 2512.16899): right answers of both orders / orders answered, 0 to 1.

    `n` and `total` count orders, two a pair. A tie of the judge is wrong; a missing order leaves the denominator, so
    look at the coverage: refusals on hard pairs raise the figure. The pair is the cluster unless another is given.

    Raises:
        UsageError: People tie on a pair, a choice that is none, or lengths that differ.

    """
    truth, first = coded(human, forward)
    _, second = coded(human, reverse)
    if (truth == 0).any():
        place = int(np.flatnonzero(truth == 0)[0])
        raise UsageError(f'expected "a" or "b" from people, as MMRB2 has no ties, got "tie" at pair {place}')
    answers, truths = np.concatenate([first, second]), np.concatenate([truth, truth])
    right = np.where(np.isnan(answers), np.nan, (answers == truths).astype(np.float64))
    pairs, _ = cluster_numbers(clusters, n=len(truth))
    return mean_figure(right, measure="accuracy_answered_orders", clusters=np.concatenate([pairs, pairs]), unit=unit)


def position_consistency(
    forward: Choices, reverse: Choices, *, clusters: Clusters = None, unit: str = "clusters"
) -> Figure:
    """The share of pairs with the same choice in both orders, ties included, 0 to 1 (arXiv 2406.07791).

    Raises:
        UsageError: A choice that is none, or lengths that differ.

    """
    first, second = _both(forward, reverse)
    gone = np.isnan(first) | np.isnan(second)
    same = np.where(gone, np.nan, (first == second).astype(np.float64))
    return mean_figure(same, measure="position_consistency", clusters=clusters, unit=unit)


def first_rate(
    forward: Choices,
    reverse: Choices | None = None,
    *,
    clusters: Clusters = None,
    unit: str = "pairs",
) -> Figure:
    """How often the side shown first is chosen where one is, 0 to 1; without position bias 0.5 over both orders.

    `n` counts decisive answers, `total` all that were asked; ties and missing answers have no bounds, for neither is
    wrong. With one order only, sides may differ in quality: compare with people's first rate on the same pairs.

    Raises:
        UsageError: A choice that is none, or lengths that differ.

    """
    first = choice_codes(forward, who="the forward order")
    codes, pairs = first, cluster_numbers(clusters, n=len(first))[0]
    if reverse is not None:
        first, second = _both(forward, reverse)
        codes, pairs = np.concatenate([first, -second]), np.concatenate([pairs, pairs])
    decided = np.where(codes == 0, np.nan, (codes + 1) / 2)
    ties = int((codes == 0).sum())
    return mean_figure(
        decided,
        measure="first_rate",
        clusters=pairs,
        unit=unit,
        worst=None,
        note=f"{ties:,} ties left out" if ties else "",
    )


def flip_rate(repeats: Sequence[Choices], *, clusters: Clusters = None, unit: str = "clusters") -> Figure:
    """How often two answers to the same question differ, 0 to 1: the mean over items of their own rate.

    `repeats`: the answers of each item. An item's rate is the share of its pairs of answers that differ, so for two
    answers 0 or 1; an item with fewer than two answers is missing.

    Raises:
        UsageError: A choice that is none.

    """
    rates: list[float] = []
    for place, answers in enumerate(repeats):
        choice_codes(answers, who=f"item {place}")
        given = Counter(answer for answer in answers if answer is not None)
        size = given.total()
        same = sum(count * (count - 1) for count in given.values())
        rates.append(1 - same / (size * (size - 1)) if size > 1 else float("nan"))
    return mean_figure(
        np.array(rates, np.float64), measure="flip_rate", clusters=clusters, unit=unit, worst=1.0, best=0.0
    )


def _both(forward: Choices, reverse: Choices) -> tuple[Array, Array]:
    if len(forward) != len(reverse):
        raise UsageError(f"expected as many answers in both orders, got {len(forward)} and {len(reverse)}")
    return choice_codes(forward, who="the forward order"), choice_codes(reverse, who="the reverse order")
