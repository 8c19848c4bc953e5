"""What is measured, against counts made by hand; subsets and splits."""

from importlib import import_module
from statistics import fmean
from typing import Any

import numpy as np
import pytest

from autorater.card import Card
from autorater.checklist import Checklist
from autorater.checklist import Item as Question
from autorater.cli_options import JudgeOptions
from autorater.errors import UsageError
from autorater.specialist_judge import SpecialistJudge
from autorater_evals.answers import Answer
from autorater_evals.benchmark import Dimension, Part
from autorater_evals.grid.choosing import Marks, best_of, eligible_of, repeat_splits, value_of
from autorater_evals.grid.effects import effects_of
from autorater_evals.grid.judging import read_by
from autorater_evals.grid.subsets import (
    choose_pool,
    choosing,
    count_subsets,
    folder_name,
    label,
    short_label,
    subsets_of,
)
from autorater_evals.grid.target import Target, make_target, targets_of
from autorater_evals.item import Item, Opinion, Preference

LOOK = Dimension(name="look", meaning="how it looks")
NAN = float("nan")


def _pair(id: str, preferred: Any, *, cluster: str = "", group: str = "") -> Item:
    return Item(
        id=id,
        part="pairs",
        prompt="p",
        images=("1.png", "2.png"),
        cluster=cluster or id,
        group=group,
        preferences={"look": Preference(preferred=preferred)},
    )


def _side(side: Any) -> Answer:
    return Answer("tie" if side == "tie" else "scored", side=side)


def _part(kind: Any) -> Part:
    return Part(name="pairs", kind=kind, dimensions=() if kind == "questions" else (LOOK,), expect={})


def _target(measure: str, *items: Item, kind: str = "pairs") -> Target:
    part = _part(kind)
    return make_target(part, LOOK if part.dimensions else None, measure, items)


@pytest.mark.parametrize(
    ("measure", "marks"),
    [
        ("accuracy_half", [1, 0, 0.5, NAN]),
        ("accuracy_strict", [1, 0, 0, NAN]),
        ("accuracy_drop", [1, 0, NAN, NAN]),
        ("accuracy_three_way", [1, 0, 0, NAN, 1]),
    ],
)
def test_marks_of_pairs_under_each_tie_rule(measure: str, marks: list[float]) -> None:
    items = [_pair(name, side) for name, side in (("1", "a"), ("2", "b"), ("3", "a"), ("4", "b"), ("5", "tie"))]
    told = {"1": _side("a"), "2": _side("a"), "3": _side("tie"), "4": Answer("refused"), "5": _side("tie")}
    target = _target(measure, *items)
    np.testing.assert_array_equal(target.marks_of(told), marks)


def test_a_group_is_right_when_all_of_its_pairs_are() -> None:
    items = [_pair(f"{g}{n}", "a", cluster=g, group=g) for g in "xyz" for n in range(2)]
    told = {"x0": _side("a"), "x1": _side("a"), "y0": _side("a"), "y1": _side("b"), "z0": _side("a")}
    target = _target("group_accuracy", *items, kind="groups")
    assert target.units == ("x", "y", "z")
    np.testing.assert_array_equal(target.marks_of(told), [1, 0, NAN])


def test_questions_are_units_of_their_own() -> None:
    asked = Checklist(name="own", items=(Question(id="one", text="One?"), Question(id="two", text="Two?")))
    item = Item(
        id="q",
        part="pairs",
        prompt="p",
        images=("1.png",),
        cluster="p",
        questions=asked,
        answers={"one": "yes", "two": "no"},
    )
    target = _target("accuracy", item, item.model_copy(update={"id": "r"}), kind="questions")
    assert target.units == ("q/one", "q/two", "r/one", "r/two")
    told = {"q": {"one": "yes", "two": "cannot_tell"}, "r": None}
    np.testing.assert_array_equal(target.marks_of(told), [1, 0, NAN, NAN])


def _image(id: str, *, cluster: str, mean: float) -> Item:
    opinions = {"look": Opinion(mean=mean)}
    return Item(id=id, part="pairs", prompt="p", images=("1.png",), cluster=cluster, opinions=opinions)


