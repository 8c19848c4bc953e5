"""Controls: what is reached by knowing who made an image and nothing else; how often any two images are in order."""

from collections.abc import Iterator, Sequence

import numpy as np

from autorater_evals.evaluation import Row
from autorater_evals.figure import Figure, Interval
from autorater_evals.scoring.told import Array, Told
from autorater_evals.statistics.agreement import accuracy, choices_of_margins
from autorater_evals.statistics.correlation import correlation
from autorater_evals.statistics.missing import notes
from autorater_evals.statistics.resampling import Mask, cluster_numbers, draw_weights, drawn_interval

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
    generators = [item.generators[0] if item.generators else "" for item in told.items]
    return _mean_elsewhere(told.means, generators, told.clusters, asked=[generators])[0]


def _guessed_margins(told: Told) -> Array:
    """The difference of two generators' mean gaps to their rivals on the other clusters (n,)."""
    gaps = np.array([one.gap for one in told.preferences], dtype=np.float64)
    pairs = [item.generators if len(item.generators) == 2 else ("", "") for item in told.items]
    first, second = ([pair[side] for pair in pairs] for side in (0, 1))
    ahead = np.concatenate([gaps, -gaps])
    one, other = _mean_elsewhere(ahead, [*first, *second], [*told.clusters] * 2, asked=[first, second])
    return one - other


def _mean_elsewhere(
    values: Array, names: Sequence[str], clusters: Sequence[str], *, asked: Sequence[Sequence[str]]
) -> list[Array]:
    """The mean of a name's `values` (n,) outside a cluster, for each of the names `asked` of the first clusters.

    Each of `asked` has a name for each of the clusters, from the first on. Not a number where there is no value.
    """
    name, names_count = cluster_numbers(names, n=len(values))
    cluster, count = cluster_numbers(clusters, n=len(values))
    number = dict(zip(names, name.tolist(), strict=True))
    both = name * count + cluster
    sums, often = (np.bincount(name, part, names_count) for part in (values, np.ones(len(values))))
    inside, there = (np.bincount(both, part, names_count * count) for part in (values, np.ones(len(values))))
    found: list[Array] = []
    for wanted in asked:
        who = np.array([number[one] for one in wanted], dtype=np.intp)
        here = who * count + cluster[: len(who)]
        left = often[who] - there[here]
        found.append(np.divide(sums[who] - inside[here], left, out=np.full(len(who), np.nan), where=left > 0))
    return found


def concordance_rows(part: str, told: Told, *, clear: float) -> Iterator[Row]:
    """The share of all pairs of images, `clear` apart or more, that the judge puts in people's order."""
    note = ""
    if len(told.items) > MOST:
        drawn = np.random.default_rng(0).choice(len(told.items), MOST, replace=False)
        kept = {told.items[int(place)].id for place in drawn}
        told, note = told.where(lambda item: item.id in kept), f"{MOST:,} images drawn by seed 0"
    generators = np.array([item.generators[0] if item.generators else "" for item in told.items])
    groups: dict[str, Mask | None] = {"all": None}
    if len(set(generators.tolist())) > 1:
        same = generators[:, None] == generators[None, :]
        groups |= {"within generators": same, "across generators": ~same}
    for name, mask in groups.items():
        figure = concordance(told.scores, told.means, clusters=told.clusters, clear=clear, mask=mask)
        figure = figure.model_copy(update={"note": notes(note, figure.note)})
        yield Row(part=part, dimension=told.dimension, slice=name, read=told.read, figure=figure)


def concordance(judge: Array, people: Array, *, clusters: list[str], clear: float, mask: Mask | None = None) -> Figure:
    """The share of pairs of images whose human means differ, by `clear` or more, that the judge orders alike, 0 to 1.

    `judge` and `people` are (n,), the judge's not a number where it gave none. Equal scores of the judge count half.
    `mask` (n, n) tells which pairs count. `n` counts pairs, and a pair is missing when one of its scores is. The
    interval draws clusters again, so that both images of a pair are drawn. It takes some n * n numbers of memory.
    """
    apart = np.abs(people[:, None] - people[None, :])
    wanted = (apart > 0) & (apart >= clear - 1e-9)
    wanted &= True if mask is None else mask
    kept = np.flatnonzero(np.isfinite(judge))
    counts = wanted[np.ix_(kept, kept)].astype(np.float64)
    judged, said = judge[kept], people[kept]
    agree = np.sign(judged[:, None] - judged[None, :]) * np.sign(said[:, None] - said[None, :])
    right = counts * (agree + 1) / 2
    n, total = int(counts.sum() / 2), int(wanted.sum() / 2)
    hits = float(right.sum() / 2)
    bounds = (hits / total, (hits + total - n) / total) if n < total else None
    if not n:
        why = "no pair has both scores" if total else "no pairs are so far apart"
        return Figure(measure="concordance", value=None, n=0, total=total, bounds=bounds, note=why)
    interval, remark = _drawn(right, counts, [clusters[place] for place in kept])
    return Figure(
        measure="concordance", value=hits / n, n=n, total=total, interval=interval, bounds=bounds, note=remark
    )


def _drawn(right: Array, counts: Array, clusters: Sequence[str]) -> tuple[Interval | None, str]:
    """The interval of sum(right) / sum(counts), both (n, n), when whole clusters are drawn again, and a note."""
    numbers, count = cluster_numbers(clusters, n=len(counts))
    if count < 2:
        return drawn_interval(np.empty(0), count=count)
    member = np.eye(count)[numbers]
    above, below = (member.T @ table @ member for table in (right, counts))
    shares = [
        np.divide(((drawn @ above) * drawn).sum(1), under, out=np.full(len(drawn), np.nan), where=under > 0)
        for drawn in draw_weights(count)
        for under in [((drawn @ below) * drawn).sum(1)]
    ]
    return drawn_interval(np.concatenate(shares), count=count)
