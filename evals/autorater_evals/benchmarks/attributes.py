"""Seven attributes on Likert scales with "not relevant", per rater, of pairs or of single images (as in paper 000)."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from autorater.errors import UsageError
from autorater.verdict import ATTRIBUTES, NOT_RELEVANT
from autorater_evals.benchmarks._opinions import opinion_of
from autorater_evals.benchmarks._tables import find, need, number, place, rows
from autorater_evals.item import Item, Opinion, Preference, side_of

FILES = ("ratings.jsonl", "ratings.jsonl.gz", "ratings.json", "ratings.csv", "ratings.csv.gz")
SCALES = {"pairs": (-2.0, 2.0), "points": (1.0, 5.0)}
_NONE = ("", NOT_RELEVANT, "not relevant")


@dataclass
class Rated:
    """One pair or image with all that its raters said: attribute → rater → rating."""

    prompt: str
    images: tuple[str, ...]
    generators: tuple[str, ...]
    category: str
    said: dict[str, dict[str, float | None]] = field(default_factory=dict[str, dict[str, float | None]])


def load(folder: Path) -> Iterator[Item]:
    """One item a pair or image, in the order in which they are first named."""
    path = find(folder, *FILES)
    found: dict[str, Rated] = {}
    for line, row in rows(path):
        id = need(row, "id", str, path=path, line=line)
        if not id:
            raise UsageError(f"{place(path, line)}: expected an id, got an empty one: name the image or pair")
        rated = _rated(row, path, line)
        known = found.setdefault(id, rated)
        if (known.prompt, known.images) != (rated.prompt, rated.images):
            raise UsageError(f"{place(path, line)}: {id[:40]!r} stood before with another prompt or other images")
        rater = need(row, "rater", str, path=path, line=line)
        part = "pairs" if len(rated.images) == 2 else "points"
        for name, rating in _ratings(row, part, path, line):
            given = known.said.setdefault(name, {})
            if rater in given:
                raise UsageError(f"{place(path, line)}: {rater[:40]!r} rated {name} of {id[:40]!r} before")
            given[rater] = rating
    for id, rated in found.items():
        yield _item(id, rated)


def _rated(row: Mapping[str, Any], path: Path, line: int) -> Rated:
    single = bool(row.get("image"))
    names = ("image",) if single else ("image_a", "image_b")
    generators = ("generator",) if single else ("generator_a", "generator_b")
    return Rated(
        prompt=need(row, "prompt", str, path=path, line=line),
        images=tuple(need(row, name, str, path=path, line=line) for name in names),
        generators=tuple(str(row[name]) for name in generators if row.get(name)),
        category=str(row.get("category") or ""),
    )


def _ratings(row: Mapping[str, Any], part: str, path: Path, line: int) -> Iterator[tuple[str, float | None]]:
    """Attribute → rating of one rater; None is "not relevant". What the row does not name was not asked."""
    given = cast(Mapping[str, Any], need(row, "ratings", dict, path=path, line=line) if "ratings" in row else row)
    unknown = sorted(set(given) - set(ATTRIBUTES)) if given is not row else []
    if unknown or not set(given) & set(ATTRIBUTES):
        got = f"{unknown[0]!r}" if unknown else "none of them"
        raise UsageError(f"{place(path, line)}: expected ratings of {', '.join(ATTRIBUTES)}, got {got}")
    low, high = SCALES[part]
    for name in ATTRIBUTES:
        if name not in given:
            continue
        value = given[name]
        if value is None or (isinstance(value, str) and value.strip().lower() in _NONE):
            yield name, None
            continue
        rating = number(value, path=path, line=line, name=name)
        if not low <= rating <= high:
            raise UsageError(f"{place(path, line)}: expected {name} of {part} from {low:g} to {high:g}, got {rating:g}")
        yield name, rating


def _item(id: str, rated: Rated) -> Item:
    opinions = {name: opinion for name, given in rated.said.items() if (opinion := opinion_of(given))}
    pair = len(rated.images) == 2
    return Item(
        id=id,
        part="pairs" if pair else "points",
        prompt=rated.prompt,
        images=rated.images,
        cluster=rated.prompt,
        generators=rated.generators,
        facets={"category": rated.category} if rated.category else {},
        opinions={} if pair else opinions,
        preferences={name: _preference(opinion) for name, opinion in opinions.items()} if pair else {},
    )


def _preference(opinion: Opinion) -> Preference:
    return Preference(
        preferred=side_of(opinion.mean),
        gap=opinion.mean,
        votes={rater: side_of(rating) for rater, rating in opinion.ratings.items() if rating is not None},
    )
