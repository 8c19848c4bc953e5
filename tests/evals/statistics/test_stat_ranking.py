"""Bradley-Terry, ties and Elo against choix, a likelihood maximised by scipy, and rows drawn one by one."""

import math
from importlib import import_module
from typing import Any

import numpy as np
import pytest

from autorater.errors import UsageError
from autorater_evals.statistics.elo import elo
from autorater_evals.statistics.games import Games, make_games, win_shares
from autorater_evals.statistics.ranking import Ranking, rank, ranking_agreement

choix: Any = import_module("choix")
evalica: Any = import_module("evalica")
optimize: Any = import_module("scipy.optimize")
NAMES = tuple("abcdef")
NAN = math.nan
LOGS = 400 / math.log(10)


def play(seed: int, *, n: int = 900, ties: float = 0.3, spread: float = 0.6) -> tuple[list[str], list[str], Any]:
    """Games of items whose strengths fall from a to f."""
    rng = np.random.default_rng(seed)
    first = rng.integers(0, len(NAMES), n)
    second = (first + rng.integers(1, len(NAMES), n)) % len(NAMES)
    won = rng.random(n) < 1 / (1 + np.exp(-spread * (second - first)))
    outcome = np.where(rng.random(n) < ties, 0.0, np.where(won, 1.0, -1.0))
    return [NAMES[k] for k in first], [NAMES[k] for k in second], outcome


def words(outcome: Any) -> list[str | None]:
    """1, 0, -1 and NaN as choices."""
    return [None if math.isnan(value) else {1: "a", 0: "tie", -1: "b"}[int(value)] for value in outcome]


def strengths(ranking: Ranking) -> Any:
    told = {item.item: item.strength.value for item in ranking.ranked}
    return np.array([told[name] for name in NAMES], dtype=float)


def numbered(names: list[str]) -> Any:
    return np.array([NAMES.index(name) for name in names])


@pytest.mark.parametrize("ties", [0.0, 0.3])
def test_bradley_terry_is_choixs_with_ties_as_half_wins(ties: float) -> None:
    for seed in range(3):
        first, second, outcome = play(seed, ties=ties)
        outcome[::31] = np.nan
        ranking = rank(make_games(first, second, words(outcome)), draws=10)
        pairs: list[tuple[int, int]] = []
        for one, other, result in zip(numbered(first), numbered(second), outcome, strict=True):
            pairs += [(one, other)] * int(result >= 0) + [(other, one)] * int(result <= 0)
            pairs += [(one, other)] * int(result == 1) + [(other, one)] * int(result == -1)  # a win is two halves
        expected = choix.opt_pairwise(len(NAMES), pairs, alpha=0, tol=1e-10)
        assert strengths(ranking) == pytest.approx(1000 + LOGS * (expected - expected.mean()), abs=0.01)
        spectral = choix.ilsr_pairwise(len(NAMES), pairs, alpha=0)
        assert strengths(ranking) == pytest.approx(1000 + LOGS * (spectral - spectral.mean()), abs=0.01)
        assert (ranking.comparisons, ranking.total) == (int(np.isfinite(outcome).sum()), 900)
        assert sum(item.strength.n for item in ranking.ranked) == 2 * ranking.comparisons
        assert sum(item.strength.total for item in ranking.ranked) == 2 * ranking.total
        assert [item.rank.value for item in ranking.ranked] == [1, 2, 3, 4, 5, 6]


def test_newmans_ties_maximise_davidsons_likelihood() -> None:
    first, second, outcome = play(4)
    ranking = rank(make_games(first, second, words(outcome)), model="newman", draws=10)
    one, other = numbered(first), numbered(second)

    def loss(told: Any) -> float:
        points, tie = np.append(told[:-1], -told[:-1].sum()), math.exp(told[-1])
        x, y = np.exp(points[one]), np.exp(points[other])
        drawn = 2 * tie * np.sqrt(x * y)
        gained = np.where(outcome == 1, x, np.where(outcome == -1, y, drawn))
        return float(-np.log(gained / (x + y + drawn)).sum())

    best = optimize.minimize(loss, np.zeros(len(NAMES)), options={"gtol": 1e-6}).x
    points = np.append(best[:-1], -best[:-1].sum())
    assert strengths(ranking) == pytest.approx(1000 + LOGS * points, abs=0.05)
    assert ranking.tie_parameter == pytest.approx(math.exp(best[-1]), rel=1e-4)


