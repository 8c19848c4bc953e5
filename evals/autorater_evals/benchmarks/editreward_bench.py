"""EditReward-Bench: edits compared two, three and four at a time; of three and four, all pairs must be right."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from autorater.errors import UsageError
from autorater_evals.benchmarks._tables import find_parts, json_rows, need, number, place
from autorater_evals.item import Item, Preference, Side

FILES = {part: (f"{part}-train.jsonl", f"{part}.jsonl", f"{part}.json") for part in ("2pair", "3pair", "4pair")}


def load(folder: Path) -> Iterator[Item]:
    """One item a pair of candidates; the group of a pair is its id up to the first `_`."""
    for part, path in find_parts(folder, FILES).items():
        for line, row in json_rows(path):
            id = str(need(row, "id", (str, int), path=path, line=line))
            compared = need(row, "comparison_type", str, path=path, line=line) if part != "2pair" else "AvsB"
            instruction = need(row, "instruction", str, path=path, line=line)
            source = need(row, "source_image", str, path=path, line=line)
            yield Item(
                id=f"{part}/{id}" if compared in id or part == "2pair" else f"{part}/{id}_{compared}",
                part=part,
                prompt=instruction,
                images=tuple(need(row, name, str, path=path, line=line) for name in ("candidate_1", "candidate_2")),
                sources=(source,),
                cluster=instruction,
                group="" if part == "2pair" else id.partition("_")[0],
                generators=tuple(str(row.get(name) or "unknown") for name in ("model_1", "model_2")),
                preferences={"overall": _preference(row, compared, path=path, line=line)},
            )


def _preference(row: dict[str, Any], compared: str, *, path: Path, line: int) -> Preference:
    """From a ranking as "A>B", "C>A", "A=B", "A=B=Good" or "B>C>A", and which two letters are compared."""
    ranking: str = need(row, "ranking", str, path=path, line=line)
    first, versus, second = compared.partition("vs")
    steps = [step.split("=") for step in ranking.upper().replace(" ", "").split(">")]
    ranks = {letter: rank for rank, letters in enumerate(steps) for letter in letters}
    if not versus or first not in ranks or second not in ranks:
        raise UsageError(f"{place(path, line)}: expected a ranking of {compared!r} as in 'A>B', got {ranking[:40]!r}")
    side: Side = "tie" if ranks[first] == ranks[second] else "a" if ranks[first] < ranks[second] else "b"
    scores = [row.get(name) for name in ("score_1", "score_2")]
    left, right = (None if s is None else number(s, path=path, line=line, name="score") for s in scores)
    return Preference(
        preferred=side,
        both="" if side != "tie" else "good" if "GOOD" in ranks else "bad" if "BAD" in ranks else "",
        gap=None if left is None or right is None else left - right,
    )
