"""Pick-a-Pic: what its two versions share."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from autorater.errors import UsageError
from autorater_evals.benchmarks._tables import find, json_rows, need, number, place
from autorater_evals.item import Item, Preference, side_of


def load(folder: Path) -> Iterator[Item]:
    """One item a pair of `test_unique`; label 0.5 on both sides is a tie. Raises UsageError for any other labels."""
    path = find(folder, "default-test_unique.jsonl", "test_unique.jsonl", "test_unique.json")
    for line, row in json_rows(path):
        caption = need(row, "caption", str, path=path, line=line)
        first, second = (number(row.get(name), path=path, line=line, name=name) for name in ("label_0", "label_1"))
        if (first, second) not in ((1, 0), (0, 1), (0.5, 0.5)):
            raise UsageError(
                f"{place(path, line)}: expected labels of 1 and 0, or 0.5 twice, got {first:g} and {second:g}"
            )
        yield Item(
            id=f"pairs/{line - 1}",
            part="pairs",
            prompt=caption,
            images=(_image(row, 0, path=path, line=line), _image(row, 1, path=path, line=line)),
            cluster=caption,
            generators=tuple(str(row.get(name) or "unknown") for name in ("model_0", "model_1")),
            preferences={"overall": Preference(preferred=side_of(first - second))},
        )


def _image(row: dict[str, Any], side: int, *, path: Path, line: int) -> str:
    """Where the image lies: as the row says, or by the image's own id."""
    given = row.get(f"jpg_{side}")
    return (
        given if isinstance(given, str) else f"images/{need(row, f'image_{side}_uid', str, path=path, line=line)}.jpg"
    )