@pytest.mark.parametrize(
    ("results", "odds"),
    [([1, 1, 1, 1], 0.0), ([1, 1, 0, 0], 1.0), ([1, 1, 1, 1, 0, 0], 0.5), ([1, 1, *[0] * 8], 4.0), ([0, 0], None)],
)
def test_between_equals_the_tie_parameter_is_the_odds_of_a_tie(results: list[float], odds: float | None) -> None:
    """Equal strengths settle at once, before a tie parameter that is fitted with them has moved."""
    times = len(results) // 2
    games = make_games(["a", "b"] * times, ["b", "a"] * times, words(results))  # each wins as often as the other
    found = rank(games, model="newman", draws=1)
    assert [item.strength.value for item in found.ranked] == [1000, 1000]
    assert found.tie_parameter == (None if odds is None else pytest.approx(odds))


@pytest.mark.parametrize("model", ["bradley_terry", "newman"])
def test_where_every_draw_gives_the_same_there_is_no_interval(model: Any) -> None:
    found = rank(make_games(list("abca"), list("bcab"), words([0, 0, 0, 0])), model=model)
    assert [(item.strength.value, item.rank.value) for item in found.ranked] == [(1000, 1)] * 3
    assert all(item.strength.interval is None and item.rank.interval is None for item in found.ranked)
    assert found.note == "no intervals: every draw gives the same strengths"


@pytest.mark.parametrize("model", ["bradley_terry", "newman"])
def test_intervals_are_those_of_comparisons_drawn_one_by_one(model: Any) -> None:
    first, second, outcome = play(5, n=300)
    clusters = [f"{number // 6:02}" for number in range(300)]
    games = make_games(first, second, words(outcome), clusters=clusters, unit="prompts")
    found = rank(games, model=model, draws=100)
    rng = np.random.default_rng(0)
    drawn: list[Any] = []
    for _ in range(100):
        rows = [6 * int(name) + place for name in rng.integers(0, 50, 50) for place in range(6)]
        again = make_games([first[k] for k in rows], [second[k] for k in rows], words(outcome[rows]), items=NAMES)
        drawn.append(strengths(rank(again, model=model, draws=1)))
    low, high = np.quantile(drawn, [0.025, 0.975], axis=0)
    order = (-np.array(drawn)).argsort(1).argsort(1) + 1.0
    for item in found.ranked:
        place = NAMES.index(item.item)
        assert item.strength.interval is not None
        assert item.rank.interval is not None
        assert item.strength.interval.method == "cluster bootstrap, 100 draws of 50 prompts"
        assert item.strength.interval.low == pytest.approx(low[place], abs=0.01)
        assert item.strength.interval.high == pytest.approx(high[place], abs=0.01)
        assert item.rank.interval.low == pytest.approx(np.quantile(order[:, place], 0.025))
        assert item.rank.interval.high == pytest.approx(np.quantile(order[:, place], 0.975))
    assert rank(games, model=model, draws=100) == found


def test_intervals_of_single_comparisons_are_as_wide_as_evalicas_on_raw_rows() -> None:
    first, second, outcome = play(6, n=400)
    found = rank(make_games(first, second, words(outcome)), draws=400)
    winners = [evalica.Winner(int(result) % 3) for result in outcome]
    raw = evalica.bootstrap(
        evalica.bradley_terry, first, second, winners, n_resamples=300, bootstrap_method="percentile", random_state=0
    )
    logs = np.log(raw.distribution.to_numpy())
    points = 1000 + LOGS * (logs - logs.mean(1, keepdims=True))
    for item in found.ranked:
        assert item.strength.interval is not None
        low, high = np.quantile(points[:, list(raw.distribution.columns).index(item.item)], [0.025, 0.975])
        assert item.strength.interval.high - item.strength.interval.low == pytest.approx(high - low, rel=0.2)


