"""How orders and samples become one judgment."""

from itertools import combinations, product
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autorater.judgment import OutcomeKind, Pass, combine, in_duel, rank_by_wins, spokesman, total_cost
from autorater.verdict import Verdict

PROBLEMS = ("unreachable", "refused", "unparsable", "abstained")


def vote(order: str, preferred: Any, probability: float | None = None, method: Any = "votes") -> Pass:
    chance = {"a": 1.0, "b": 0.0, "tie": 0.5}[preferred] if probability is None else probability
    verdict = Verdict(preference=preferred, rationale=f"{order} {preferred}")
    outcome = "tie" if preferred == "tie" else "scored"
    return Pass(order=order, outcome=outcome, verdict=verdict, probability=chance, method=method)


def problem(kind: Any, order: str = "ab") -> Pass:
    return Pass(order=order, outcome=kind, detail=f"{kind} it was")


def test_every_problem_is_an_outcome() -> None:
    assert set(PROBLEMS) | {"scored", "tie"} == set(get_args(OutcomeKind))


@pytest.mark.parametrize("kind", PROBLEMS)
@pytest.mark.parametrize("task", ["rate", "compare", "check"])
def test_a_problem_is_never_outvoted(kind: str, task: Any) -> None:
    result = combine([vote("ab", "a"), vote("ab", "a"), problem(kind, "ba")], task=task)
    assert (result.outcome, result.reason) == (kind, f"{kind} it was (order ba)")
    assert (result.score, result.probability, result.preferred, result.method) == (None, None, None, None)


@pytest.mark.parametrize(("first", "second"), list(combinations(PROBLEMS, 2)))
def test_the_worst_problem_decides(first: str, second: str) -> None:
    assert combine([problem(second), problem(first, "ba")], task="compare").outcome == first


def test_nobody_was_asked() -> None:
    assert combine([], task="rate").outcome == "abstained"


@pytest.mark.parametrize(("forth", "back"), list(product(("a", "b", "tie"), repeat=2)))
def test_two_orders_agree_or_tie(forth: str, back: str) -> None:
    result = combine([vote("ab", forth), vote("ba", back)], task="compare")
    agreed = forth == back
    assert result.consistent == agreed
    assert result.preferred == (forth if agreed else "tie")
    assert result.outcome == ("scored" if agreed and forth != "tie" else "tie")
    assert ("the two orders disagree" in result.reason) == (not agreed)


@given(st.lists(st.sampled_from(["a", "b", "tie"]), min_size=1, max_size=6))
def test_samples_of_one_order_lean_by_their_mean(votes: list[str]) -> None:
    result = combine([vote("ab", told) for told in votes], task="compare")
    gap = votes.count("a") - votes.count("b")
    assert result.preferred == ("a" if gap > 0 else "b" if gap < 0 else "tie")
    assert result.consistent is None
    assert result.probability == pytest.approx(0.5 + gap / len(votes) / 2, abs=1e-6)


def test_what_comes_from_different_sources_is_called_votes() -> None:
    alike = [vote("ab", "a", 0.8, "logprobs"), vote("ba", "a", 0.6, "logprobs")]
    assert combine(alike, task="compare").method == "logprobs"
    assert combine([*alike, vote("ba", "a")], task="compare").method == "votes"


def test_the_spokesman_agrees_with_the_outcome() -> None:
    passes = [problem("refused"), vote("ab", "b"), vote("ba", "a")]
    assert spokesman(passes, "a") == passes[2]
    assert spokesman(passes, "tie") == passes[1]  # nobody said so: the first who answered
    assert spokesman(passes[:1], None) is None


@given(st.permutations("abcde"))
def test_a_consistent_order_is_found(order: list[str]) -> None:
    places = {letter: place for place, letter in enumerate(order)}
    results = [(i, j, float(places["abcde"[i]] < places["abcde"[j]])) for i, j in combinations(range(5), 2)]
    assert rank_by_wins(5, results) == tuple((letter,) for letter in order)


def test_equal_points_are_tied() -> None:
    assert rank_by_wins(3, [(0, 1, 1.0), (1, 2, 1.0), (0, 2, 0.0)]) == (("a", "b", "c"),)
    assert rank_by_wins(3, [(0, 1, 0.5), (1, 2, 1.0), (0, 2, 1.0)]) == (("a", "b"), ("c",))


def test_an_unknown_cost_is_not_zero() -> None:
    assert total_cost([0.1, 0.2]) == pytest.approx(0.3)
    assert total_cost([]) == 0
    assert total_cost([0.1, None]) is None


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("image a is preferred in both orders", "image c is preferred in both orders"),
        ("Image b is a fox and b is a letter", "Image d is a fox and b is a letter"),
        ("(shown as ab: a, shown as ba: tie)", "(shown as cd: c, shown as dc: tie)"),
        ("no answer (order ba)", "no answer (order dc)"),
        ("P(a preferred) = 0.3 (a against b): appeal", "P(c preferred) = 0.3 (c against d): appeal"),
        ("an image about a cab", "an image about a cab"),
    ],
)
def test_words_about_a_pair_get_the_letters_of_the_ranking(text: str, told: str) -> None:
    assert in_duel(text, "c", "d") == told
