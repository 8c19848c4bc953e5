"""Released files in small, made up here in the layout of the real ones."""

import gzip
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from autorater_evals.published import Row, recompute

DATA = Path(__file__).parents[4] / "shared" / "data"
"""The files that are given to developers, beside the checkout; absent elsewhere."""


def write_lines(path: Path, rows: Iterable[Mapping[str, Any]]) -> Path:
    """JSON Lines, gzipped when the name says so."""
    path.parent.mkdir(parents=True, exist_ok=True)
    text = "".join(json.dumps(row) + "\n" for row in rows)
    if path.suffix == ".gz":
        path.write_bytes(gzip.compress(text.encode()))
    else:
        path.write_text(text)
    return path


def rated(task: str, generator: str, uid: str, ratings: Any) -> dict[str, Any]:
    """A line of human_ratings.jsonl."""
    return {"task": task, "generator": generator, "uid": uid, "ratings": ratings}


def judged(judge: str, task: str, generator: str, uid: str, **scores: Any) -> list[dict[str, Any]]:
    """Lines of judge_scores.jsonl, one for each aspect that `scores` names."""
    return [
        {"judge": judge, "task": task, "generator": generator, "uid": uid, "aspect": aspect, "score": score}
        for aspect, score in scores.items()
    ]


def recomputed(folder: Path) -> tuple[list[Row], list[str]]:
    """The rows and what was said."""
    notes: list[str] = []
    return recompute(folder, note=notes.append), notes


def one(rows: Iterable[Row], **named: Any) -> Row:
    """The one row whose fields are `named`."""
    found = [row for row in rows if all(getattr(row, name) == value for name, value in named.items())]
    assert len(found) == 1, f"{len(found)} rows for {named}"
    return found[0]
