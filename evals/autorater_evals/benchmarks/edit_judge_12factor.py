"""Twelve factors of 75 image edits and an overall rating, 1-7, by several people each."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

from autorater.errors import UsageError
from autorater_evals.benchmarks._opinions import opinion_of
from autorater_evals.benchmarks._tables import find, json_lines, need, number, place
from autorater_evals.item import Item

FACTORS = (
    "unchanged_regions",
    "global_consistency",
    "identity_preservation",
    "scale_realism",
    "spatial_relationship",
    "texture_detail",
    "image_quality",
    "color_lighting",
    "seamlessness",
    "alignment",
    "completeness",
    "plausibility",
    "overall",
)


def load(folder: Path) -> Iterator[Item]:
    """One item an edit, in the order in which they are first rated."""
    path = find(folder, "human_ratings.jsonl")
    instructions: dict[str, str] = {}
    said: dict[str, dict[str, dict[str, float | None]]] = {}
    for line, row in json_lines(path):
        id, rater, instruction = (
            need(row, name, str, path=path, line=line) for name in ("item", "rater", "instruction")
        )
        scores = cast(dict[str, Any], need(row, "scores", dict, path=path, line=line))
        if set(scores) != set(FACTORS) or instructions.setdefault(id, instruction) != instruction:
            why = "an instruction that differs from before" if set(scores) == set(FACTORS) else ", ".join(scores)
            raise UsageError(f"{place(path, line)}: expected the scores {', '.join(FACTORS)} of one edit, got {why}")
        factors = said.setdefault(id, {name: {} for name in FACTORS})
        for name in FACTORS:
            score = number(scores[name], path=path, line=line, name=name)
            if not 1 <= score <= 7 or rater in factors[name]:
                why = f"a second of {rater}" if rater in factors[name] else f"{score:g}"
                raise UsageError(f"{place(path, line)}: expected one {name} from 1 to 7 of each rater, got {why}")
            factors[name][rater] = score
    for id, factors in said.items():
        yield Item(
            id=f"points/{id}",
            part="points",
            prompt=instructions[id],
            images=(f"edited/{id}.jpg",),
            sources=(f"source/{id}.jpg",),
            cluster=instructions[id],
            facets={"category": id.split("_")[1] if id.count("_") > 1 else "none"},
            opinions={name: opinion for name, ratings in factors.items() if (opinion := opinion_of(ratings))},
        )
