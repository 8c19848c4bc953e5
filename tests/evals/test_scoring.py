"""Figures of parts against hand-made labels: slices, controls, groups, questions, labels of four kinds, ceilings."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

from autorater.checklist import Checklist
from autorater_evals.answers import Answer
from autorater_evals.benchmark import Dimension, Part
from autorater_evals.evaluation import Row
from autorater_evals.item import Item, Opinion, Preference, side_of
from autorater_evals.scoring import score_answers
from autorater_evals.scoring.ceilings import ceiling_rows
from autorater_evals.scoring.controls import MOST, concordance, concordance_rows, generator_rows
from autorater_evals.scoring.pairs import position_rows
from autorater_evals.scoring.passes import Orders
from autorater_evals.scoring.questions import question_rows
from autorater_evals.scoring.structures import pair_structures, point_structures
from autorater_evals.scoring.told import Told

POINTS = Part(name="points", kind="points", dimensions=(Dimension(name="d", meaning="d", low=1, high=5),), expect={})
PAIRS = POINTS.model_copy(update={"name": "pairs", "kind": "pairs"})


def found(rows: list[Row], measure: str, slice: str = "all") -> Any:
    (figure,) = (row.figure for row in rows if row.figure.measure == measure and row.slice == slice)
    return figure


def point(place: int, mean: float, **fields: Any) -> Item:
    told: dict[str, Any] = {"cluster": f"c{place % 5}", **fields}
    return Item(
        id=f"i{place}", part="points", prompt="p", images=(f"{place}.png",), opinions={"d": Opinion(mean=mean)}, **told
    )


def pair(place: int, gap: float, **fields: Any) -> Item:
    preference = fields.pop("preference", Preference(preferred=side_of(gap), gap=gap))
    told: dict[str, Any] = {"cluster": f"c{place % 5}", "images": (f"{place}a.png", f"{place}b.png"), **fields}
    return Item(id=f"i{place}", part="pairs", prompt="p", preferences={"d": preference}, **told)


def scores(values: Mapping[str, float | None]) -> dict[str, Answer]:
    return {
        id: Answer("refused") if value is None else Answer("scored", "overall", score=value)
        for id, value in values.items()
    }


def sides(values: Mapping[str, str | None]) -> dict[str, Answer]:
    return {
        id: Answer("refused") if side is None else Answer("tie" if side == "tie" else "scored", "overall", side=side)  # type: ignore[arg-type]
        for id, side in values.items()
    }


def test_concordance_is_the_share_of_pairs_in_order() -> None:
    rng = np.random.default_rng(3)
    judge, people = rng.integers(0, 4, 23).astype(float), rng.integers(1, 6, 23).astype(float)
    judge[4] = np.nan
    right, count = 0.0, 0
    for i in range(23):
        for j in range(i):
            if abs(people[i] - people[j]) >= 2 and np.isfinite(judge[i] + judge[j]):
                count += 1
                same = (judge[i] > judge[j]) == (people[i] > people[j])
                right += 0.5 if judge[i] == judge[j] else float(same)
    figure = concordance(judge, people, clusters=[f"c{place}" for place in range(23)], clear=2.0)
    assert figure.value == pytest.approx(right / count)
    assert figure.n == count
    assert figure.total > count
    assert figure.interval is not None
    assert figure.interval.low < right / count < figure.interval.high


def test_concordance_counts_what_is_missing_and_bounds_it() -> None:
    people = np.arange(6.0)
    judge = np.array([0.0, 1, 2, 3, np.nan, 5])
    figure = concordance(judge, people, clusters=list("abcdef"), clear=0)
    assert (figure.n, figure.total, figure.value) == (10, 15, 1.0)
    assert figure.bounds == (pytest.approx(10 / 15), 1.0)
    assert figure.interval is None
    alike = np.array([1.0, 1, 2])
    same = np.ones((3, 3), dtype=np.bool_)
    figure = concordance(alike, alike, clusters=list("abc"), clear=0, mask=same)
    assert (figure.n, figure.value) == (2, 1.0)  # neither an image with itself nor two that people find alike


def test_of_many_images_a_sample_is_drawn_from_all_and_not_from_the_judged_ones() -> None:
    items = [point(place, place / 20, generators=(("x", "y")[place % 2],)) for place in range(MOST + 100)]
    level = {item.id: float(place % 150) for place, item in enumerate(items) if place < 200}
    told = Told.of("d", items, scores(level))
    rows = {row.slice: row.figure for row in concordance_rows("points", told, clear=0)}
    assert rows["all"].total == MOST * (MOST - 1) // 2
    assert 0 < rows["all"].n < rows["all"].total
    assert rows["within generators"].total + rows["across generators"].total == rows["all"].total
    assert "1,500 images drawn by seed 0" in rows["all"].note


def test_within_generators_a_judge_that_knows_only_the_generator_is_at_chance() -> None:
    rng = np.random.default_rng(0)
    items = [
        point(place, 1.5 + 2 * (place % 2) + float(rng.uniform(0, 1)), generators=(("good", "bad")[place % 2],))
        for place in range(200)
    ]
    level = {item.id: 2.0 * (item.generators[0] == "bad") + float(rng.uniform(0, 0.01)) for item in items}
    rows = score_answers(POINTS, items, "d", scores(level))
    assert found(rows, "spearman").value > 0.6
    assert abs(found(rows, "spearman", "within generators").value) < 0.3
    told = Told.of("d", items, scores(level))
    control = [row for row in generator_rows("points", told) if row.figure.measure == "pearson"]
    assert control[0].figure.value is not None
    assert control[0].figure.value > 0.9


def test_the_generator_control_of_pairs_leaves_the_pairs_own_prompt_out() -> None:
    items = [pair(place, 1.0, generators=("x", "y"), cluster=f"c{place}") for place in range(6)]
    (row,) = generator_rows("pairs", Told.of("d", items, {}))
    assert row.figure.value == 1.0
    lone = [pair(place, 1.0, generators=("x", "y"), cluster="one") for place in range(6)]
    (row,) = generator_rows("pairs", Told.of("d", lone, {}))
    assert (row.figure.value, row.figure.n) == (None, 0)


def test_slices_of_pairs() -> None:
    items = [
        pair(0, 2.0, generators=("x", "x"), facets={"kind": "count"}),
        pair(1, -0.1, generators=("x", "y"), facets={"kind": "count"}),
        pair(2, 0.5, generators=("y", "z"), facets={"kind": "colour"}),
    ]
    rows = score_answers(PAIRS, items, "d", sides({"i0": "a", "i1": "a", "i2": "a"}))
    assert found(rows, "accuracy_half").value == pytest.approx(2 / 3)
    assert (found(rows, "accuracy_half", "gap >= 0.5").value, found(rows, "accuracy_half", "gap >= 0.5").n) == (1.0, 2)
    assert found(rows, "accuracy_half", "within generators").n == 1
    assert found(rows, "accuracy_half", "across generators").value == 0.5
    assert found(rows, "accuracy_half", "without y").n == 1
    assert found(rows, "accuracy_half", "kind: count").value == 0.5
    assert found(rows, "accuracy_half", "kind: colour").value == 1.0


def test_failures_leave_the_value_and_widen_the_bounds() -> None:
    items = [pair(place, 1.0) for place in range(4)]
    rows = score_answers(PAIRS, items, "d", sides({"i0": "a", "i1": "b", "i2": None}))
    figure = found(rows, "accuracy_half")
    assert (figure.value, figure.n, figure.total, figure.bounds) == (0.5, 2, 4, (0.25, 0.75))


def test_groups_are_right_only_together() -> None:
    def member(place: int, group: str, one: int, other: int) -> Item:
        return pair(place, 1.0, group=group, cluster=group, images=(f"{group}{one}.png", f"{group}{other}.png"))

    items = [member(0, "g", 1, 2), member(1, "g", 1, 3), member(2, "g", 2, 3), member(3, "h", 1, 2)]
    groups = PAIRS.model_copy(update={"kind": "groups"})
    rows = score_answers(groups, items, "d", sides({"i0": "a", "i1": "a", "i2": "b", "i3": "a"}))
    assert found(rows, "group_accuracy", "groups of 3").value == 0.0
    assert found(rows, "group_accuracy", "groups of 2").value == 1.0


def test_four_labels_take_a_tie_for_both_kinds() -> None:
    told = [("a", ""), ("tie", "good"), ("tie", "bad"), ("b", "")]
    items = [
        pair(place, 0, preference=Preference(preferred=side, both=both))  # type: ignore[arg-type]
        for place, (side, both) in enumerate(told)
    ]
    rows = score_answers(PAIRS, items, "d", sides({"i0": "a", "i1": "tie", "i2": "tie", "i3": "a"}))
    assert found(rows, "accuracy_four_labels").value == 0.75
    assert found(rows, "accuracy_three_way").value == 0.75


def test_questions_count_what_cannot_be_told_as_wrong() -> None:
    asked = Checklist.model_validate(
        {"name": "own", "items": [{"id": "one", "text": "Is it?"}, {"id": "two", "text": "Or?"}]}
    )
    items = [
        Item(
            id=f"q{place}", part="questions", prompt="p", images=("x.png",), cluster=f"c{place}",
            questions=asked, answers={"one": "yes", "two": "no"}, facets={"task": "ab"[place % 2]},
        )
        for place in range(3)
    ]  # fmt: skip
    told = {"q0": {"one": "yes", "two": "no"}, "q1": {"one": "cannot_tell", "two": "no"}, "q2": None}
    rows = list(question_rows("questions", items, told))
    figure = found(rows, "accuracy")
    assert (figure.value, figure.n, figure.total) == (0.75, 4, 6)
    assert figure.bounds == (0.5, pytest.approx(5 / 6))
    assert found(rows, "accuracy", "task: b").value == 0.5


def test_people_against_each_other() -> None:
    rng = np.random.default_rng(1)
    items: list[Item] = []
    for place in range(30):
        quality = rng.uniform(1, 5)
        ratings: dict[str, float | None] = {f"r{rater}": float(quality + rng.normal(0, 0.3)) for rater in range(4)}
        opinion = Opinion(mean=float(np.mean([value for value in ratings.values() if value])), ratings=ratings)
        items.append(point(place, opinion.mean).model_copy(update={"opinions": {"d": opinion}}))
    rows = {row.figure.measure: row.figure for row in ceiling_rows("points", Told.of("d", items, {}))}
    values = [figure.value for figure in rows.values()]
    assert len(values) == 3
    assert all(value is not None and value > 0.9 for value in values)
    votes = [
        pair(place, 1.0, preference=Preference(preferred="a", votes={"w": "a", "x": "a", "y": "a", "z": "b"}))
        for place in range(6)
    ]
    told = {row.figure.measure: row.figure for row in ceiling_rows("pairs", Told.of("d", votes, {}))}
    assert told["leave_one_out_majority"].value == pytest.approx(3 / 4)


def test_position_and_repeats() -> None:
    items = [pair(place, 1.0) for place in range(4)]
    orders = {
        "i0": Orders(("a", "b"), ("a", "a")),
        "i1": Orders(("a", "a"), ("b", "b")),
        "i2": Orders((None, None), ("b", "b")),
    }
    rows = {row.figure.measure: row.figure for row in position_rows(PAIRS, items, orders)}
    assert rows["position_consistency"].value == 0.5
    assert rows["position_consistency"].n == 2
    assert rows["first_rate"].value == pytest.approx(4 / 5)
    assert rows["flip_rate"].value == 0.5


def test_generators_are_ranked_by_judge_and_people() -> None:
    names = ("x", "y", "z")
    rng = np.random.default_rng(5)
    items: list[Item] = []
    told: dict[str, str | None] = {}
    for place in range(90):
        one, other = rng.permutation(3)[:2]
        side = "a" if rng.uniform() < (0.8 if one < other else 0.2) else "b"
        items.append(pair(place, 1.0 if side == "a" else -1.0, generators=(names[one], names[other])))
        told[f"i{place}"] = side if rng.uniform() < 0.9 else "tie"
    structures = pair_structures(PAIRS, Told.of("d", items, sides(told)))
    assert structures.generators is not None
    assert [one.item for one in structures.generators.people.ranked] == ["x", "y", "z"]
    assert structures.generators.agreement.value == 1.0


def test_a_judge_with_one_answer_for_all_attributes_has_no_structure() -> None:
    dimensions = tuple(Dimension(name=name, meaning=name, low=1, high=5) for name in "abc")
    part = Part(name="points", kind="points", dimensions=dimensions, expect={})
    rng = np.random.default_rng(2)
    items = [
        Item(
            id=f"i{place}", part="points", prompt="p", images=("x.png",), cluster=f"c{place}",
            opinions={name: Opinion(mean=float(rng.uniform(1, 5))) for name in "abc"},
        )
        for place in range(20)
    ]  # fmt: skip
    overall = [
        Told.of(name, items, scores({item.id: 3.0 + place / 9 for place, item in enumerate(items)})) for name in "abc"
    ]
    assert point_structures(part, overall) is None
    apart = [
        Told.of(
            name,
            items,
            {item.id: Answer("scored", f"attribute:{name}", score=item.opinions[name].mean) for item in items},
        )
        for name in "abc"
    ]
    structures = point_structures(part, apart)
    assert structures is not None
    assert structures.attributes is not None
    assert structures.attributes.frobenius.value == pytest.approx(0.0)
    assert [one.kappa.value for one in structures.agreements] == [1.0, 1.0, 1.0]


def test_folds_are_averaged_plainly() -> None:
    rng = np.random.default_rng(8)
    items = [point(place, float(rng.uniform(1, 5)), facets={"fold": str(place % 2)}) for place in range(40)]
    told = scores({item.id: item.opinions["d"].mean + float(rng.normal()) for item in items})
    rows = score_answers(POINTS, items, "d", told)
    each = [found(rows, "spearman", f"fold: {fold}").value for fold in "01"]
    mean = found(rows, "spearman", "mean of folds")
    assert mean.value == pytest.approx(sum(value for value in each if value is not None) / 2)
    assert mean.interval is not None
    halves = [found(rows, "spearman", f"fold: {fold}") for fold in "01"]
    below = [one.value - one.interval.low for one in halves if one.value is not None and one.interval is not None]
    assert mean.value is not None
    assert mean.value - mean.interval.low == pytest.approx((below[0] ** 2 + below[1] ** 2) ** 0.5 / 2)


def test_no_questions_have_no_figures() -> None:
    assert not list(question_rows("questions", [], {}))
