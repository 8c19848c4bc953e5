"""Ranking items from pairs: Bradley-Terry, the same with ties as an outcome, and how far two rankings agree.

A fit reads one row per pair and outcome with its count, a bootstrap draws the counts again.
"""

from collections.abc import Mapping
from importlib import import_module
from typing import Any, Literal

import numpy as np

from autorater.canonical import Record
from autorater_evals.figure import Figure
from autorater_evals.statistics.correlation import correlation
from autorater_evals.statistics.games import Games, Rows, count_rows, draw_counts
from autorater_evals.statistics.resampling import DRAWS, Array, Index, percentile_interval

Model = Literal["bradley_terry", "newman"]
"""`bradley_terry` counts a tie as half a win for either; `newman` has ties as an outcome with a parameter of its own
(Davidson's model in Newman's iteration, JMLR 24, 2023)."""

POINTS = 400 / np.log(10)
"""Points of a strength that is e times another's."""
LIMIT = 10_000
"""Iterations after which a fit counts as failed; it takes some ten."""


class Ranked(Record):
    """One item in a ranking."""

    item: str
    strength: Figure
    """Points on Elo's scale, 1,000 in the middle: 400 more are odds of ten to one. `n` counts its comparisons."""
    rank: Figure
    """1 is the best; the interval is of the rank in each draw."""


class Ranking(Record):
    """All items, best first; the ones without a strength come last in their given order."""

    model: str
    ranked: tuple[Ranked, ...]
    comparisons: int
    total: int
    tie_parameter: float | None = None
    """Newman's v: between equals a tie has the probability v / (1 + v). Null where all was tied: it has no bound."""
    note: str = ""


def rank(games: Games, *, model: Model = "bradley_terry", draws: int = DRAWS) -> Ranking:
    """Strengths by maximum likelihood (evalica) with bootstrap intervals over comparisons or clusters of them.

    Strengths exist only where every item can be reached from every other along wins and ties (Ford, 1957): an item that
    won all its comparisons would be infinitely strong, and items that never met, directly or through others, have no
    order. Then strengths and ranks are null and the note names the items in the way. Draws in which that happens are
    left out and counted; with more than 5 % of them there is no interval.
    """
    why = obstacle(games)
    if why:
        return make_ranking(games, model, why=why)
    rows, size = count_rows(games), len(games.items)
    points = _fit(rows, rows.counts, size, model)
    ties = _tie_parameter(rows, points) if model == "newman" else None
    undefined = np.full(size, np.nan)
    found: list[Array] = []
    for counts in draw_counts(games, rows, draws=draws):
        linked = counts.all() or _linked(rows, counts, size)  # with every row it is as in the sample
        found.append(_fit(rows, counts, size, model) if linked else undefined)
    return make_ranking(games, model, points=points, found=np.array(found), ties=ties)


def ranking_agreement(
    one: Mapping[str, float | None], other: Mapping[str, float | None], *, draws: int = DRAWS
) -> Figure:
    """Kendall's tau-b of two rankings by the strengths (higher is better) that they give the same items, -1 to 1.

    Items that only one of the two knows are left out of `n` and counted in `total`. The interval draws items again.
    """
    names = sorted({*one, *other})
    sides = [[side.get(name) for name in names] for side in (one, other)]
    return correlation(sides[0], sides[1], measure="kendall_b", draws=draws)


def _fit(rows: Rows, counts: Array, size: int, model: Model) -> Array:
    """Points of each item on Elo's scale around 1,000; NaN where the fit does not settle."""
    evalica: Any = import_module("evalica")
    known: Any = import_module("pandas").Index(np.arange(size))  # faster to look up than a RangeIndex
    if model == "bradley_terry":
        fit, (first, second, often) = evalica.bradley_terry, _wins(rows, counts, size)
        winners = np.ones(len(first), np.uint8)
    else:
        kept = counts > 0
        fit, first, second, often = evalica.newman, rows.winner[kept], rows.loser[kept], counts[kept]
        winners = (~rows.tie[kept]).astype(np.uint8)
    told = fit(first, second, winners, index=known, weights=often, tolerance=1e-8, limit=LIMIT)
    scores = np.asarray(told.scores.reindex(known), dtype=np.float64)
    if told.iterations >= LIMIT or not np.isfinite(scores).all() or bool((scores <= 0).any()):
        return np.full(size, np.nan)
    logs = np.log(scores)
    return 1000 + POINTS * (logs - logs.mean())


def _tie_parameter(rows: Rows, points: Array) -> float | None:
    """The v that is likeliest at these strengths: it makes as many ties likely as there were.

    With strengths x and y a tie has the probability v / (v + d), d = (x + y) / (2 sqrt(x y)) (Newman 2023). evalica
    ends when the strengths settle, which equal ones do at once, whatever v then is.
    """
    solve: Any = import_module("scipy.optimize").brentq
    tied, played = float(rows.counts[rows.tie].sum()), float(rows.counts.sum())
    if tied in (0.0, played) or np.isnan(points).any():
        return 0.0 if not tied else None
    apart = np.cosh((points[rows.winner] - points[rows.loser]) / (2 * POINTS))
    most = float(apart.max()) * tied / (played - tied)

    def excess(value: float) -> float:
        return float((rows.counts * value / (value + apart)).sum()) - tied

    return float(solve(excess, 0.0, 2 * most, xtol=1e-12))


