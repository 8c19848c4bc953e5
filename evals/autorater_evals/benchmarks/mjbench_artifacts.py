"""MJ-Bench's artifact pairs as files: a picture, and the same with one part badly inpainted."""

from collections.abc import Iterator
from pathlib import Path

from autorater.errors import UsageError
from autorater_evals.benchmarks._tables import find, json_lines, need, place
from autorater_evals.item import Item, Preference


def load(folder: Path) -> Iterator[Item]:
    """One item a pair; the preferred image is the one that was not distorted."""
    path = find(folder, "pairs.jsonl")
    for line, row in json_lines(path):
        caption = need(row, "caption", str, path=path, line=line)
        preferred = need(row, "preferred", str, path=path, line=line)
        if preferred != "a" and preferred != "b":
            raise UsageError(f"{place(path, line)}: expected preferred to be 'a' or 'b', got {preferred[:40]!r}")
        yield Item(
            id=f"pairs/{need(row, 'id', str, path=path, line=line)}",
            part="pairs",
            prompt=caption,
            images=tuple(need(row, name, str, path=path, line=line) for name in ("image_a", "image_b")),
            cluster=caption,
            facets={name: str(row[name]) for name in ("subset", "distorted_part") if row.get(name)},
            preferences={"overall": Preference(preferred=preferred)},
        )
