"""One's own data: a JSON Lines file of images, or pairs of images, with what people said of them."""

import gzip
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, cast

from pydantic import ValidationError

from autorater.document import describe_errors
from autorater.errors import ImageError, UsageError, one_line, without_folders
from autorater.image import open_picture
from autorater_evals.benchmarks._jsonl_labels import opinions, preferences, questions
from autorater_evals.benchmarks._jsonl_row import Problem, Row, shown
from autorater_evals.benchmarks._tables import find
from autorater_evals.item import Item

__all__ = ["Problem", "load", "validate"]

NAMES = ("items.jsonl", "items.jsonl.gz")
IMAGES = ("image", "image_a", "image_b", "images")
OF_PAIRS = ("preferred", "gap", "votes")
OF_ONE = ("score", "scores", "ratings", "questions")
FIELDS = (
    *("id", "prompt", *IMAGES, "source", "sources", "cluster", "prompt_id", "group"),
    *("generator", "generators", "facets", *OF_PAIRS, *OF_ONE),
)


@dataclass(frozen=True)
class Line:
    """What one line says. An image with both opinions and questions is two items."""

    number: int
    items: tuple[Item, ...]
    problems: tuple[Problem, ...]


def load(folder: Path) -> Iterator[Item]:
    """The items of the file `folder`, or of `items.jsonl` in it. Raises UsageError for the first line that is wrong."""
    for line in _lines(find(folder, *NAMES)):
        if line.problems:
            first, *others = line.problems
            more = f" (and {len(others)} more in this line)" if others else ""
            raise UsageError(f"{first.text}{more}; `autorater eval check` tells all of the file")
        yield from line.items


def validate(path: Path, *, images: bool = False) -> list[Problem]:
    """Everything that is wrong with the file `path`, or with `items.jsonl` in it; `images`: open each image too.

    Raises UsageError only when the file itself cannot be read.
    """
    if not path.exists():
        raise UsageError(f"there is no file {str(path)!r}: check the path")
    path = find(path, *NAMES)
    found: list[Problem] = []
    opened: set[str] = set()
    for line in _lines(path):
        found.extend(line.problems)
        for item in line.items if images else ():
            new = dict.fromkeys(name for name in (*item.images, *item.sources) if name not in opened)
            opened.update(new)
            found.extend(problem for name in new if (problem := _unusable(path, line.number, name)) is not None)
    return found


def _unusable(path: Path, line: int, image: str) -> Problem | None:
    try:
        open_picture(path.parent / image, name=image)
    except ImageError as error:
        came = without_folders(str(error))
        fix = "put the image there, or correct its path"
        return Problem(file=path.name, line=line, field="image", expected="images that open", came=came, fix=fix)
    return None


def _lines(path: Path) -> Iterator[Line]:
    seen: dict[str, int] = {}
    number = 0
    for number, data in enumerate(_bytes_of(path), 1):
        if not data.strip():
            continue
        row = Row(path.name, number, {})
        fields = _fields(data, row)
        items = _items(Row(path.name, number, fields, row.problems), seen) if fields is not None else ()
        yield Line(number, items, tuple(row.problems))
    if not number:
        row = Row(path.name, 1, {})
        row.flag("", "a line for each image or pair", "an empty file", "see `autorater eval describe jsonl`")
        yield Line(1, (), tuple(row.problems))


def _bytes_of(path: Path) -> Iterator[bytes]:
    try:
        with cast(BinaryIO, gzip.open(path, "rb")) if path.suffix == ".gz" else path.open("rb") as file:
            for number, line in enumerate(file):
                yield line.removeprefix(b"\xef\xbb\xbf") if number == 0 else line
    except (OSError, EOFError) as error:
        raise UsageError(f"{path.name} cannot be read to its end ({error}): check the file") from error


def _fields(data: bytes, row: Row) -> dict[str, Any] | None:
    """The fields of a line, or None where it is no object."""
    twice: list[str] = []

    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        names = [name for name, _ in pairs]
        twice.extend(sorted({name for name in names if names.count(name) > 1}))
        return dict(pairs)

    try:
        value = json.loads(data.decode("utf-8"), object_pairs_hook=once)
    except UnicodeDecodeError as error:
        row.flag(
            "", "text in UTF-8", f"the byte {data[error.start]:#04x} at {error.start + 1}", "save the file as UTF-8"
        )
        return None
    except (ValueError, RecursionError) as error:
        row.flag("", "one JSON object a line", f"{shown(data.decode().strip())} ({error})", "repair or remove the line")
        return None
    for name in twice:
        row.flag(name, "each field once", "twice", "leave one out")
    if not isinstance(value, dict):
        row.flag("", "an object in braces", shown(value), "write one object a line")
        return None
    return cast(dict[str, Any], value)


