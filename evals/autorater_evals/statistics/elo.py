"""Elo points of items from pairs, averaged over orders of play."""

from importlib import import_module
from typing import Any

import numpy as np

from autorater_evals.statistics.games import Games
from autorater_evals.statistics.ranking import Ranking, apart, make_ranking
from autorater_evals.statistics.resampling import Array, Index, draw_weights

GAMES = 10_000_000
FEWEST = 100
"""No more games than this are played for an interval, but at least so many draws."""


def elo(games: Games, *, step: float = 4.0, orders: int = 20, draws: int = 200) -> Ranking:
    """Elo points, 1,000 at the start, the mean over `orders` shuffles of the comparisons (always the same ones).

    Elo updates after each game, by `step` times what was not expected, so the points depend on the order of games.
    Recorded comparisons have none, hence the shuffles. A tie is half a win. Points start at 1,000 and move slowly:
    after 1,600 / (step ln 10) games against equals (174 at a step of 4) a third of the way is still to go. With few
    games of an item rank by Bradley-Terry, which Elo tends to. The interval draws comparisons, or whole clusters,
    again and plays each draw in one shuffled order, so it holds the chance of sampling and of the order; `draws` are
    fewer with more than 50,000 comparisons. Games go to evalica one by one, since its weights scale what was won but
    not what was expected. Strengths and ranks are null where no comparisons link some items with the rest.
    """
    why = apart(games)
    if why:
        return make_ranking(games, "elo", why=why)
    rng = np.random.default_rng(0)
    count = len(games.first)
    points = np.mean([_play(games, rng.permutation(count), step) for _ in range(orders)], axis=0)
    found: list[Array] = []
    if games.clusters > 1:
        draws = min(draws, max(FEWEST, GAMES // count))
        for portion in draw_weights(games.clusters, draws=draws, width=count):
            for often in portion:
                drawn = np.repeat(np.arange(count), often.astype(np.intp)[games.cluster])
                found.append(_play(games, rng.permutation(drawn), step))
    how = "each played in one shuffled order"
    return make_ranking(games, "elo", points=points, found=np.array(found), how=how)


def _play(games: Games, order: Index, step: float) -> Array:
    """Points (items,) after the games in `order`."""
    evalica: Any = import_module("evalica")
    known: Any = import_module("pandas").Index(np.arange(len(games.items)))
    winners = (games.outcome[order] % 3).astype(np.uint8)  # 1 the first, 2 the second, 0 a tie
    told = evalica.elo(games.first[order], games.second[order], winners, index=known, k=step)
    return np.asarray(told.scores.reindex(known), dtype=np.float64)
