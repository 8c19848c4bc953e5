"""TIFA160: how faithful 800 images are to 160 prompts, 1-5, by two raters."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

from autorater.errors import UsageError
from autorater_evals.benchmarks._opinions import opinion_of
from autorater_evals.benchmarks._tables import find, json_rows, need, number, place
from autorater_evals.item import Item

FILES = (
    "human_annotations_with_scores.json",
    "human_annotations.json",
    "tifa160_human_and_metric_scores.jsonl",
    "tifa160_human_and_metric_scores.jsonl.gz",
)


def load(folder: Path) -> Iterator[Item]:
    """One item an image, in the order of the file."""
    path = find(folder, *FILES)
    for line, row in json_rows(path, keyed="id"):
        id = need(row, "id", str, path=path, line=line)
        source = need(row, "text_id", str, path=path, line=line)
        prompt = need(row, "text", str, path=path, line=line)
        given = cast(list[Any], need(row, "human_scores", list, path=path, line=line))
        ratings = {
            f"rater {index}": number(score, path=path, line=line, name="human_scores")
            for index, score in enumerate(given, 1)
        }
        opinion = opinion_of(ratings)
        if opinion is None or not all(1 <= rating <= 5 for rating in ratings.values()):
            raise UsageError(f"{place(path, line)}: expected human_scores from 1 to 5, got {str(given)[:40]}")
        yield Item(
            id=f"points/{id}",
            part="points",
            prompt=prompt,
            images=(f"images/{need(row, 'image_path', str, path=path, line=line)}",),
            cluster=source,
            generators=(id.removeprefix(f"{source}_"),),
            facets={"source": source.partition("_")[0]},
            opinions={"faithfulness": opinion},
        )