def _items(row: Row, seen: dict[str, int]) -> tuple[Item, ...]:
    """The items of a line, none where anything is wrong; `seen` has the ids of earlier lines."""
    row.unknown(row.fields, FIELDS)
    id = row.text("id") or str(row.line)
    if one_line(id) != id:
        row.flag("id", "one line without control characters", shown(id), "rename it")
    if id in seen:
        row.flag("id", "an id of its own", f"{shown(id)}, as in line {seen[id]}", "rename one of them")
    seen.setdefault(id, row.line)
    prompt = row.text("prompt", needed=True)
    images = _images(row)
    common: dict[str, Any] = {
        "prompt": prompt,
        "images": images,
        "sources": row.paths("source") + row.paths("sources"),
        "cluster": row.text("cluster") or row.text("prompt_id") or prompt,
        "generators": _generators(row, len(images)),
        "facets": _facets(row),
    }
    pair = _is_pair(row)
    _right_labels(row, pair=pair)
    built: list[tuple[str, dict[str, Any]]] = []
    if pair:
        group = row.text("group")
        built.append(("groups" if group else "pairs", {"preferences": preferences(row), "group": group}))
    else:
        checklist, answers = questions(row)
        built.append(("points", {"opinions": opinions(row)}))
        built.append(("questions", {"questions": checklist, "answers": answers}))
    if row.problems:
        return ()
    try:
        return tuple(
            Item(id=f"{part}/{id}", part=part, **common, **labels) for part, labels in built if any(labels.values())
        )
    except ValidationError as error:
        row.flag("", "an item", describe_errors(error), "see `autorater eval describe jsonl`")
        return ()


def _images(row: Row) -> tuple[str, ...]:
    given = [name for name in IMAGES if name in row.fields]
    if given not in (["image"], ["image_a", "image_b"], ["images"]):
        expected = "`image`, or `image_a` and `image_b`, or `images`"
        row.flag("image", expected, " and ".join(given) or "none of them", "name one image, or the two of a pair")
    images = tuple(path for name in given for path in row.paths(name))
    if given == ["image"] and isinstance(row.fields["image"], list):
        row.flag("image", "one path", "a list", "call it `images`")
    if given == ["images"] and len(images) > 2:
        row.flag("images", "one image or two", str(len(images)), "write a ranking as pairs, a line each, with a group")
    return images


def _is_pair(row: Row) -> bool:
    """Whether two images are meant, also where one of them is named wrongly."""
    if any(name in row.fields for name in IMAGES):
        listed: Any = row.fields.get("images")
        return (
            "image_a" in row.fields
            or "image_b" in row.fields
            or (isinstance(listed, list) and len(cast(list[Any], listed)) > 1)
        )
    return any(name in row.fields for name in OF_PAIRS)


def _right_labels(row: Row, *, pair: bool) -> None:
    mine, others = (OF_PAIRS, OF_ONE) if pair else (OF_ONE, OF_PAIRS)
    many = "two images" if pair else "one image"
    for name in others:
        if name in row.fields:
            row.flag(
                name, f"labels of {many}: {', '.join(mine)}", f"`{name}`", "check the images, or use another label"
            )
    if not any(name in row.fields for name in mine):
        row.flag(mine[0], f"what people said of {many}: {', '.join(mine)}", "none of them", "add one")
    if not pair and "group" in row.fields:
        row.flag("group", "a group of pairs only", "a group of one image", "use `cluster` for what belongs together")


def _generators(row: Row, images: int) -> tuple[str, ...]:
    value: Any = row.fields.get("generators", row.fields.get("generator", []))
    name = "generators" if "generators" in row.fields else "generator"
    listed = cast(list[Any], value) if isinstance(value, list) else [value]
    if listed and len(listed) != images:
        row.flag(name, f"one for each of {images} images", str(len(listed)), "name them in the order of the images")
    return tuple(row.checked_text(one, name) for one in listed)


def _facets(row: Row) -> dict[str, str]:
    if "facets" not in row.fields:
        return {}
    given = row.mapping(row.fields["facets"], "facets", "kind → value")
    return {kind: row.checked_text(value, f"facets.{kind}") for kind, value in given.items()}
