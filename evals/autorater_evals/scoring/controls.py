"""Controls: what is reached by knowing who made an image and nothing else; how often any two images are in order."""

from collections.abc import Iterator

import numpy as np

from autorater_evals.evaluation import Row
from autorater_evals.figure import Figure
from autorater_evals.scoring.told import Array, Told
from autorater_evals.statistics.agreement import accuracy, choices_of_margins
from autorater_evals.statistics.correlation import correlation
from autorater_evals.statistics.resampling import bootstrap_weights, cluster_numbers, few, percentile_interval

MOST = 1500
"""Images whose pairs are all looked at; of more only a seeded sample of so many."""
CONTROL = "generator alone"


def generator_rows(part: str, told: Told) -> Iterator[Row]:
    """What a judge would reach that knows each generator's mean opinion on the other prompts, and sees no image."""
    if len({name for item in told.items for name in item.generators}) < 2:
        return
    if told.items and told.items[0].opinions:
        guessed = _guessed_scores(told)
        for measure in ("spearman", "pearson"):
            figure = correlation(guessed, told.means, measure=measure, clusters=told.clusters)
            yield Row(part=part, dimension=told.dimension, slice=CONTROL, figure=figure)
    elif np.isfinite(told.gaps).all():
        sides = choices_of_margins(_guessed_margins(told))
        figure = accuracy(told.people, sides, rule="half", clusters=told.clusters)
        yield Row(part=part, dimension=told.dimension, slice=CONTROL, figure=figure)


def _guessed_scores(told: Told) -> Array:
    """Each image's generator's mean over the other clusters (n,); not a number where there is none."""
    generators = np.array([item.generators[0] if item.generators else "" for item in told.items])
    clusters, means = np.array(told.clusters), told.means
    guessed = np.full(len(means), np.nan)
    for place in range(len(means)):
        others = (generators == generators[place]) & (clusters != clusters[place])
        if others.any():
            guessed[place] = means[others].mean()
    return guessed


def _guessed_margins(told: Told) -> Array:
    """The difference of two generators' mean gaps to their rivals on the other clusters (n,)."""
    gaps = np.array([one.gap for one in told.preferences], dtype=np.float64)
    clusters = np.array(told.clusters)
    pairs = [item.generators if len(item.generators) == 2 else ("", "") for item in told.items]
    first, second = (np.array([pair[side] for pair in pairs]) for side in (0, 1))
    guessed = np.full(len(gaps), np.nan)
    for place in range(len(gaps)):
        others = clusters != clusters[place]
        strengths = [
            np.concatenate([gaps[others & (first == name)], -gaps[others & (second == name)]])
            for name in (first[place], second[place])
        ]
        if all(len(one) for one in strengths):
            guessed[place] = strengths[0].mean() - strengths[1].mean()
    return guessed


def concordance_rows(part: str, told: Told, *, clear: float) -> Iterator[Row]:
    """The share of all pairs of images, `clear` apart or more, that the judge puts in people's order."""
    generators = np.array([item.generators[0] if item.generators else "" for item in told.items])
    known = len(set(generators.tolist())) > 1
    groups: dict[str, Array | None] = {"all": None}
    if known:
        same = generators[:, None] == generators[None, :]
        groups |= {"within generators": same, "across generators": ~same}
    for name, mask in groups.items():
        figure = concordance(told.scores, told.means, clusters=told.clusters, clear=clear, mask=mask)
        yield Row(part=part, dimension=told.dimension, slice=name, read=told.read, figure=figure)


def concordance(judge: Array, people: Array, *, clusters: list[str], clear: float, mask: Array | None = None) -> Figure:
    """The share of pairs of images whose human means differ by `clear` or more that the judge orders alike, 0 to 1.

    Equal scores of the judge count half. `mask` (n, n) tells which pairs count. `n` counts pairs. The interval draws
    clusters again, so that both images of a pair are drawn.
    """
    total_pairs = np.abs(people[:, None] - people[None, :]) >= max(clear, 1e-12) - 1e-9
    total_pairs &= ~np.eye(len(people), dtype=np.bool_) if mask is None else mask.astype(np.bool_)
    kept = np.flatnonzero(np.isfinite(judge))
    note = ""
    if len(kept) > MOST:
        kept = np.sort(np.random.default_rng(0).choice(kept, MOST, replace=False))
        note = f"{MOST:,} images drawn by seed 0"
    counts = total_pairs[np.ix_(kept, kept)].astype(np.float64)
    agree = np.sign(judge[kept][:, None] - judge[kept][None, :]) * np.sign(
        people[kept][:, None] - people[kept][None, :]
    )
    right = counts * (agree + 1) / 2
    n = int(counts.sum() / 2)
    total = n if note else int(total_pairs.sum() / 2)
    if not n:
        return Figure(measure="concordance", value=None, n=0, total=total, note="no pairs are so far apart")
    numbers, count = cluster_numbers([clusters[place] for place in kept], n=len(kept))

    def statistic(weights: Array) -> Array:
        return np.array([_ratio(row, right, counts) for row in weights])

    interval = None
    if count > 1:
        interval = percentile_interval(bootstrap_weights(numbers, count, statistic, draws=500), count=count)
    return Figure(
        measure="concordance",
        value=float(right.sum() / counts.sum()),
        n=n,
        total=total,
        interval=interval,
        note="; ".join(part for part in (note, few(count)) if part),
    )


def _ratio(weights: Array, right: Array, counts: Array) -> float:
    below = float(weights @ counts @ weights)
    return float(weights @ right @ weights) / below if below else float("nan")
