"""TIFA160's metrics and DSG's question scores, against scipy on invented images and against what was printed."""

import csv
import gzip
import io
import random
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from released_files import DATA, one, recomputed, write_lines

stats: Any = import_module("scipy.stats")

SCORES = "tifa160_human_and_metric_scores.jsonl"


def write_table(path: Path, heading: str, rows: Sequence[Sequence[object]]) -> None:
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerows([heading.split(","), *rows])
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress(text.getvalue().encode()))


def test_every_metric_against_scipy(tmp_path: Path) -> None:
    rng = random.Random(3)
    rows: list[dict[str, Any]] = [
        {
            "id": f"{prompt}_{model}",
            "text_id": f"{prompt}",
            "image_path": "",
            "text": "a",
            "human_scores": [3, 3],
            "human_avg": rng.randint(2, 10) / 2,
            "bleu": rng.random(),
            "tifa_new": rng.randint(0, 4) / 4,
        }
        for prompt in range(10)
        for model in range(2)
    ]
    rows[4]["bleu"] = None
    write_lines(tmp_path / f"{SCORES}.gz", rows)
    found, notes = recomputed(tmp_path)
    for metric in ("bleu", "tifa_new"):
        kept = [row for row in rows if row[metric] is not None]
        x, y = [row[metric] for row in kept], [row["human_avg"] for row in kept]
        for measure, way in (("pearson", stats.pearsonr), ("spearman", stats.spearmanr), ("kendall", stats.kendalltau)):
            row = one(found, table="TIFA160", judge=metric, measure=measure)
            assert row.value == pytest.approx(way(x, y).statistic, abs=1e-12)
            assert row.n == len(kept)
            assert row.ci95 is not None
            assert row.ci95[0] < (row.value or 0) < row.ci95[1]
    assert one(found, judge="bleu", measure="pearson").published == pytest.approx(0.18334, abs=1e-5)
    assert one(found, judge="tifa_new", measure="pearson").published is None
    assert "TIFA160: images without a score of bleu, left out: 1" in notes
    assert any(note.startswith("DSG: needs tifa160-likert-anns.csv") for note in notes)


# Item, then (question, parents, answer); "dog" has a wrong parent, "odd" a parent that is no number, "none" no answer.
QUESTIONS = [
    ("dog", "1", "0", "no"),
    ("dog", "2", "1", "yes"),
    ("dog", "3", "2", "yes"),
    ("dog", "4", "0", "yes"),
    ("odd", "1", "0", "no"),
    ("odd", "2", "1, outside", "yes"),
    ("cat", "1", "0", "yes"),
    ("cat", "2", "1", "yes and no"),
    ("cat", "3", "1,2", "yes"),
    ("sun", "1", "0", "yes"),
]
FILTERED = {"dog": 2 / 4, "odd": 1 / 2, "cat": 1 / 3, "sun": 1.0, "none": 0.0}
UNFILTERED = {"dog": 3 / 4, "odd": 1 / 2, "cat": 2 / 3, "sun": 1.0, "none": 0.0}
LIKERT = {"dog": [3, 4], "odd": [2], "cat": [5, 4, 4], "sun": [5, 5], "none": [1, 3]}


def write_dsg(folder: Path) -> None:
    write_table(
        folder / "mplug_dsg.csv.gz",
        "dsg_prompt_split,qg_model,t2i_model,item_id,question,question_id,dependency_id,answer",
        [["s", "dsg", "m", item, "?", number, parents, answer] for item, number, parents, answer in QUESTIONS],
    )
    write_table(
        folder / "tifa160-likert-anns.csv.gz",
        "dsg_prompt_split,t2i_model,item_id,source_id,worker_id,question,answer",
        [["s", "m", item, "x", "w", "?", answer] for item, answers in LIKERT.items() for answer in answers],
    )


@pytest.mark.parametrize(("task", "scores"), [("with_dependency", FILTERED), ("without_dependency", UNFILTERED)])
def test_questions_with_and_without_their_parents(tmp_path: Path, task: str, scores: dict[str, float]) -> None:
    write_dsg(tmp_path / "tifa160-and-dsg")
    rows, notes = recomputed(tmp_path)
    people = [sum(LIKERT[item]) / len(LIKERT[item]) for item in scores]
    for measure, way in (("pearson", stats.pearsonr), ("spearman", stats.spearmanr), ("kendall", stats.kendalltau)):
        row = one(rows, table="DSG", task=task, judge="mplug-large", measure=measure)
        assert row.value == pytest.approx(way(list(scores.values()), people).statistic, abs=1e-12)
        assert row.n == 5
    assert "DSG: images without an answer of mplug-large, which score 0: 1" in notes
    assert "DSG: images of mplug-large whose dependencies are not all numbers, not filtered: 1" in notes
    assert any("no pali17b_dsg.csv" in note for note in notes)


def test_the_released_files_give_what_was_printed() -> None:
    if not (DATA / "tifa160-and-dsg").is_dir():
        pytest.skip("tifa160-and-dsg is not in ../shared/data beside the repository")
    rows, _ = recomputed(DATA / "tifa160-and-dsg")
    assert all(row.n == 800 for row in rows)
    compared = {"TIFA160": 0, "DSG": 0}
    for row in rows:
        assert row.value is not None
        if row.published is not None:
            compared[row.table] += 1
            digits = 1e-9 if row.table == "TIFA160" else 5.1e-4  # all digits are printed, or three
            assert row.value == pytest.approx(row.published, abs=digits), row
    assert compared == {"TIFA160": 20, "DSG": 12}