@pytest.mark.parametrize(
    ("games", "why"),
    [
        (
            make_games(["a", "b", "a"], ["b", "a", "b"], words([1, 1, 0]), items=["a", "b", "c"]),
            "no comparisons link c",
        ),
        (make_games(["a", "b", "c", "d"], ["b", "a", "d", "c"], words([1, 1, 1, 1])), "2 separate parts"),
        (make_games(["a", "a", "b", "c"], ["b", "c", "c", "b"], words([1, 1, 1, 1])), "a never lost or tied"),
        (make_games(["a", "b", "b", "c"], ["c", "c", "a", "a"], words([1, 1, -1, -1])), "never lost or tied"),
        (make_games(["b", "c", "a", "a"], ["c", "b", "b", "c"], words([1, 1, -1, -1])), "a never won or tied"),
        (make_games(["a", "b", "c", "d", "a"], ["b", "a", "d", "c", "c"], words([1, 1, 1, 1, 1])), "every comparison"),
        (make_games([], [], []), "fewer than two items"),
        (make_games(["a"], ["b"], words([NAN])), "fewer than two items"),
    ],
)
def test_without_a_finite_estimate_strengths_are_null_and_the_note_names_the_items(games: Games, why: str) -> None:
    for model in ("bradley_terry", "newman"):
        found = rank(games, model=model)
        assert all(item.strength.value is None and item.rank.interval is None for item in found.ranked)
        assert why in found.note
    assert len(rank(games).ranked) == len(games.items)


def test_rare_draws_without_an_estimate_leave_no_interval() -> None:
    found = rank(make_games(["a", "a", "b"], ["b", "b", "a"], words([1, 1, 1])), draws=200)
    assert found.ranked[0].strength.value == pytest.approx(1000 + LOGS * math.log(2) / 2)
    assert found.ranked[0].strength.interval is None


def test_elo_is_evalicas_game_by_game_and_averages_orders() -> None:
    first, second, outcome = play(7, n=3000)
    games = make_games(first, second, words(outcome), clusters=[str(number % 100) for number in range(3000)])
    once = elo(games, orders=1, draws=50)
    points = dict.fromkeys(NAMES, 1000.0)
    for k in map(int, np.random.default_rng(0).permutation(3000)):
        one, other = first[k], second[k]
        expected = 1 / (1 + 10 ** ((points[other] - points[one]) / 400))
        points[one] += 4 * ((outcome[k] + 1) / 2 - expected)
        points[other] -= 4 * ((outcome[k] + 1) / 2 - expected)
    assert strengths(once) == pytest.approx(np.array(list(points.values())))
    many = elo(games, draws=100)
    assert [item.item for item in many.ranked] == list(NAMES)
    assert strengths(many) == pytest.approx(strengths(rank(games, draws=1)), abs=25)
    for item in many.ranked:
        assert item.strength.value is not None
        assert item.strength.interval is not None
        assert "each played in one shuffled order" in item.strength.interval.method
        assert item.strength.interval.low < item.strength.value < item.strength.interval.high
    assert elo(games, draws=100) == many
    assert elo(make_games(["a"], ["b"], words([1]), items=["a", "b", "c"])).ranked[0].strength.value is None
    sure = elo(make_games(["a", "a"], ["b", "b"], words([1, 1])))
    assert sure.ranked[0].strength.value is not None


def test_win_shares_count_ties_half() -> None:
    told = win_shares(make_games(["a", "b", "a", "c"], ["b", "a", "b", "a"], words([1, 1, 0, NAN])))
    assert told.items == ("a", "b", "c")
    assert told.shares == ((None, 0.5, None), (0.5, None, None), (None, None, None))
    assert told.counts == ((0, 3, 0), (3, 0, 0), (0, 0, 0))


def test_rankings_agree_by_kendall() -> None:
    one = {name: float(place) for place, name in enumerate(NAMES)}
    other: dict[str, float | None] = {**one, "a": 1.5, "g": 3.0, "f": None}
    found = ranking_agreement(one, other, draws=100)
    assert (found.value, found.n, found.total) == (pytest.approx(0.8), 5, 7)
    assert ranking_agreement(one, one).value == pytest.approx(1)


def test_bad_comparisons_are_refused_by_their_place() -> None:
    with pytest.raises(UsageError, match="comparison 1 is of 'b' with itself"):
        make_games(["a", "b"], ["b", "b"], words([1, 1]))
    with pytest.raises(UsageError, match="as choice 1 of the judge"):
        make_games(["a", "b"], ["b", "a"], ["a", "c"])
    with pytest.raises(UsageError, match="'z', which is not among"):
        make_games(["a"], ["z"], words([1]), items=["a", "b"])
    with pytest.raises(UsageError, match="as many second"):
        make_games(["a"], [], words([1]))
    with pytest.raises(UsageError, match="one choice for each of 1"):
        make_games(["a"], ["b"], [])
    with pytest.raises(UsageError, match="different names"):
        make_games(["a"], ["b"], words([1]), items=["a", "b", "a"])
