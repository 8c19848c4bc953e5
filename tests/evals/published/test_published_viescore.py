"""VIEScore's table against the authors' rule written plainly with scipy, on invented and on released ratings."""

import math
import random
from importlib import import_module
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from released_files import DATA, judged, one, rated, recomputed, write_lines

from autorater_evals.published.viescore_data import score_of

stats: Any = import_module("scipy.stats")

PLACES = [("Text-Guided_IE", "DiffEdit"), ("Text-Guided_IE", "SDEdit"), ("Text-Guided_IG", "SD")]
Key = tuple[str, str, str]


def authors(values: list[float]) -> float:
    return math.tanh(mean(values))


def fisher(values: list[float]) -> float:
    return math.tanh(mean([math.atanh(value) for value in values]))


def invent(folder: Path) -> tuple[dict[Key, Any], dict[tuple[str, str, str, str], Any]]:
    """Ratings of three generators in two tasks, and two judges' lists; what was written, by place and uid."""
    rng = random.Random(7)
    people: dict[Key, Any] = {}
    scores: dict[tuple[str, str, str, str], Any] = {}
    for place, number in product(PLACES, range(24)):
        truth = rng.random()
        people[(*place, f"s{number}.jpg")] = [
            [min(1.0, max(0.0, round(2 * (truth + rng.gauss(0, 0.3))) / 2)), rng.choice([0.0, 0.5, 1.0])]
            for _ in range(3)
        ]
        for judge in ("first_0shot", "second_1shot"):
            level = min(10, max(0, round(10 * (truth + rng.gauss(0, 0.4)))))
            semantic = [level, min(10, level + 1)]
            scores[(judge, *place, f"s{number}.jpg")] = semantic, [rng.randint(0, 10), rng.randint(0, 10)]
    rows = [rated(*key, ratings) for key, ratings in people.items()]
    write_lines(folder / "human_ratings.jsonl.gz", rows)
    lines = [line for key, (sc, pq) in scores.items() for line in judged(*key, SC=sc, PQ=pq)]
    write_lines(folder / "judge_scores.jsonl.gz", rng.sample(lines, len(lines)))
    return people, scores


def aspect_of(pair: Any, aspect: str) -> float:
    return {"SC": pair[0], "PQ": pair[1], "O": math.sqrt(pair[0] * pair[1])}[aspect]


def mean(values: Any) -> float:
    return sum(values) / len(values)


@pytest.mark.parametrize("aspect", ["SC", "PQ", "O"])
def test_a_judge_is_as_the_authors_compute_it(tmp_path: Path, aspect: str) -> None:
    people, scores = invent(tmp_path / "viescore-per-item")
    rows, _ = recomputed(tmp_path)
    per_place: dict[Any, float] = {}
    for place in PLACES:
        uids = [key[3] for key in scores if key[0] == "second_1shot" and key[1:3] == place]
        own = [aspect_of([min(part) / 10 for part in scores[("second_1shot", *place, uid)]], aspect) for uid in uids]
        theirs = [mean([aspect_of(pair, aspect) for pair in people[(*place, uid)]]) for uid in uids]
        per_place[place] = stats.spearmanr(own, theirs).statistic
        row = one(rows, judge="second_1shot", measure=aspect, task="/".join(place))
        assert row.value == pytest.approx(per_place[place], abs=1e-12)
        assert row.n == 24
        assert row.average is None
    for average, rule in (("authors", authors), ("fisher", fisher)):
        editing = rule([per_place[place] for place in PLACES[:2]])
        row = one(rows, judge="second_1shot", measure=aspect, task="Text-Guided_IE", average=average)
        assert row.value == pytest.approx(editing, abs=1e-12)
        assert row.n == 48
        assert row.ci95 is not None
        assert row.ci95[0] < editing < row.ci95[1]
        whole = one(rows, judge="second_1shot", measure=aspect, task="all", average=average)
        assert whole.value == pytest.approx(rule([editing, rule([per_place[PLACES[2]]])]), abs=1e-12)
        assert whole.n == 72
        assert whole.published is None


