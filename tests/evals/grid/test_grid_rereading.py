"""Recorded answers read otherwise: thresholds and panels, on answers made by hand."""

from typing import Any

import pytest

from autorater.errors import UsageError
from autorater_evals.answers import Answer
from autorater_evals.grid.rereading import by_panel, with_threshold


def _side(side: Any, probability: float | None = None) -> Answer:
    margin = None if probability is None else probability - 0.5
    return Answer("tie" if side == "tie" else "scored", "overall", side, margin, probability)


def _score(score: float, source: str = "overall") -> Answer:
    return Answer("scored", source, score=score)


def test_a_threshold_makes_ties_and_undoes_them() -> None:
    assert with_threshold(_side("a", 0.6), 0.2).side == "tie"  # type: ignore[union-attr]
    assert with_threshold(_side("a", 0.6), 0.05).side == "a"  # type: ignore[union-attr]
    undone = with_threshold(_side("tie", 0.45), 0.0)
    assert isinstance(undone, Answer)
    assert (undone.side, undone.outcome) == ("b", "scored")
    for kept in (_side("a"), Answer("refused"), _score(3), None, {"one": "yes"}):
        assert with_threshold(kept, 0.4) == kept


@pytest.mark.parametrize(
    ("members", "mean", "majority"),
    [
        ([_side("a", 0.9), _side("b", 0.4), _side("b", 0.45)], "a", "b"),
        ([_side("a"), _side("b")], "tie", "tie"),
        ([_side("a", 0.7), _side("tie", 0.5), _side("b", 0.3)], "tie", "tie"),
        ([_side("a"), _side("tie"), _side("tie")], "a", "tie"),
    ],
)
def test_a_panel_of_pairs(members: list[Answer], mean: str, majority: str) -> None:
    found = [by_panel(members, reduce=reduce) for reduce in ("mean_prob", "majority")]
    assert [one.side for one in found if isinstance(one, Answer)] == [mean, majority]


def test_one_without_a_result_leaves_none_to_the_panel() -> None:
    assert by_panel([_side("a", 0.9), Answer("refused")], reduce="mean_prob") == Answer("refused")
    assert by_panel([{"one": "yes"}, None], reduce="majority") is None


def test_a_panel_of_ratings_is_their_mean_when_they_are_of_one_thing() -> None:
    found = by_panel([_score(2), _score(5)], reduce="mean_prob")
    assert isinstance(found, Answer)
    assert found.score == 3.5
    with pytest.raises(UsageError, match="different things \\(dimension:appeal and overall\\)"):
        by_panel([_score(2), _score(5, "dimension:appeal")], reduce="mean_prob")
    with pytest.raises(UsageError, match="a majority is of pairs"):
        by_panel([_score(2), _score(5)], reduce="majority")


def test_a_panel_of_questions_goes_by_majority() -> None:
    told: list[Any] = [{"one": "yes", "two": "no"}, {"one": "yes", "two": "yes"}, {"one": "no", "two": "cannot_tell"}]
    assert by_panel(told, reduce="majority") == {"one": "yes", "two": "cannot_tell"}
