"""Accuracy under each tie rule against a table and against every way the missing answers could have gone."""

from itertools import product

import numpy as np
import pytest

from autorater.errors import UsageError
from autorater_evals.statistics.agreement import (
    RULES,
    HumanTies,
    TieRule,
    accuracy,
    accuracy_by_gap,
    choices_of_margins,
    group_accuracy,
)
from autorater_evals.statistics.four_labels import four_label_accuracy

NAN = float("nan")
# (rule, judge ties and people do not, both tie, people tie and the judge does not); None: dropped
TABLE: list[tuple[TieRule, float | None, float | None, float | None]] = [
    ("strict", 0, 0, 0),
    ("half", 0.5, 1, 0.5),
    ("drop", None, None, 0),
    ("three_way", 0, 1, 0),
]


def pairs(seed: int, n: int, *, missing: float = 0.2) -> tuple[list[str], list[str | None]]:
    random = np.random.default_rng(seed)
    human: list[str] = random.choice(["a", "b", "tie"], n).tolist()
    judge: list[str | None] = random.choice(["a", "b", "tie"], n).tolist()
    return human, [None if gone else choice for gone, choice in zip(random.random(n) < missing, judge, strict=True)]


def by_hand(human: list[str], judge: list[str | None], rule: TieRule, human_ties: HumanTies) -> list[float | None]:
    _, judge_tie, both, human_tie = next(row for row in TABLE if row[0] == rule)
    found: list[float | None] = []
    for truth, answer in zip(human, judge, strict=True):
        if truth == "tie" and human_ties == "exclude":
            continue
        if answer is None:
            found.append(None)
        elif truth == "tie":
            found.append(both if answer == "tie" else human_tie)
        else:
            found.append(judge_tie if answer == "tie" else float(answer == truth))
    return found


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("human_ties", ["exclude", "count"])
def test_each_rule_is_its_row_of_the_table(rule: TieRule, human_ties: HumanTies) -> None:
    for seed in range(30):
        human, judge = pairs(seed, 25)
        values = by_hand(human, judge, rule, human_ties)
        kept = [value for value in values if value is not None]
        figure = accuracy(human, judge, rule=rule, human_ties=human_ties)
        assert (figure.n, figure.total) == (len(kept), len(values))
        assert figure.value == pytest.approx(sum(kept) / len(kept))
        assert figure.measure == f"accuracy_{rule}"


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("human_ties", ["exclude", "count"])
def test_bounds_are_the_worst_and_best_of_all_answers_that_could_have_come(
    rule: TieRule, human_ties: HumanTies
) -> None:
    for seed in range(15):
        human, judge = pairs(seed, 7, missing=0.4)
        lost = [place for place, answer in enumerate(judge) if answer is None or (rule == "drop" and answer == "tie")]
        outcomes: list[float] = []
        for filled in product(("a", "b") if rule == "drop" else ("a", "b", "tie"), repeat=len(lost)):
            answers = list(judge)
            for place, answer in zip(lost, filled, strict=True):
                answers[place] = answer
            values = by_hand(human, answers, rule, human_ties)
            outcomes.append(sum(value or 0 for value in values) / len(values) if values else NAN)
        figure = accuracy(human, judge, rule=rule, human_ties=human_ties)
        if figure.bounds is None:
            assert figure.n == figure.total
        else:
            assert figure.bounds == pytest.approx((min(outcomes), max(outcomes)))


def test_what_is_left_out_is_said() -> None:
    figure = accuracy(["a", "tie", "b", "b"], ["a", "a", "tie", "b"], rule="drop")
    assert (figure.n, figure.total, figure.value) == (2, 3, 1.0)
    assert figure.note == "1 pair left out on which people tie; 1 tie of the judge counted as missing"


def test_clusters_follow_the_pairs_that_are_counted() -> None:
    human, judge = pairs(3, 400)
    figure = accuracy(human, judge, rule="half", clusters=[f"p{n % 40}" for n in range(400)], unit="prompts")
    assert figure.interval is not None
    assert figure.value is not None
    assert figure.interval.method == "cluster bootstrap, 2,000 draws of 40 prompts"
    assert figure.interval.low < figure.value < figure.interval.high
    single = accuracy(["a", "b", "a"], ["a", "a", "a"], rule="strict")
    assert single.interval is not None
    assert single.interval.method == "Wilson"


def test_no_pairs_have_no_accuracy() -> None:
    assert accuracy([], [], rule="strict").value is None
    assert accuracy(["tie"], ["a"], rule="strict").total == 0
    assert accuracy(["a"], [None], rule="half").bounds == (0.0, 1.0)


def test_margins_become_choices() -> None:
    assert choices_of_margins([0.2, -0.3, 0.0, NAN, 0.1], threshold=0.1) == ["a", "b", "tie", None, "tie"]
    assert choices_of_margins([0.0, 1e-9]) == ["tie", "a"]
    with pytest.raises(UsageError, match="threshold of 0 or more"):
        choices_of_margins([1.0], threshold=-1)


def test_bins_of_gaps_share_out_all_pairs() -> None:
    random = np.random.default_rng(0)
    human, judge = pairs(1, 300)
    gaps = random.integers(1, 6, 300).astype(float)
    found = accuracy_by_gap(human, judge, gaps=gaps, rule="strict", bins=3)
    assert sum(one.accuracy.total for one in found) == sum(choice != "tie" for choice in human)
    for place, one in enumerate(found):
        last = place == len(found) - 1
        inside = (gaps >= one.low) & ((gaps <= one.high) if last else (gaps < one.high))
        kept = [n for n in range(300) if inside[n]]
        alone = accuracy([human[n] for n in kept], [judge[n] for n in kept], rule="strict")
        assert one.accuracy == alone