def _wins(rows: Rows, counts: Array, size: int) -> tuple[Index, Index, Array]:
    """Winners, losers and how often, with a tie as half a win for either: fewer rows than with ties."""
    half = np.where(rows.tie, counts / 2, counts)
    winner = np.concatenate([rows.winner, rows.loser[rows.tie]])
    loser = np.concatenate([rows.loser, rows.winner[rows.tie]])
    won = np.bincount(winner * size + loser, np.concatenate([half, half[rows.tie]]))
    pairs = np.flatnonzero(won)
    return pairs // size, pairs % size, np.asarray(won[pairs], dtype=np.float64)


def _linked(rows: Rows, counts: Array, size: int) -> bool:
    """Whether every item can be reached from every other: the first one reaches all, and all reach it."""
    kept = counts > 0
    beats = np.zeros((size, size), np.bool_)
    beats[rows.winner[kept], rows.loser[kept]] = True
    beats[rows.loser[kept & rows.tie], rows.winner[kept & rows.tie]] = True
    for way in (beats, beats.T):
        reached, more = np.arange(size) == 0, True
        while more:
            further = reached | way[reached].any(0)
            more, reached = bool((further != reached).any()), further
        if not reached.all():
            return False
    return True


def _parts(rows: Rows, counts: Array, size: int, kind: Literal["strong", "weak"]) -> tuple[int, Index]:
    sparse: Any = import_module("scipy.sparse")
    graph: Any = import_module("scipy.sparse.csgraph")
    kept = counts > 0
    tied = kept & rows.tie
    above = np.concatenate([rows.winner[kept], rows.loser[tied]])
    below = np.concatenate([rows.loser[kept], rows.winner[tied]])
    table = sparse.csr_array((np.ones(len(above)), (above, below)), shape=(size, size))
    parts, label = graph.connected_components(table, directed=True, connection=kind)
    return int(parts), label


def apart(games: Games) -> str:
    """Which items have no comparisons with the others, in words; nothing where all hang together."""
    rows, size = count_rows(games), len(games.items)
    if size < 2 or not len(games.first):
        return "fewer than two items were compared"
    parts, label = _parts(rows, rows.counts, size, "weak")
    if parts == 1:
        return ""
    least = np.flatnonzero(label == np.bincount(label).argmin())
    return f"no comparisons link {_named(games, least)} with the rest ({parts} separate parts)"


def obstacle(games: Games) -> str:
    """Why the likelihood has no maximum, in words; nothing where it has one."""
    why = apart(games)
    rows, size = count_rows(games), len(games.items)
    if why or _parts(rows, rows.counts, size, "strong")[0] == 1:
        return why
    won = np.bincount(rows.winner, minlength=size) + np.bincount(rows.loser[rows.tie], minlength=size)
    lost = np.bincount(rows.loser, minlength=size) + np.bincount(rows.winner[rows.tie], minlength=size)
    for none, words in ((lost == 0, "never lost or tied"), (won == 0, "never won or tied")):
        if none.any():
            return f"{_named(games, np.flatnonzero(none))} {words}, so no finite strengths fit"
    label = _parts(rows, rows.counts, size, "strong")[1]
    least = np.flatnonzero(label == np.bincount(label).argmin())
    return f"{_named(games, least)} won, or lost, every comparison with the rest, so no finite strengths fit"


def _named(games: Games, places: Index) -> str:
    names = ", ".join([games.items[int(place)] for place in places[:3]])
    return names if len(places) <= 3 else f"{names} and {len(places) - 3} more"


def make_ranking(
    games: Games,
    model: str,
    *,
    points: Array | None = None,
    found: Array | None = None,
    ties: float | None = None,
    why: str = "",
    how: str = "",
) -> Ranking:
    """The record of a fit, or of none: `why` says why not, `found` is (draws, items), `how` is added to the method."""
    size = len(games.items)
    if points is None or np.isnan(points).any():
        points, why = np.full(size, np.nan), why or "the fit did not settle"
    ranks = _ranks(points[None, :])[0]
    drawn = found if found is not None and found.size else np.zeros((0, size))
    if len(drawn) and np.isfinite(drawn).any() and bool((np.nanmax(drawn, 0) - np.nanmin(drawn, 0) < 1e-9).all()):
        drawn, why = drawn[:0], "no intervals: every draw gives the same strengths"  # no width is no certainty
    places = _ranks(drawn)
    order = [int(place) for place in np.argsort(-points, kind="stable")]
    ranked = [
        Ranked(
            item=games.items[place],
            strength=_figure(f"{model}_strength", points[place], drawn[:, place], games, place, how),
            rank=_figure(f"{model}_rank", ranks[place], places[:, place], games, place, how),
        )
        for place in order
    ]
    played = len(games.first)
    return Ranking(
        model=model, ranked=tuple(ranked), comparisons=played, total=games.total, tie_parameter=ties, note=why
    )


def _figure(measure: str, value: float, draws: Array, games: Games, place: int, how: str) -> Figure:
    interval = percentile_interval(draws, count=games.clusters, unit=games.unit) if len(draws) else None
    if interval is not None and how:
        interval = interval.model_copy(update={"method": f"{interval.method}, {how}"})
    shown = float(value) if np.isfinite(value) else None
    n, total = int(games.played[place]), int(games.asked[place])
    return Figure(measure=measure, value=shown, n=n, total=total, interval=interval if shown is not None else None)


def _ranks(points: Array) -> Array:
    """Ranks (draws, items), 1 for the most points, equal ones share the best; NaN where a draw has none."""
    ranks: Any = import_module("scipy.stats").rankdata
    told = np.full(points.shape, np.nan)
    fitted = np.isfinite(points).all(1)
    told[fitted] = ranks(-points[fitted], method="min", axis=1)
    return told
