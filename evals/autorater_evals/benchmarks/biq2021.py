"""BIQ2021: mean opinions, 0-1, of photographs with authentic distortions; no prompts."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

from autorater.errors import UsageError
from autorater_evals.benchmarks._tables import find, json_lines, need, number, place
from autorater_evals.item import Item, Opinion

PROMPT = "a photograph"
"""What the judge is told in place of a prompt, since a request needs one."""


def load(folder: Path) -> Iterator[Item]:
    """One item a photograph, in the order of the file."""
    path = find(folder, "items.jsonl")
    for line, row in json_lines(path):
        id = need(row, "id", str, path=path, line=line)
        human = cast(dict[str, Any], need(row, "human", dict, path=path, line=line))
        mean = number(human.get("mos"), path=path, line=line, name="human.mos")
        if not 0 <= mean <= 1:
            raise UsageError(f"{place(path, line)}: expected human.mos from 0 to 1, got {mean:g}")
        source = str(row.get("source_file") or "").split(" ")[0]
        yield Item(
            id=f"points/{id}",
            part="points",
            prompt=PROMPT,
            images=(need(row, "image", str, path=path, line=line),),
            cluster=id,
            facets={"subset": source} if source else {},
            opinions={"quality": Opinion(mean=mean)},
        )
