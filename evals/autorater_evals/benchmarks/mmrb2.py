"""Multimodal RewardBench 2: pairs of generations and of edits on which experts agree."""

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, cast

from autorater.errors import UsageError
from autorater_evals.benchmarks._tables import find_parts, json_rows, need, number, place
from autorater_evals.item import Item, Preference, Side

FILES = {
    part: (f"{part}.json", f"{part}-test.jsonl", f"{part}_response_only.json", f"mmrb2_{part}.jsonl.gz")
    for part in ("t2i", "edit")
}
MIDDLE = 3.5
"""Of the raters' scale: 1 to 3 speak for B, 4 to 6 for A. So in all 2,000 released pairs, majority against `chosen`."""


def load(folder: Path) -> Iterator[Item]:
    """One item a pair, from the repository's JSON, the hub's rows, or the labels alone (then without a prompt)."""
    for part, path in find_parts(folder, FILES).items():
        for line, row in json_rows(path, key="pairs"):
            id = str(need(row, "pair_id" if "pair_id" in row else "id", (str, int), path=path, line=line))
            about: dict[str, Any] = _unpacked(row, "prompt_metadata", dict, path=path, line=line) or {}
            prompt, sources = _prompt(row, path=path, line=line)
            origin = str(row.get("prompt_source") or "unknown")
            answers = [_answer(row, letter, id, path=path, line=line) for letter in "ab"]
            yield Item(
                id=f"{part}/{id}",
                part=part,
                prompt=prompt,
                images=tuple(image for image, _ in answers),
                sources=sources,
                cluster=f"{origin}/{about['id']}" if about.get("id") not in (None, "") else prompt or id,
                generators=tuple(model for _, model in answers),
                facets={"source": origin},
                preferences={"overall": _preference(row, path=path, line=line)},
            )


def _preference(row: Mapping[str, Any], *, path: Path, line: int) -> Preference:
    chosen = need(row, "chosen", str, path=path, line=line).upper()
    if chosen not in ("A", "B"):
        raise UsageError(f"{place(path, line)}: expected chosen to be A or B, got {chosen[:40]!r}")
    preferred: Side = "a" if chosen == "A" else "b"
    found: list[object] = _unpacked(row, "human_annotations", list, path=path, line=line) or []
    numbers = [number(one, path=path, line=line, name="each of human_annotations") for one in found]
    votes: dict[str, Side] = {f"rater {n}": "a" if one > MIDDLE else "b" for n, one in enumerate(numbers, 1)}
    gap = sum(numbers) / len(numbers) - MIDDLE if numbers else None
    return Preference(preferred=preferred, gap=gap, votes=votes)


def _answer(row: Mapping[str, Any], letter: str, id: str, *, path: Path, line: int) -> tuple[str, str]:
    """The image and the model of one side, in whichever layout it comes."""
    response: Any = row.get(f"response_{letter}")
    if isinstance(response, dict):
        answer = cast(dict[str, Any], response)
        content: list[Any] = need(answer, "response_content", list, path=path, line=line)
        images = [value for kind, value in _parts(content, path=path, line=line) if kind == "image"]
        model = answer.get("model_name") or answer.get("model")
    elif f"response_{letter}_images" in row:
        given: list[Any] = need(row, f"response_{letter}_images", list, path=path, line=line)
        images = [str(image) for image in given]
        model = row.get(f"response_{letter}_model")
    else:
        images = [f"{id}_{'ab'.index(letter)}.jpg"]
        model = row.get(f"model_{letter}")
    if len(images) != 1:
        raise UsageError(f"{place(path, line)}: expected one image of response {letter}, got {len(images)}")
    return images[0] if "/" in images[0] else f"images/{images[0]}", str(model or "unknown")


def _prompt(row: Mapping[str, Any], *, path: Path, line: int) -> tuple[str, tuple[str, ...]]:
    """The text and the source images; of several images, the text says where each stood."""
    if "prompt_text" in row:
        given: list[Any] = need(row, "prompt_images", list, path=path, line=line) if row.get("prompt_images") else []
        sources = tuple(str(image) for image in given)
        parts = re.split(r"<image_(\d+)>", str(row["prompt_text"] or ""))
        texts = [text if n % 2 == 0 else _mark(int(text), len(sources)) for n, text in enumerate(parts)]
    else:
        content = _parts(row.get("prompt_content") or [], path=path, line=line)
        sources = tuple(value for kind, value in content if kind == "image")
        seen = iter(range(1, len(sources) + 1))
        texts = [_mark(next(seen), len(sources)) if kind == "image" else value for kind, value in content]
    return " ".join(" ".join(texts).split()), sources


def _mark(number: int, of: int) -> str:
    return f"[image {number}]" if of > 1 else ""


def _parts(content: object, *, path: Path, line: int) -> list[tuple[str, str]]:
    """("text" or "image", value) of every part of a prompt or an answer."""
    found: list[tuple[str, str]] = []
    for part in cast(list[object], content) if isinstance(content, list) else [content]:
        both = cast(list[Any], part) if isinstance(part, list) else []
        if len(both) != 2 or both[0] not in ("text", "image"):
            raise UsageError(
                f"{place(path, line)}: expected parts as in ['text', '…'], got {str(cast(object, part))[:40]!r}"
            )
        found.append((both[0], str(both[1])))
    return found


def _unpacked(row: Mapping[str, Any], name: str, kind: type, *, path: Path, line: int) -> Any:
    """A field that the hub has as JSON text; None where it is missing or empty."""
    value = row.get(name)
    try:
        value = json.loads(value) if isinstance(value, str) and value else value or None
    except ValueError:
        value = str(value)
    if value is not None and not isinstance(value, kind):
        raise UsageError(f"{place(path, line)}: expected {name} to be a {kind.__name__}, got {str(value)[:40]!r}")
    return value
