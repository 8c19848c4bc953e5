"""GenAI-Bench: four labels exactly, each judge's profile, and verdicts read from raw text."""

from pathlib import Path
from typing import Any

import pytest
from released_files import DATA, one, recomputed, write_lines

from autorater_evals.published import parse_verdict_text
from autorater_evals.published.verdicts import tolerant_label

A, B, GOOD, BAD, TIE = "[[A>B]]", "[[B>A]]", "[[A=B=Good]]", "[[A=B=Bad]]", "[[A=B]]"
VOTES = [
    ("leftvote", A, "[[A>>B]]"),
    ("leftvote", B, None),
    ("rightvote", B, "[[B>>A]]"),
    ("rightvote", GOOD, "[[ B>A ]]"),
    ("tievote", GOOD, TIE),
    ("tievote", BAD, "no label"),
    ("bothbad_vote", BAD, TIE),
    ("bothbad_vote", A, "[[A>B]] or [[B>A]]"),
]


def write_votes(folder: Path, *, task: str = "image_edition", votes: Any = VOTES) -> None:
    rows: list[dict[str, Any]] = [
        {"idx": number, "instruct_prompt": f"edit {number}", "human_vote": human, "model_votes": {"plain": x, "odd": y}}
        for number, (human, x, y) in enumerate(votes)
    ]
    write_lines(folder / "genai-bench-votes" / f"{task}.jsonl.gz", rows)


def test_accuracy_and_profile(tmp_path: Path) -> None:
    write_votes(tmp_path)
    rows, notes = recomputed(tmp_path)

    def value(judge: str, measure: str) -> tuple[float | None, int]:
        row = one(rows, task="image_edition", judge=judge, measure=measure)
        assert (row.table, row.average) == ("GenAI-Bench", None)
        return row.value, row.n

    assert value("plain", "accuracy") == (4 / 8, 8)
    assert value("plain", "answered") == (1.0, 8)
    assert value("plain", "first_rate") == (2 / 4, 4)
    assert value("plain", "tie_rate") == (4 / 8, 8)
    assert value("plain", "both_bad_rate") == (2 / 8, 8)
    assert value("plain", "accuracy_both_decide") == (2 / 3, 3)
    assert value("odd", "accuracy") == (4 / 8, 8)  # [[A=B]] is right for both ties, another spelling is wrong
    assert value("odd", "accuracy_tolerant") == (5 / 8, 8)
    assert value("odd", "answered") == (4 / 8, 8)
    assert value("humans", "first_rate") == (2 / 4, 4)
    assert value("humans", "tie_rate") == (4 / 8, 8)
    assert "GenAI-Bench: image_edition has 8 rows; what was published is of 919" in notes
    assert any("no image_generation.jsonl" in note for note in notes)


def test_nothing_to_count_is_null_and_intervals_are_wilsons(tmp_path: Path) -> None:
    write_votes(tmp_path, task="image_generation", votes=[("leftvote", A, None)] * 3 + [("odd word", A, None)])
    rows, notes = recomputed(tmp_path)
    silent = one(rows, judge="odd", measure="first_rate")
    assert (silent.value, silent.n, silent.ci95) == (None, 0, None)
    accuracy = one(rows, judge="plain", measure="accuracy")
    assert accuracy.value == 1.0
    assert accuracy.n == 3
    assert accuracy.ci95 == pytest.approx((0.4385, 1.0), abs=1e-4)  # Wilson, 3 of 3
    assert any("with none of the four human votes, left out: 1" in note for note in notes)


def test_a_judge_that_is_missing_in_a_row_is_wrong_there(tmp_path: Path) -> None:
    rows = [
        {"prompt": "p", "human_vote": "leftvote", "model_votes": {"late": A, "early": A}},
        {"prompt": "q", "human_vote": "leftvote", "model_votes": {"early": A}},
    ]
    write_lines(tmp_path / "image_generation.jsonl", rows)
    found, _ = recomputed(tmp_path)
    assert one(found, judge="late", measure="accuracy").value == 0.5
    assert one(found, judge="late", measure="answered").value == 0.5


