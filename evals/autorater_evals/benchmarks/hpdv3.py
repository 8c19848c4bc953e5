"""HPD v3 test: pairs of images, generated or photographed, with the shares of the votes."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, cast

from autorater.errors import UsageError
from autorater_evals.benchmarks._pairs import changes_places, numbered_votes, turned
from autorater_evals.benchmarks._tables import find, json_rows, need, number, place
from autorater_evals.item import Item, Preference, Side


def load(folder: Path) -> Iterator[Item]:
    """One item a pair. In half of them the images change places: in the file the preferred one always stands first."""
    path = find(folder, "test.json", "default-test.jsonl", "test.jsonl")
    for line, row in json_rows(path):
        prompt = need(row, "prompt", str, path=path, line=line)
        images = tuple(need(row, name, str, path=path, line=line) for name in ("path1", "path2"))
        models = tuple(str(row.get(name) or "unknown") for name in ("model1", "model2"))
        id = f"pairs/{line - 1}"
        turn = changes_places(id)
        votes = _votes(row, path=path, line=line)
        step = -1 if turn else 1
        yield Item(
            id=id,
            part="pairs",
            prompt=prompt,
            images=images[::step],
            cluster=prompt,
            generators=models[::step],
            preferences={
                "overall": Preference(
                    preferred="b" if turn else "a",
                    votes={name: turned(side) if turn else side for name, side in votes.items()},
                )
            },
        )


def _votes(row: Mapping[str, Any], *, path: Path, line: int) -> dict[str, Side]:
    """The votes of `choice_dist`, [for path1, for path2]; none where it is missing or holds shares."""
    given: Any = row.get("choice_dist")
    if given is None:
        return {}
    if not isinstance(given, list) or len(cast(list[Any], given)) != 2:
        raise UsageError(
            f"{place(path, line)}: expected choice_dist to be two numbers, got {str(cast(object, given))[:40]!r}"
        )
    first, second = (number(one, path=path, line=line, name="choice_dist") for one in cast(list[Any], given))
    whole = first >= 0 and second >= 0 and first.is_integer() and second.is_integer() and first + second > 1
    return numbered_votes(int(first), int(second)) if whole else {}
