"""Statistics: a whole report over 100,000 comparisons, and what counting them first saves."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import numpy as np

from autorater_evals.bench.figures import Figure, Taken
from autorater_evals.statistics.abstaining import risk_coverage
from autorater_evals.statistics.agreement import RULES, accuracy, accuracy_by_gap, choice_codes, points
from autorater_evals.statistics.calibration import brier_score, calibration_error
from autorater_evals.statistics.ceiling import leave_one_out_majority
from autorater_evals.statistics.comparing import compare
from autorater_evals.statistics.correlation import Measure, correlation
from autorater_evals.statistics.elo import elo
from autorater_evals.statistics.games import make_games, win_shares
from autorater_evals.statistics.orders import both_orders_accuracy, first_rate, position_consistency
from autorater_evals.statistics.ranking import rank
from autorater_evals.statistics.reliability import cohen_kappa, fleiss_kappa, krippendorff_alpha, percent_agreement
from autorater_evals.statistics.tie_calibration import tie_calibrated, tie_calibrated_held_out

MEASURES: tuple[Measure, ...] = (
    "pearson",
    "pearson_logistic4",
    "pearson_logistic5",
    "spearman",
    "kendall_b",
    "kendall_c",
)
ITEMS = tuple(f"model {letter}" for letter in "ABCDEFGHIJKLMNOPQRSTUVWX")


@dataclass(frozen=True)
class Pairs:
    """Made-up comparisons of 24 models: three people's votes, a judge in both orders, and a rival judge."""

    first: list[str]
    second: list[str]
    prompts: list[str]
    votes: Any
    human: list[str]
    margins: Any
    forward: list[str | None]
    reverse: list[str | None]
    rival: list[str | None]
    confidence: Any


def measure(quick: bool) -> list[Figure]:
    """The report and its parts in seconds of CPU, and Bradley-Terry's bootstrap against that on raw rows."""
    count = 2_000 if quick else 100_000
    data = pairs(count)
    for name in ("scipy.stats", "scipy.optimize", "sklearn.metrics", "statsmodels.stats.inter_rater", "evalica"):
        import_module(name)  # an import is no part of a report of this size
    parts: list[tuple[str, Callable[[Pairs], object]]] = [
        ("agreement, orders, ties, two runs compared, calibration", agreement),
        ("six correlations", correlations),
        ("alpha, kappas, the human ceiling", reliability),
        ("Bradley-Terry, ties, Elo", rankings),
    ]
    rounds = 1 if quick else 3
    turns = [[_timed(lambda part=part: part(data)) for _, part in parts] for _ in range(rounds)]
    taken = [min(told, key=lambda one: one.processor) for told in zip(*turns, strict=True)]
    whole = Taken(sum(told.wall for told in taken), sum(told.processor for told in taken))
    note = f"{whole.wall:.3g} s by the clock, least of {rounds}; {len(set(data.prompts)):,} prompts as clusters"
    name = f"a report of statistics over {count:,} comparisons"
    figures = [Figure(name, whole.processor, "s of CPU", 15, "lower", note)]
    figures += [
        Figure(f"of it: {name}", told.processor, "s of CPU") for (name, _), told in zip(parts, taken, strict=True)
    ]
    return [*figures, _against_raw_rows(500 if quick else 10_000, 20 if quick else 100)]


def pairs(count: int) -> Pairs:
    """`count` comparisons, 20 a prompt, with ties, scores on a coarse scale, 2 % without an answer; always the same."""
    rng = np.random.default_rng(0)
    size = len(ITEMS)
    first = rng.integers(0, size, count)
    second = (first + rng.integers(1, size, count)) % size
    gap = (second - first) / 8
    seen = gap[:, None] + rng.normal(size=(count, 3))
    votes = np.where(np.abs(seen) < 0.4, 0.0, np.sign(seen))
    margins, rival = (np.round(gap + by * rng.normal(size=count), 1) for by in (1.2, 1.4))
    lost = rng.random(count) < 0.02
    reverse = np.where(rng.random(count) < 0.85, margins, -margins)
    margins[lost] = np.nan
    confidence = 1 / (1 + np.exp(-np.abs(margins)))
    return Pairs(
        [ITEMS[k] for k in first],
        [ITEMS[k] for k in second],
        [f"prompt {number % max(count // 20, 1)}" for number in range(count)],
        votes,
        [choice or "tie" for choice in _choices(votes.sum(1), 0.5)],
        margins,
        _choices(margins, 0.25),
        _choices(reverse, 0.25),
        _choices(rival, 0.25),
        confidence,
    )


