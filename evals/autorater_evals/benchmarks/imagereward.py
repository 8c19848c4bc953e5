"""ImageReward's test set: pairs of different rank of one prompt, and 1-7 ratings of single images."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Any, cast

from autorater.errors import UsageError
from autorater_evals.benchmarks._pairs import changes_places
from autorater_evals.benchmarks._tables import find_parts, need, number, place, rows
from autorater_evals.item import Item, Opinion, Preference, side_of

FILES = {
    "ranks": ("test.json", "imagereward_test.jsonl", "imagereward_test.jsonl.gz"),
    "ratings": ("metadata-test.parquet", "metadata-test.json", "metadata-test.jsonl"),
}
RATINGS = {
    "overall": "overall_rating",
    "alignment": "image_text_alignment_rating",
    "fidelity": "fidelity_rating",
}


@dataclass(frozen=True)
class Ranked:
    """The images of one prompt with their ranks, 1 best to 5."""

    id: str
    prompt: str
    images: tuple[str, ...]
    ranks: tuple[int, ...]
    category: str = ""


def load(folder: Path) -> Iterator[Item]:
    """The pairs of different rank, then the rated images where the ratings are there."""
    files = find_parts(folder, FILES)
    for ranked in _ranked(files):
        yield from _pairs(ranked)
    if "ratings" in files:
        yield from _points(files["ratings"])


def tied_pairs(folder: Path) -> int:
    """How many pairs are left out because both images have one rank."""
    return sum(
        one == other for ranked in _ranked(find_parts(folder, FILES)) for one, other in combinations(ranked.ranks, 2)
    )


def _ranked(files: dict[str, Path]) -> Iterable[Ranked]:
    return _ranked_lists(files["ranks"]) if "ranks" in files else _ranked_rows(files["ratings"])


def _ranked_lists(path: Path) -> Iterator[Ranked]:
    """The layout of the repository's data/test.json: one object a prompt."""
    for line, row in rows(path):
        images = cast(list[Any], need(row, "generations", list, path=path, line=line))
        ranks = cast(list[Any], need(row, "ranking", list, path=path, line=line))
        if len(images) != len(ranks) or len(images) < 2 or not all(isinstance(image, str) for image in images):
            raise UsageError(
                f"{place(path, line)}: expected two or more generations and a rank for each, "
                f"got {len(images)} and {len(ranks)}: get the file again"
            )
        yield Ranked(
            id=need(row, "id", str, path=path, line=line),
            prompt=need(row, "prompt", str, path=path, line=line),
            images=tuple(f"test_images/{image}" for image in images),
            ranks=tuple(_rank(rank, path, line) for rank in ranks),
        )


def _ranked_rows(path: Path) -> Iterator[Ranked]:
    """The same from ImageRewardDB's metadata: one row an image."""
    found: dict[str, list[tuple[dict[str, Any], int]]] = {}
    for line, row in rows(path):
        id = need(row, "prompt_id", str, path=path, line=line)
        need(row, "image_path", str, path=path, line=line)
        need(row, "prompt", str, path=path, line=line)
        found.setdefault(id, []).append((row, _rank(row.get("rank"), path, line)))
    for id, several in found.items():
        first = several[0][0]
        yield Ranked(
            id=id,
            prompt=first["prompt"],
            images=tuple(row["image_path"] for row, _ in several),
            ranks=tuple(rank for _, rank in several),
            category=str(first.get("classification") or ""),
        )


def _rank(rank: object, path: Path, line: int) -> int:
    if not isinstance(rank, int) or isinstance(rank, bool) or not 1 <= rank <= 5:
        raise UsageError(f"{place(path, line)}: expected a rank from 1 to 5, got {str(rank)[:40]!r}")
    return rank


def _pairs(ranked: Ranked) -> Iterator[Item]:
    for first, second in combinations(range(len(ranked.images)), 2):
        if ranked.ranks[first] == ranked.ranks[second]:
            continue  # counted by tied_pairs
        id = f"pairs/{ranked.id}/{first}-{second}"
        a, b = (second, first) if changes_places(id) else (first, second)
        gap = ranked.ranks[b] - ranked.ranks[a]
        yield Item(
            id=id,
            part="pairs",
            prompt=ranked.prompt,
            images=(ranked.images[a], ranked.images[b]),
            cluster=ranked.prompt,
            facets={"category": ranked.category} if ranked.category else {},
            preferences={"overall": Preference(preferred=side_of(gap), gap=gap)},
        )


def _points(path: Path) -> Iterator[Item]:
    for line, row in rows(path):
        image = need(row, "image_path", str, path=path, line=line)
        prompt = need(row, "prompt", str, path=path, line=line)
        category = str(row.get("classification") or "")
        yield Item(
            id=f"points/{image}",
            part="points",
            prompt=prompt,
            images=(image,),
            cluster=prompt,
            facets={"category": category} if category else {},
            opinions={
                name: Opinion(mean=number(row.get(field), path=path, line=line, name=field))
                for name, field in RATINGS.items()
            },
        )