@pytest.mark.parametrize("aspect", ["SC", "PQ", "O"])
def test_people_are_each_against_the_mean_of_the_others(tmp_path: Path, aspect: str) -> None:
    people, _ = invent(tmp_path / "viescore-per-item")
    rows, _ = recomputed(tmp_path)
    for average, rule in (("authors", authors), ("fisher", fisher)):
        each: list[float] = []
        for place in PLACES[:2]:
            given = [[aspect_of(pair, aspect) for pair in value] for key, value in people.items() if key[:2] == place]
            found = [
                stats.spearmanr(
                    [row[rater] for row in given],
                    [mean([value for other, value in enumerate(row) if other != rater]) for row in given],
                ).statistic
                for rater in range(3)
            ]
            each.append(rule(found))
            row = one(rows, judge="humans", measure=aspect, task="/".join(place), average=average)
            assert row.value == pytest.approx(each[-1], abs=1e-12)
            assert row.n == 24
        row = one(rows, judge="humans", measure=aspect, task="Text-Guided_IE", average=average)
        assert row.value == pytest.approx(rule(each), abs=1e-12)


def test_the_interval_is_that_of_images_drawn_again(tmp_path: Path) -> None:
    """A plain bootstrap over uids, other draws: the ends agree as far as a thousand draws do."""
    people, scores = invent(tmp_path / "viescore-per-item")
    rows, _ = recomputed(tmp_path)
    rng = random.Random(0)
    uids = [f"s{number}.jpg" for number in range(24)]
    drawn: list[float] = []
    for _ in range(600):
        chosen = rng.choices(uids, k=24)
        found = [
            stats.spearmanr(
                [min(scores[("first_0shot", *place, uid)][0]) for uid in chosen],
                [mean([pair[0] for pair in people[(*place, uid)]]) for uid in chosen],
            ).statistic
            for place in PLACES[:2]
        ]
        drawn.append(fisher(found))
    drawn.sort()
    row = one(rows, judge="first_0shot", measure="SC", task="Text-Guided_IE", average="fisher")
    assert row.ci95 == pytest.approx((drawn[15], drawn[585]), abs=0.06)


@pytest.mark.parametrize(
    ("score", "value"),
    [
        ([8, 9], 0.8),
        ([5], 0.5),
        (7, 0.7),
        ("7", 0.7),
        ("[8, 3]", 0.3),
        (["9", 4], 0.4),
        ([7.5, 8], 0.75),
        ([12, 11], 1.0),
        ([-3, 4], 0.0),
        ([], None),
        (None, None),
        ("", None),
        ("very good", None),
        (True, None),
        ([None, 3], None),
        ([8, "n/a"], None),
        ([[8, 9]], None),
        ({"score": 8}, None),
        ("NaN", None),
        (float("inf"), None),
    ],
)
def test_scores_in_all_shapes(score: object, value: float | None) -> None:
    assert score_of(score) == value


def test_what_cannot_be_used_is_left_out_and_said(tmp_path: Path) -> None:
    people = [rated("T", "G", f"{number}", [[number % 3 / 2, 0.5], [0.5, number % 2], [1, 1]]) for number in range(6)]
    people += [rated("T", "G", "6", [[0.5, 1.0], None, [7, "x"]]), rated("T", "G", "7", [])]
    lines = [line for number in range(5) for line in judged("j", "T", "G", f"{number}", SC=[number], PQ=[3, number])]
    lines += judged("j", "T", "G", "5", SC=[5]) + judged("j", "T", "G", "6", SC=[], PQ=[4])
    lines += judged("j", "T", "G", "unknown", SC=[5], PQ=[6]) + judged("j", "T", "G", "0", SC=[1], style=[3])
    write_lines(tmp_path / "human_ratings.jsonl", people)
    write_lines(tmp_path / "judge_scores.jsonl", lines)
    rows, notes = recomputed(tmp_path)
    assert one(rows, judge="j", measure="SC", task="T", average="fisher").n == 5  # 5 has no PQ, 6 no SC
    assert one(rows, judge="humans", measure="SC", task="T/G", average="authors").n == 6  # 6 has one rater only
    text = "\n".join(notes)
    assert "outputs of j without a usable score, left out: 1 of 16" in text
    assert "images judged by j that people did not rate, left out: 1" in text
    assert "outputs of j that come again, the last one used: 1" in text
    assert "outputs on another aspect than SC and PQ, left out: 1" in text
    assert "ratings of people that are missing or not 0 to 1, left out: 4" in text


