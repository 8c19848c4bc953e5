"""Comparisons as numbers, counted by pair and outcome, so that 100,000 of them cost what their few rows cost."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import numpy as np

from autorater.canonical import Record
from autorater.errors import UsageError
from autorater_evals.statistics.agreement import choice_codes
from autorater_evals.statistics.resampling import Array, Clusters, Index, Mask, cluster_numbers, draw_weights


@dataclass(frozen=True)
class Games:
    """Comparisons with a result, as numbers: who met whom, how it went, and the cluster (prompt) of each."""

    items: tuple[str, ...]
    first: Index
    second: Index
    outcome: Index
    """1: the first won, 0: a tie, -1: the second won."""
    cluster: Index
    clusters: int
    cluster_name: str
    """What a cluster is, in the plural: prompts."""
    asked: Index
    """Comparisons of each item that were asked for; those without a result are not in the columns."""

    @property
    def total(self) -> int:
        """Comparisons that were asked for."""
        return int(self.asked.sum()) // 2

    @property
    def played(self) -> Index:
        """Comparisons of each item that have a result."""
        return np.bincount(np.concatenate([self.first, self.second]), minlength=len(self.items))

    @property
    def unit(self) -> str:
        """What a bootstrap draws, in words."""
        return "comparisons" if self.clusters == len(self.first) else self.cluster_name


class WinShares(Record):
    """How often each item won against each other: rows beat columns, ties count half; null where they never met."""

    items: tuple[str, ...]
    shares: tuple[tuple[float | None, ...], ...]
    counts: tuple[tuple[int, ...], ...]


def make_games(
    first: Sequence[str],
    second: Sequence[str],
    choices: Sequence[str | None],
    *,
    clusters: Clusters = None,
    unit: str = "clusters",
    items: Sequence[str] | None = None,
) -> Games:
    """Comparisons of `first` with `second`: `choices` "a" where the first won, "b" the second, "tie", or None.

    `items` (default: all that appear, sorted) may name some that were never compared. `clusters` are the prompts;
    `unit` names them.

    Raises:
        UsageError: columns of different length, another choice, an item against itself or not among `items`.

    """
    known = tuple(items) if items is not None else tuple(sorted({*first, *second}))
    place = {name: number for number, name in enumerate(known)}
    if len(place) < len(known):
        raise UsageError(f"items: expected different names, got {len(known) - len(place)} twice")
    if len(first) != len(second):
        raise UsageError(f"expected as many second as first items, got {len(first)} and {len(second)}")
    if len(choices) != len(first):
        raise UsageError(f"expected one choice for each of {len(first)} comparisons, got {len(choices)}")
    told = choice_codes(choices, who="the judge")
    strange = sorted({*first, *second} - place.keys())
    if strange:
        raise UsageError(f"comparison of {strange[0]!r}, which is not among the items")
    one, other = (np.array([place[name] for name in side], np.intp) for side in (first, second))
    same = np.flatnonzero(one == other)
    if len(same):
        raise UsageError(f"comparison {same[0]} is of {known[one[same[0]]]!r} with itself")
    asked = np.bincount(np.concatenate([one, other]), minlength=len(known))
    kept = np.isfinite(told)
    codes, count = cluster_numbers(clusters, n=len(first), kept=kept)
    return Games(known, one[kept], other[kept], told[kept].astype(np.intp), codes, count, unit, asked)


def win_shares(games: Games) -> WinShares:
    """The observed share of wins of each item against each other."""
    size = len(games.items)
    gain = np.zeros((size, size))
    met = np.zeros((size, size), np.int64)
    half = (games.outcome + 1) / 2
    np.add.at(gain, (games.first, games.second), half)
    np.add.at(gain, (games.second, games.first), 1 - half)
    np.add.at(met, (games.first, games.second), 1)
    np.add.at(met, (games.second, games.first), 1)
    shares = tuple(
        tuple(float(won / often) if often else None for won, often in zip(*pair, strict=True))
        for pair in zip(gain, met, strict=True)
    )
    return WinShares(items=games.items, shares=shares, counts=tuple(tuple(map(int, row)) for row in met))


@dataclass(frozen=True)
class Rows:
    """One row per pair and outcome: the winner first, or the lower number first for a tie."""

    winner: Index
    loser: Index
    tie: Mask
    counts: Array
    of_game: Index
    """The row that each comparison counts for."""


def count_rows(games: Games) -> Rows:
    """The comparisons by pair and outcome."""
    size = max(len(games.items), 1)
    swapped = (games.outcome < 0) | ((games.outcome == 0) & (games.first > games.second))
    winner = np.where(swapped, games.second, games.first)
    loser = np.where(swapped, games.first, games.second)
    keys, of_game = np.unique(((games.outcome == 0) * size + winner) * size + loser, return_inverse=True)
    counts = np.bincount(of_game, minlength=len(keys)).astype(np.float64)
    return Rows(keys // size % size, keys % size, keys >= size * size, counts, of_game)


def draw_counts(games: Games, rows: Rows, draws: int) -> Iterator[Array]:
    """The count of each row in each draw: of comparisons (multinomial), or of clusters through their sparse table."""
    if games.clusters < 2:
        return
    if games.unit == "comparisons":
        rng = np.random.default_rng(0)
        share = rows.counts / rows.counts.sum()
        yield from rng.multinomial(len(games.first), share, size=draws).astype(np.float64)
        return
    sparse: Any = import_module("scipy.sparse")
    ones = np.ones(len(games.first))
    table = sparse.csr_array((ones, (games.cluster, rows.of_game)), shape=(games.clusters, len(rows.counts)))
    for weights in draw_weights(games.clusters, draws=draws, width=len(rows.counts)):
        yield from np.asarray(weights @ table)
