"""HPD v2 test: images of several generators for one prompt, ranked by people, as pairs."""

from collections.abc import Iterator
from itertools import combinations
from pathlib import Path
from typing import Any

from autorater.errors import UsageError
from autorater_evals.benchmarks._tables import find, json_rows, need, number, place
from autorater_evals.item import Item, Preference, side_of


def load(folder: Path) -> Iterator[Item]:
    """All pairs of the images of a prompt; the lower rank is better. Raises UsageError for lists that do not fit."""
    path = find(folder, "test.json", "default-test.jsonl", "test.jsonl")
    for line, row in json_rows(path):
        prompt = need(row, "prompt", str, path=path, line=line)
        images: list[Any] = need(row, "image_path", list, path=path, line=line)
        given: list[Any] = need(row, "rank", list, path=path, line=line)
        if len(images) != len(given):
            raise UsageError(f"{place(path, line)}: expected a rank for each of {len(images)} images, got {len(given)}")
        ranks = [number(rank, path=path, line=line, name="each rank") for rank in given]
        paths = [image if "/" in image else f"test/{image}" for image in map(str, images)]
        for first, second in combinations(range(len(paths)), 2):
            gap = ranks[second] - ranks[first]
            yield Item(
                id=f"pairs/{line - 1}-{first}-{second}",
                part="pairs",
                prompt=prompt,
                images=(paths[first], paths[second]),
                cluster=prompt,
                preferences={"overall": Preference(preferred=side_of(gap), gap=gap)},
            )