def test_given_edges_bound_the_bins_and_an_empty_bin_has_no_value() -> None:
    found = accuracy_by_gap(["a", "b"], ["a", "a"], gaps=[0.5, 3.0], rule="strict", edges=[0, 1, 2, 3])
    assert [(one.low, one.high, one.accuracy.value) for one in found] == [(0, 1, 1.0), (1, 2, None), (2, 3, 0.0)]
    same = accuracy_by_gap(["a", "b"], ["a", "a"], gaps=[2.0, 2.0], rule="strict")
    assert [(one.low, one.high, one.accuracy.n) for one in same] == [(2.0, 2.0, 2)]
    assert accuracy_by_gap(["tie"], ["a"], gaps=[0.0], rule="strict") == ()
    with pytest.raises(UsageError, match=r"expected edges around all gaps, 0\.5 to 3"):
        accuracy_by_gap(["a", "b"], ["a", "a"], gaps=[0.5, 3.0], rule="strict", edges=[0, 1])
    with pytest.raises(UsageError, match="a gap of 0 or more for each of 2 pairs"):
        accuracy_by_gap(["a", "b"], ["a", "a"], gaps=[0.5, NAN], rule="strict")


def test_a_group_is_right_only_if_all_its_pairs_are() -> None:
    human = ["a", "b", "tie", "a", "b", "a", "b"]
    judge = ["a", "b", "tie", "a", "a", None, "a"]
    figure = group_accuracy(human, judge, groups=["x", "x", "x", "y", "y", "z", "z"])
    assert (figure.value, figure.n, figure.total) == (0.5, 2, 3)
    # Group z has a wrong answer besides the missing one: it cannot become right.
    assert figure.bounds == pytest.approx((1 / 3, 1 / 3))


def test_groups_by_chance_are_right_as_often_as_all_their_pairs_are() -> None:
    random = np.random.default_rng(0)
    for size in (1, 3):
        human, judge = (random.choice(["a", "b", "tie"], 9000 * size).tolist() for _ in range(2))
        figure = group_accuracy(human, judge, groups=[str(n // size) for n in range(9000 * size)])
        assert figure.value == pytest.approx((1 / 3) ** size, abs=0.02)


def test_a_group_lies_in_one_cluster() -> None:
    arguments = ["a", "b", "a"], ["a", "b", "b"]
    figure = group_accuracy(*arguments, groups=["x", "x", "y"], clusters=["p", "p", "q"], unit="prompts")
    assert figure.interval is not None
    with pytest.raises(UsageError, match="expected all pairs of group 'x' in one cluster, got 'p', 'q'"):
        group_accuracy(*arguments, groups=["x", "x", "y"], clusters=["p", "q", "q"])


def test_four_labels_count_as_genai_bench_does() -> None:
    rows = [
        ("leftvote", "[[A>B]]", True),
        ("leftvote", "[[B>A]]", False),
        ("leftvote", "[[A=B]]", False),
        ("rightvote", "[[B>A]]", True),
        ("tievote", "[[A=B=Good]]", True),
        ("tievote", "[[A=B=Bad]]", False),
        ("tievote", "[[A=B]]", True),
        ("bothbad_vote", "[[A=B=Bad]]", True),
        ("bothbad_vote", "[[A=B]]", True),
        ("bothbad_vote", None, False),
        ("leftvote", "[[A or B]]", False),
    ]
    votes, verdicts = [vote for vote, _, _ in rows], [verdict for _, verdict, _ in rows]
    figure = four_label_accuracy(votes, verdicts)
    assert (figure.value, figure.n, figure.total) == (sum(right for *_, right in rows) / 11, 11, 11)
    assert figure.note == "2 answers without a known verdict counted as wrong"
    excluded = four_label_accuracy(votes, verdicts, unmatched_is_wrong=False)
    assert (excluded.value, excluded.n, excluded.bounds) == (6 / 9, 9, pytest.approx((6 / 11, 8 / 11)))


@pytest.mark.parametrize(
    ("human", "judge", "message"),
    [
        (["a"], ["a", "b"], "expected a choice of the judge for each of 1 pairs, got 2"),
        (["left"], ["a"], 'expected "a", "b" or "tie" as choice 0 of people .*, got \'left\''),
        (["a"], ["A"], 'expected "a", "b" or "tie" or None as choice 0 of the judge .*, got \'A\''),
    ],
)
def test_what_is_no_choice_is_said(human: list[str], judge: list[str | None], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        accuracy(human, judge, rule="strict")


def test_other_mistakes_are_said_in_words() -> None:
    with pytest.raises(UsageError, match="expected the cluster of each of 2 items, got 1 clusters"):
        accuracy(["a", "tie"], ["a", "b"], rule="strict", clusters=["p"])
    with pytest.raises(UsageError, match=r"expected one of leftvote, .* as vote 0"):
        four_label_accuracy(["left"], ["[[A>B]]"])
    with pytest.raises(UsageError, match="expected a verdict or None for each of 1 votes, got 0"):
        four_label_accuracy(["leftvote"], [])
