"""AGIQA-3K: the five-level words of M3-AGIQA's judge against the mean opinion scores of its test images."""

import re
from dataclasses import dataclass
from pathlib import Path

from autorater_evals.benchmarks._tables import csv_rows, json_lines, need, number
from autorater_evals.published.folders import Note, counted, file_in
from autorater_evals.published.row import MEASURES, Row, row_of
from autorater_evals.statistics.correlation import correlation
from autorater_evals.statistics.resampling import Array, mean_interval

TABLE = "AGIQA-3K"
FOLDER = "agiqa3k-labels"
FILES = ("m3agiqa_outputs.jsonl", "agiqa3k_mos.csv")
JUDGE = "m3-agiqa"
LEVELS = {"bad": 1, "poor": 2, "fair": 3, "good": 4, "excellent": 5}
_COLUMNS = {"quality": "mos_quality", "alignment": "mos_align"}


@dataclass(frozen=True)
class _Word:
    prompt: str
    level: float
    target: float
    mos: float


def level_of(text: object) -> float:
    """1 for bad to 5 for excellent, the one level that `text` names; not a number when it names none or several."""
    named = set(re.findall("|".join(LEVELS), text.lower())) if isinstance(text, str) else set[str]()
    return float(LEVELS[named.pop()]) if len(named) == 1 else float("nan")


def rows(folder: Path, note: Note) -> list[Row]:
    """Pearson (PLCC), Spearman (SRCC) and Kendall of word and MOS, and how often the word is the MOS's, per aspect."""
    path = file_in(folder, FILES[0])
    if path is None:
        note(f"{TABLE}: no {FILES[0]} in the folder, so no figure")
        return []
    aspects: dict[str, list[_Word]] = {}
    for line, row in json_lines(path):
        word = _Word(
            need(row, "prompt", str, path=path, line=line),
            level_of(row.get("model_word")),
            level_of(row.get("target_word")),
            number(row.get("mos"), path=path, line=line, name="mos"),
        )
        aspects.setdefault(need(row, "aspect", str, path=path, line=line), []).append(word)
    _check(folder, path, note)
    return [row for aspect in sorted(aspects) for row in _rows(aspect, aspects[aspect], note)]


def _rows(aspect: str, words: list[_Word], note: Note) -> list[Row]:
    import numpy as np

    level = np.array([word.level for word in words])
    target = np.array([word.target for word in words])
    mos = np.array([word.mos for word in words])
    prompts = [word.prompt for word in words]
    counted(note, TABLE, f"answers on {aspect} that name no one level, left out", int(np.isnan(level).sum()))
    found: list[Row] = []
    for name, measure in MEASURES:
        figure = correlation(level, mos, measure=measure, clusters=prompts)
        found.append(row_of(figure, table=TABLE, task=aspect, judge=JUDGE, measure=name))
    right: Array = (level == target)[~np.isnan(level) & ~np.isnan(target)].astype(np.float64)
    kept = [word.prompt for word in words if word.level == word.level and word.target == word.target]
    interval, _ = mean_interval(right, clusters=kept, unit="prompts")
    return [
        *found,
        Row(
            table=TABLE,
            task=aspect,
            judge=JUDGE,
            measure="accuracy",
            value=float(right.mean()) if len(right) else None,
            n=len(right),
            ci95=(interval.low, interval.high) if interval else None,
        ),
    ]


def _check(folder: Path, outputs: Path, note: Note) -> None:
    """Say how many outputs carry another MOS than the database's own table, where that is there."""
    table = file_in(folder, FILES[1])
    if table is None:
        return
    needs = ("name", *_COLUMNS.values())
    known = {row["name"]: row for _, row in csv_rows(table, needs=needs)}
    differ = 0
    for line, row in json_lines(outputs):
        column, own = _COLUMNS.get(str(row.get("aspect"))), known.get(str(row.get("image")))
        if column is None or own is None:
            differ += 1
            continue
        said = number(row.get("mos"), path=outputs, line=line, name="mos")
        differ += abs(number(own[column], path=table, line=0, name=column) - said) > 1e-6
    counted(note, TABLE, f"outputs whose MOS is not that of {table.name}, the outputs' own used", differ)