@pytest.mark.parametrize("measure", ["pearson", "spearman", "kendall_b"])
def test_correlations_are_those_of_scipy(measure: str) -> None:
    stats: Any = import_module("scipy.stats")
    random = np.random.default_rng(3)
    people, judge = random.integers(0, 5, 40) / 2, random.integers(0, 7, 40).astype(float)
    items = [_image(str(n), cluster=str(n // 2), mean=float(mean)) for n, mean in enumerate(people)]
    target = _target(measure, *items, kind="points")
    told = {str(n): Answer("scored", score=score) for n, score in enumerate(judge) if n != 7}
    marks = target.marks_of(told)
    kept = np.arange(40) != 7
    oracle: Any = {"pearson": stats.pearsonr, "spearman": stats.spearmanr, "kendall_b": stats.kendalltau}[measure]
    wanted = float(oracle(judge[kept], people[kept]).statistic)
    assert value_of(marks, target.people, target) == pytest.approx(wanted)
    figure = target.figure(marks, draws=50)
    assert figure.value == pytest.approx(wanted)
    assert (figure.n, figure.total) == (39, 40)


def test_what_is_not_there_is_refused_by_name() -> None:
    parts, items = [_part("pairs")], [_pair("1", "a")]
    assert targets_of(parts, items)[0].measure == "accuracy_half"
    with pytest.raises(UsageError, match="no part is called 'pear'; "):
        targets_of(parts, items, part="pear")
    with pytest.raises(UsageError, match="--measure is one of accuracy_half"):
        targets_of(parts, items, part="pairs", measure="pearson")
    with pytest.raises(UsageError, match="dimensions: look"):
        targets_of(parts, items, dimension="smell")


def test_subsets_are_none_singles_pairs_triples_and_all() -> None:
    found = subsets_of(["d", "b", "c", "a"], most=2)
    assert found[0] == ()
    assert found[-1] == ("a", "b", "c", "d")
    assert len(found) == 1 + 4 + 6 + 1
    assert count_subsets(4, most=2) == 12
    assert count_subsets(21, most=3) == 1 + 21 + 210 + 1330 + 1
    assert len(subsets_of("abc", most=3)) == count_subsets(3, most=3) == 8
    assert label(()) == "none"
    assert short_label(tuple("abcd"), tuple("abcd")) == "all (4)"
    assert short_label(tuple("abc"), tuple("abc")) == "a+b+c"
    assert short_label(tuple("abcd"), tuple("abcde")) == "a+b+c+d"
    assert folder_name(("a", "b")) == "a+b"
    long = folder_name([f"specialist_{number}" for number in range(20)])
    assert len(long) < 60
    assert long.startswith("20-specialists-")


def test_whole_prompts_choose_or_report() -> None:
    clusters = [f"prompt {n // 3}" for n in range(30)]
    mask = choosing(clusters, share=0.3)
    assert mask.sum() == 9
    assert all(len({bool(mask[m]) for m in range(30) if clusters[m] == name}) == 1 for name in clusters)
    np.testing.assert_array_equal(mask, choosing(clusters, share=0.3))
    with pytest.raises(UsageError, match="two at least; got 1"):
        choosing(["one"] * 4, share=0.5)
    with pytest.raises(UsageError, match="between 0 and 1; got 1"):
        choosing(clusters, share=1)


def test_the_pool_is_what_is_ready_and_applies() -> None:
    from fakes import card

    ready: dict[str, Card] = {
        "plain": card("plain"),
        "face": card("face", needs=("source",)),
        "versus": card("versus", needs=("rival",)),
    }
    pairs = [_pair("1", "a")]
    assert choose_pool("all", ready, pairs) == (("plain", "versus"), ())
    pool, said = choose_pool("plain,face", ready, pairs)
    assert pool == ("plain",)
    assert said == ("face applies to none of the items and is left out",)
    pool, said = choose_pool("auto", ready, pairs, reads=("plain", "elsewhere"))
    assert pool == ("plain",)
    assert said == ("this judge reads plain alone: 2 more that are ready are left out (--tools all tries them too)",)
    assert choose_pool("all", ready, pairs, reads=("plain",)) == (("plain", "versus"), ())
    assert choose_pool("versus", ready, pairs, reads=("plain",)) == (("versus",), ())
    for wrong, words in (
        ("none", "specialists to choose from"),
        ("plian", "no specialist that is ready"),
        ("face", "applies"),
    ):
        with pytest.raises(UsageError, match=words):
            choose_pool(wrong, ready, pairs)


def test_the_embedded_judge_is_given_what_it_reads() -> None:
    judge, pairs = SpecialistJudge(), [_pair("1", "a")]
    edits = [pairs[0].model_copy(update={"sources": pairs[0].images[:1]})]
    assert read_by(JudgeOptions(), pairs) == judge.reads(edit=False)
    assert read_by(JudgeOptions(), edits) == judge.reads(edit=True)
    assert set(read_by(JudgeOptions(), pairs + edits) or ()) == {*judge.reads(edit=False), *judge.reads(edit=True)}
    assert read_by(JudgeOptions(criterion="sharpness.detail"), pairs) == ("sharpness",)
    assert read_by(JudgeOptions(model="openai:any"), pairs) is None


def _marks(rows: dict[tuple[str, ...], list[float]]) -> Marks:
    count = len(next(iter(rows.values())))
    target = _target("accuracy_half", *[_pair(str(n), "a", cluster=str(n // 2)) for n in range(count)])
    return Marks(target, tuple(rows), np.array(list(rows.values())))


def test_a_subset_with_few_results_is_never_chosen() -> None:
    marks = _marks({(): [1, 0] * 10, ("a",): [1] * 10 + [NAN] * 10, ("b",): [1, 1, 0, 0] * 5})
    eligible = eligible_of(marks.array)
    assert eligible.tolist() == [True, False, True]
    assert best_of(np.array([0.5, 1.0, 0.5]), eligible, marks.subsets) == 0, "of equal ones the smaller"
    assert best_of(np.array([NAN, NAN, NAN]), eligible, marks.subsets) is None


def test_repeated_splits_are_the_same_choice_again_and_again() -> None:
    random = np.random.default_rng(5)
    rows: dict[tuple[str, ...], list[float]] = {
        names: [float(value) for value in random.integers(0, 2, 24)] for names in subsets_of("abc", most=2)
    }
    rows[("a",)][3] = NAN
    marks = _marks(rows)
    found = repeat_splits(marks, share=0.4, number=20)
    assert found is not None
    assert found.number == 20
    gains: list[tuple[float, float]] = []
    table = [np.array(row) for row in rows.values()]
    for seed in range(1, 21):
        mask = choosing(marks.target.clusters, share=0.4, seed=seed)
        means = [[fmean(value for value in row[part] if value == value) for row in table] for part in (mask, ~mask)]
        ranked = zip(means[0], marks.subsets, range(len(rows)), strict=True)
        best = min((-round(value, 12), len(names), names, place) for value, names, place in ranked)[3]
        gains.append((means[0][best] - means[0][0], means[1][best] - means[1][0]))
    assert found.gain_chooses == pytest.approx(np.mean([one for one, _ in gains]))
    assert found.gain_reports == pytest.approx(np.mean([other for _, other in gains]))


def test_the_effect_of_a_specialist_is_the_mean_paired_change_by_size() -> None:
    rows = {
        (): [0, 0, 0, 1],
        ("a",): [1, 0, 0, 1],
        ("b",): [0, 0, 1, 1],
        ("c",): [0, 0, 0, 1],
        ("a", "b"): [1, 1, 1, 1],
        ("a", "c"): [0, 0, 0, 0],
        ("b", "c"): [0, 0, 0, 1],
    }
    found = {
        one.specialist: one for one in effects_of(_marks({k: [float(v) for v in r] for k, r in rows.items()}), "abc")
    }
    # Adding a to none gives +1/4; to b +2/4 and to c -1/4, their mean 1/8; over the two sizes (1/4 + 1/8) / 2.
    assert found["a"].pairs == 3
    assert found["a"].change.figure.value == pytest.approx(0.1875)
    assert found["a"].better == pytest.approx(3 / 3)
    assert found["a"].worse == pytest.approx(1 / 3)
    assert found["a"].hurt == ("3",)
    assert found["a"].helped == ("0", "1")
    # c: none 0; to a -2/4, to b -1/4.
    assert found["c"].change.figure.value == pytest.approx((0 - 0.375) / 2)
    assert [one.specialist for one in effects_of(_marks({(): [1.0, 0.0]}), "x")] == ["x"]


@pytest.mark.parametrize(("clusters", "known"), [(5, False), (6, True)])
def test_a_change_of_a_correlation_has_no_p_over_few_prompts(clusters: int, known: bool) -> None:
    random = np.random.default_rng(4)
    people = random.normal(size=24)
    items = [_image(str(n), cluster=str(n % clusters), mean=float(mean)) for n, mean in enumerate(people)]
    rows = np.stack([random.normal(size=24), people + random.normal(size=24)])
    (found,) = effects_of(Marks(_target("pearson", *items, kind="points"), ((), ("a",)), rows), "a")
    gain = [float(np.corrcoef(row, people)[0, 1]) for row in rows]
    assert found.change.figure.value == pytest.approx(gain[1] - gain[0])
    assert found.change.figure.interval is not None
    assert "too narrow" in found.change.figure.note
    assert (found.change.p is not None) == known