def agreement(data: Pairs) -> object:
    """Accuracies, orders, tie calibration, two runs compared, calibration."""
    clusters = data.prompts
    truth = choice_codes(data.human, who="people")
    right, other = (
        points(truth, choice_codes(side, who="a judge"), rule="three_way") for side in (data.forward, data.rival)
    )
    return [
        [accuracy(data.human, data.forward, rule=rule, clusters=clusters) for rule in RULES],
        accuracy_by_gap(
            data.human, data.forward, gaps=np.abs(data.votes.sum(1)), rule="half", human_ties="count", clusters=clusters
        ),
        both_orders_accuracy(data.human, forward=data.forward, reverse=data.reverse, clusters=clusters),
        position_consistency(data.forward, data.reverse, clusters=clusters),
        first_rate(data.forward, data.reverse, clusters=clusters),
        tie_calibrated(data.human, data.margins, clusters=clusters),
        tie_calibrated_held_out(data.human, data.margins, clusters=clusters),
        compare(right, other, clusters=clusters),
        calibration_error(data.confidence, right, clusters=clusters),
        brier_score(data.confidence, right, clusters=clusters),
        risk_coverage(data.confidence, right, clusters=clusters),
    ]


def correlations(data: Pairs) -> object:
    """Each measure of the judge's margins with the mean vote."""
    people = data.votes.mean(1)
    return [correlation(data.margins, people, measure=name, clusters=data.prompts) for name in MEASURES]


def reliability(data: Pairs) -> object:
    """Agreement of people among each other and with the judge."""
    judge, people = choice_codes(data.forward, who="the judge"), choice_codes(data.human, who="people")
    return [
        krippendorff_alpha(data.votes, clusters=data.prompts),
        fleiss_kappa(data.votes, clusters=data.prompts),
        percent_agreement(data.votes, clusters=data.prompts),
        cohen_kappa(judge, people),
        cohen_kappa(judge, people, weights="quadratic"),
        leave_one_out_majority(data.votes, clusters=data.prompts),
    ]


def rankings(data: Pairs) -> object:
    """1,000 cluster bootstraps of Bradley-Terry and of ties as an outcome, at most 200 of Elo."""
    games = make_games(data.first, data.second, data.forward, clusters=data.prompts)
    return [rank(games), rank(games, model="newman"), elo(games), win_shares(games)]


def _against_raw_rows(count: int, draws: int) -> Figure:
    """How many times as long `evalica.bootstrap` takes on the comparisons themselves, in turns, the least of three."""
    evalica: Any = import_module("evalica")
    data = pairs(count)
    outcome = choice_codes(data.forward, who="the judge")
    rows = np.flatnonzero(~np.isnan(outcome))
    first, second = ([side[k] for k in rows] for side in (data.first, data.second))
    winners = [evalica.Winner(int(outcome[k]) % 3) for k in rows]

    def raw() -> object:
        told = {"n_resamples": draws, "bootstrap_method": "percentile", "random_state": 0}
        return evalica.bootstrap(evalica.bradley_terry, first, second, winners, **told)

    def counted() -> object:
        return rank(make_games(data.first, data.second, data.forward), draws=draws)

    turns = [(_timed(raw).processor, _timed(counted).processor) for _ in range(3)]
    theirs, ours = (min(turn[side] for turn in turns) for side in (0, 1))
    note = f"{draws} draws of {count:,} comparisons, CPU: {theirs:.3g} s on raw rows, {ours:.3g} s counted first"
    return Figure("Bradley-Terry's bootstrap on raw rows to that on counts", theirs / ours, bar=1, note=note)


def _choices(margins: Any, threshold: float) -> list[str | None]:
    return [
        None if np.isnan(margin) else "tie" if abs(margin) <= threshold else "a" if margin > 0 else "b"
        for margin in margins
    ]


def _timed(work: Callable[[], object]) -> Taken:
    wall, processor = time.perf_counter(), time.process_time()
    work()
    return Taken(time.perf_counter() - wall, time.process_time() - processor)