def test_a_judge_without_one_aspect_and_a_constant_one(tmp_path: Path) -> None:
    people = [
        rated("T", generator, f"{number}", [[number % 3 / 2, number % 2], [number % 2, 0.5], [0.5, 1]])
        for generator in ("G", "H")
        for number in range(6)
    ]
    lines: list[dict[str, Any]] = []
    for number in range(6):
        lines += judged("lone", "T", "G", f"{number}", SC=[number])
        lines += judged("flat", "T", "G", f"{number}", SC=[4, 4], PQ=[number])
        lines += judged("flat", "T", "H", f"{number}", SC=[number], PQ=[number])
        lines += judged("mute", "T", "G", f"{number}", SC=[0], PQ=[0])
    write_lines(tmp_path / "human_ratings.jsonl", people)
    write_lines(tmp_path / "judge_scores.jsonl", lines)
    rows, notes = recomputed(tmp_path)
    assert one(rows, judge="lone", measure="SC", task="T", average="authors").value is not None
    assert not [row for row in rows if row.judge == "lone" and row.measure in ("PQ", "O")]
    constant = one(rows, judge="flat", measure="SC", task="T/G")
    assert constant.value is None
    assert constant.ci95 is None
    assert constant.n == 6
    other = one(rows, judge="flat", measure="SC", task="T/H")
    assert other.value is not None
    for average, value in (("authors", math.tanh(other.value)), ("fisher", other.value)):
        row = one(rows, judge="flat", measure="SC", task="T", average=average)
        assert row.value == pytest.approx(value, abs=1e-9)
        assert row.n == 6
    assert one(rows, judge="mute", measure="O", task="T", average="fisher").value is None
    assert "VIEScore: flat, SC: constant under 1 of 2 generators: left out (T/G)" in notes


def test_a_person_who_always_says_the_same_is_left_out_and_said(tmp_path: Path) -> None:
    people = [rated("T", "G", f"{n}", [[n % 3 / 2, 1], [n % 2, 0.5], [0.5, 0.5]]) for n in range(6)]
    write_lines(tmp_path / "human_ratings.jsonl", people)
    rows, notes = recomputed(tmp_path)
    assert "VIEScore: people of T/G whose SC is constant, left out: 1 of 3" in notes
    others = [stats.spearmanr([n % 3 for n in range(6)], [n % 2 for n in range(6)]).statistic] * 2
    assert one(rows, measure="SC", task="T", average="fisher").value == pytest.approx(fisher(others), abs=1e-9)
    assert one(rows, measure="PQ", task="T", average="fisher").value is None


def test_the_released_example_gives_what_the_authors_print() -> None:
    if not (DATA / "viescore-per-item").is_dir():
        pytest.skip("viescore-per-item is not in ../shared/data beside the repository")
    rows, _ = recomputed(DATA / "viescore-per-item")
    compared = [row for row in rows if row.published is not None]
    assert len(compared) == 12  # people: three aspects of three generators and of the task
    for row in compared:
        assert row.value is not None
        assert row.published is not None
        assert row.value == pytest.approx(row.published, abs=5.1e-5), row
    own = {row.measure: row for row in rows if row.judge == "gpt4o_0shot" and row.average == "authors"}
    assert own["SC"].value == pytest.approx(0.45161, abs=1e-5)  # scipy on the file, by the notebook's rule
    assert own["PQ"].value == pytest.approx(0.27328, abs=1e-5)
    assert own["O"].value == pytest.approx(0.41363, abs=1e-5)
    assert {row.n for row in own.values()} == {306}
