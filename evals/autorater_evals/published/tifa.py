"""TIFA160: ten metrics' released scores against the mean of two people's ratings, and DSG's scores against five's."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from autorater_evals.benchmarks._tables import csv_rows, json_lines, need, number
from autorater_evals.published.folders import Note, counted, file_in
from autorater_evals.published.numbers import DSG, TIFA160
from autorater_evals.published.row import MEASURES, Row, row_of
from autorater_evals.statistics.correlation import correlation

FOLDER = "tifa160-and-dsg"
SCORES = "tifa160_human_and_metric_scores.jsonl"
LIKERT = "tifa160-likert-anns.csv"
ANSWERS = {"mplug-large": "mplug_dsg.csv", "instruct-blip": "instructblip_dsg.csv", "pali-17b": "pali17b_dsg.csv"}
FILES = (SCORES, LIKERT, *ANSWERS.values())
_OTHER = {"id", "text_id", "image_path", "text", "human_scores", "human_avg"}

Image = tuple[str, str]
"""Generator and item."""


@dataclass(frozen=True)
class _Question:
    right: bool
    parents: tuple[str, ...]


def metric_rows(folder: Path, note: Note) -> list[Row]:
    """Pearson, Spearman and Kendall's tau-b of every metric with `human_avg`; intervals draw whole prompts."""
    path = file_in(folder, SCORES)
    if path is None:
        note(f"TIFA160: no {SCORES} in the folder, so no figure of the ten metrics")
        return []
    table = list(json_lines(path))
    people = [number(row.get("human_avg"), path=path, line=line, name="human_avg") for line, row in table]
    prompts: list[str] = [need(row, "text_id", str, path=path, line=line) for line, row in table]
    found: list[Row] = []
    for metric in dict.fromkeys(name for _, row in table for name in row if name not in _OTHER):
        scores = [
            number(row[metric], path=path, line=line, name=metric) if row.get(metric) is not None else None
            for line, row in table
        ]
        counted(note, "TIFA160", f"images without a score of {metric}, left out", scores.count(None))
        for name, measure in MEASURES:
            figure = correlation(scores, people, measure=measure, clusters=prompts)
            published = TIFA160.get((metric, name))
            found.append(
                row_of(figure, table="TIFA160", task="faithfulness", judge=metric, measure=name, published=published)
            )
    return found


def dsg_rows(folder: Path, note: Note) -> list[Row]:
    """Correlations of DSG's score of each image with its mean Likert rating, per model that answered the questions.

    The score is the share of questions answered "yes"; "with_dependency" counts a question as wrong when one of its
    parents was not answered "yes" (by its own answer, so that it does not go on to grandchildren). An image without any
    answer scores 0; one with a dependency that is not a number is not filtered. All are the rules of j-min/DSG @
    2fdce11: dsg/vqa_utils.py, dsg/data_utils.py and scripts/tifa160_correlation.py.
    """
    path = file_in(folder, LIKERT)
    answers = {judge: place for judge, name in ANSWERS.items() if (place := file_in(folder, name))}
    if path is None or not answers:
        note(f"DSG: needs {LIKERT} and one of {', '.join(ANSWERS.values())} in the folder, so no figure")
        return []
    ratings = _ratings(path)
    means = [sum(given) / len(given) for given in ratings.values()]
    for judge in sorted(ANSWERS.keys() - answers.keys()):
        note(f"DSG: no {ANSWERS[judge]} in the folder, so no figure of {judge}")
    images = {judge: _questions(place) for judge, place in answers.items()}
    for judge, asked in images.items():
        counted(note, "DSG", f"images without an answer of {judge}, which score 0", len(ratings.keys() - asked.keys()))
        odd = sum(_unreadable(asked[image]) for image in ratings.keys() & asked.keys())
        counted(note, "DSG", f"images of {judge} whose dependencies are not all numbers, not filtered", odd)
    found: list[Row] = []
    for task in ("with_dependency", "without_dependency"):
        for judge, asked in images.items():
            scores = [_score(asked.get(image, {}), filtered=task == "with_dependency") for image in ratings]
            for name, measure in MEASURES:
                figure = correlation(scores, means, measure=measure, clusters=[item for _, item in ratings])
                published = DSG.get((judge, task, name))
                found.append(row_of(figure, table="DSG", task=task, judge=judge, measure=name, published=published))
    return found


def _ratings(path: Path) -> dict[Image, list[float]]:
    ratings: dict[Image, list[float]] = {}
    for line, row in csv_rows(path, needs=("t2i_model", "item_id", "answer")):
        given = number(row["answer"], path=path, line=line, name="answer")
        ratings.setdefault((row["t2i_model"], row["item_id"]), []).append(given)
    return ratings


def _questions(path: Path) -> dict[Image, dict[str, _Question]]:
    images: dict[Image, dict[str, _Question]] = {}
    for _, row in csv_rows(path, needs=("t2i_model", "item_id", "question_id", "dependency_id", "answer")):
        parents = tuple(part.strip() for part in row["dependency_id"].split(","))
        question = _Question(row["answer"] == "yes", tuple(part for part in parents if part not in ("", "0")))
        images.setdefault((row["t2i_model"], row["item_id"]), {})[row["question_id"]] = question
    return images


def _unreadable(questions: Mapping[str, _Question]) -> bool:
    return any(not one.isdigit() for question in questions.values() for one in question.parents)


def _score(questions: Mapping[str, _Question], *, filtered: bool) -> float:
    if not questions:
        return 0.0
    wrong = {name for name, question in questions.items() if not question.right}
    if filtered and not _unreadable(questions):
        wrong |= {name for name, question in questions.items() if wrong.intersection(question.parents)}
    return 1 - len(wrong) / len(questions)
