"""Material appearance similarity (test answers): which of two renderings looks more like a reference."""

from collections.abc import Iterator
from pathlib import Path

from autorater_evals.benchmarks._pairs import numbered_votes
from autorater_evals.benchmarks._tables import find, json_lines, need
from autorater_evals.item import Item, Preference, side_of

QUESTION = "Of which image does the material look more like that of the reference image?"


def load(folder: Path) -> Iterator[Item]:
    """One item a triplet; the reference is its source image."""
    path = find(folder, "triplets.jsonl")
    for line, row in json_lines(path):
        reference, first, second = (
            need(row, name, str, path=path, line=line) for name in ("reference", "image_a", "image_b")
        )
        a, b = (need(row, name, int, path=path, line=line) for name in ("votes_a", "votes_b"))
        yield Item(
            id=f"pairs/{need(row, 'id', str, path=path, line=line)}",
            part="pairs",
            prompt=QUESTION,
            images=(first, second),
            sources=(reference,),
            cluster=reference,
            preferences={
                "overall": Preference(
                    preferred=side_of(a - b), gap=(a - b) / (a + b) if a + b else None, votes=numbered_votes(a, b)
                )
            },
        )