def test_pairs_of_one_prompt_are_drawn_together(tmp_path: Path) -> None:
    alone = [{"prompt": f"{n}", "human_vote": "leftvote", "model_votes": {"j": A if n % 2 else B}} for n in range(20)]
    shared = [{**row, "prompt": "ab"[n % 2] + str(n // 10)} for n, row in enumerate(alone)]
    widths: list[float] = []
    for name, rows in (("alone", alone), ("shared", shared)):
        write_lines(tmp_path / name / "image_generation.jsonl", rows)
        row = one(recomputed(tmp_path / name)[0], judge="j", measure="accuracy")
        assert row.ci95 is not None
        widths.append(row.ci95[1] - row.ci95[0])
    assert widths[1] > 1.5 * widths[0]


@pytest.mark.parametrize(
    ("text", "verdict", "label"),
    [
        ("so **[[A>B]]**", A, A),
        ("[[A>>B]]", "[[A>>B]]", A),
        ("[[ b > a ]]", "[[ b > a ]]", B),
        (r"\[\[A=B=Good\]\]", None, GOOD),
        ("[['A'='B'= 'Bad']]", "[['A'='B'= 'Bad']]", BAD),
        ("[[A==B==Good]]", "[[A==B==Good]]", GOOD),
        ("[[A&gt;B]]", "[[A&gt;B]]", A),
        ("[[Model B is better:]]", "[[Model B is better:]]", B),
        ("first [[A>B]]\nthen [[A>B]]", A, A),
        ("[[A>B]] or [[B>A]]", "[[A>B]] or [[B>A]]", None),
        ("A is better", None, None),
        ("[[]]", "[[]]", None),
        ("", None, None),
        (None, None, None),
        (3, None, None),
    ],
)
def test_verdicts_in_text(text: object, verdict: str | None, label: str | None) -> None:
    assert parse_verdict_text(text) == verdict
    assert tolerant_label(text) == label


def test_agreement_with_the_released_verdicts(tmp_path: Path) -> None:
    write_votes(tmp_path)
    raw = [
        {"task": "image_edition", "model": "m", "idx": 0, "response": "I say [[A>B]].", "released_vote": A},
        {"task": "image_edition", "model": "m", "idx": 1, "response": None, "released_vote": None},
        {"task": "image_edition", "model": "m", "idx": 2, "response": "[[B>A]]", "released_vote": A},
    ]
    write_lines(tmp_path / "genai-bench-votes" / "image_edition_raw_responses.jsonl.gz", raw)
    rows, notes = recomputed(tmp_path)
    row = one(rows, judge="m", measure="parse_agreement")
    assert row.value == pytest.approx(2 / 3)
    assert row.n == 3
    assert any("that are no text, read as no verdict: 1" in note for note in notes)


def test_raw_text_of_the_released_example_parses_as_the_authors_parsed_it() -> None:
    if not (DATA / "genai-bench-votes").is_dir():
        pytest.skip("genai-bench-votes is not in ../shared/data beside the repository")
    rows, _ = recomputed(DATA / "genai-bench-votes")
    agreement = [row for row in rows if row.measure == "parse_agreement"]
    assert [(row.task, row.value, row.n) for row in agreement] == [
        ("image_generation", 1.0, 150),
        ("image_edition", 1.0, 150),
    ]
    accuracies = [row for row in rows if row.measure == "accuracy"]
    assert len(accuracies) == 36
    assert all(row.published is not None for row in accuracies)
    for row in accuracies:  # an excerpt: the published value of all rows lies near its interval
        assert row.ci95 is not None
        assert row.published is not None
        assert row.ci95[0] - 0.03 < row.published < row.ci95[1] + 0.03
