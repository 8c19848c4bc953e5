"""AIGIQA-20K's test split: one mean opinion per generated image, of quality and alignment together."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from autorater.errors import UsageError
from autorater_evals.benchmarks._tables import find, number, place, rows
from autorater_evals.item import Item, Opinion

LISTED = ("info_test.csv", "info_test.csv.gz", "info_test.jsonl")
RATED = ("data.csv", "data.csv.gz", "info_merge.csv", "data.jsonl")
"""Where the opinions are looked up when the list of test images has none."""
HEADERS = {
    "name": ("name", "image", "image_name", "img", "img_name", "filename", "file_name", "image_path"),
    "prompt": ("prompt", "text", "text_prompt", "caption", "description"),
    "mos": ("mos", "mos_quality", "quality_mos", "gt_score", "score", "label", "mean"),
}
"""Field → column names that are understood, whatever their case; the first that is there is read."""


def load(folder: Path) -> Iterator[Item]:
    """The images that the test list names, in its order."""
    path = find(folder, *LISTED)
    opinions: dict[str, float] = {}
    for line, row in rows(path):
        name = _text(row, "name", path, line)
        prompt = _text(row, "prompt", path, line)
        if _column(row, "mos"):
            mean = _mean(row, path, line)
        else:
            opinions = opinions or _opinions(folder)
            if name not in opinions:
                raise UsageError(
                    f"{place(path, line)}: {name!r} has no opinion in {' or '.join(RATED)}: get both files"
                )
            mean = opinions[name]
        yield Item(
            id=f"points/{name}",
            part="points",
            prompt=prompt,
            images=(f"test/{name}",),
            cluster=prompt,
            generators=(name.split("_", 1)[0],),
            opinions={"overall": Opinion(mean=mean)},
        )


def _opinions(folder: Path) -> dict[str, float]:
    path = find(folder, *RATED)
    return {_text(row, "name", path, line): _mean(row, path, line) for line, row in rows(path)}


def _column(row: Mapping[str, Any], field: str) -> str:
    """The first column of the row that is understood as `field`, or nothing."""
    there = {name.strip().lower(): name for name in row}
    return next((there[name] for name in HEADERS[field] if name in there), "")


def _needed(row: Mapping[str, Any], field: str, path: Path) -> str:
    column = _column(row, field)
    if not column:
        raise UsageError(
            f"{path.name}: expected a column for {field} ({', '.join(HEADERS[field])}), got {', '.join(row)}: "
            "rename the one that is meant"
        )
    return column


def _text(row: Mapping[str, Any], field: str, path: Path, line: int) -> str:
    column = _needed(row, field, path)
    value = row[column]
    if not isinstance(value, str) or not value.strip():
        raise UsageError(f"{place(path, line)}: expected {column} to be a text, got {str(value)[:40]!r}")
    return value


def _mean(row: Mapping[str, Any], path: Path, line: int) -> float:
    column = _needed(row, "mos", path)
    return number(row[column], path=path, line=line, name=column)
