"""MJ-Bench: pairs of images, one of which is worse in alignment, safety or quality by construction."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, cast

from autorater.errors import UsageError
from autorater_evals.benchmarks._pairs import changes_places, turned
from autorater_evals.benchmarks._tables import find_parts, json_rows, need, place
from autorater_evals.item import Item, Preference, Side

PARTS = ("alignment", "safety", "quality", "composition", "visualization")
FILES = {part: (f"default-{part}.jsonl", f"{part}.jsonl", f"{part}.json") for part in PARTS}
FACETS = ("category", "subcategory", "model")
BETTER: dict[str, Side] = {"0": "a", "image0": "a", "image_0": "a", "1": "b", "image1": "b", "image_1": "b"}


def load(folder: Path) -> Iterator[Item]:
    """One item a pair. In half of them the images change places: in most files the better one always stands first."""
    for part, path in find_parts(folder, FILES).items():
        for line, row in json_rows(path):
            caption = need(row, "caption", str, path=path, line=line)
            images = tuple(need(row, name, str, path=path, line=line) for name in ("image0", "image1"))
            label = BETTER.get(str(need(row, "label", (int, str), path=path, line=line)).lower())
            if label is None:
                raise UsageError(
                    f"{place(path, line)}: expected label 0 (image0 is better) or 1, got {str(row['label'])[:40]!r}"
                )
            id = f"{part}/{line - 1}"
            turn = changes_places(id)
            yield Item(
                id=id,
                part=part,
                prompt=caption,
                images=images[::-1] if turn else images,
                cluster=caption,
                facets=_facets(row),
                preferences={"overall": Preference(preferred=turned(label) if turn else label)},
            )


def _facets(row: Mapping[str, Any]) -> dict[str, str]:
    """The category and the like, from columns of their own or from `info`, which is an object or its JSON text."""
    info = row.get("info")
    if isinstance(info, str) and info.lstrip().startswith("{"):
        try:
            info = json.loads(info)
        except ValueError:
            info = None  # free text that begins with a brace
    told = cast(dict[str, Any], info) if isinstance(info, dict) else {}
    found = {name: row.get(name) or told.get(name) for name in FACETS}
    return {name: value for name, value in found.items() if isinstance(value, str) and value}
