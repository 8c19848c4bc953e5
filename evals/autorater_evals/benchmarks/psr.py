"""PSR (Photoshop requests of Reddit): which of two edits of a request people prefer, with the filter of paper 001."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from autorater.errors import UsageError
from autorater_evals.benchmarks._pairs import changes_places, numbered_votes, turned
from autorater_evals.benchmarks._psr_columns import COUNTS, RATER, VOTE, column, required, side
from autorater_evals.benchmarks._tables import csv_rows, find, json_rows, number, place
from autorater_evals.item import Item, Preference, Side

FILES = ("default-test.jsonl", "votes.jsonl", "psr.jsonl", "votes.json", "psr.json", "votes.csv", "psr.csv")


@dataclass
class Pair:
    """One request, picture and pair of edits, with all votes on it."""

    instruction: str
    source: str
    images: tuple[str, str]
    votes: dict[str, Side] = field(default_factory=dict[str, Side])

    @property
    def decided(self) -> Side | None:
        """The mode, or None where the filter drops the pair: less than half of the votes, or less than 2 ahead."""
        counted = Counter(self.votes.values()).most_common()
        if not counted:
            return None
        (mode, most), second = counted[0], counted[1][1] if len(counted) > 1 else 0
        return mode if 2 * most >= len(self.votes) and most - second >= 2 else None


def pairs(folder: Path) -> list[Pair]:
    """All pairs with their votes, before any filter, in the order of their first vote.

    Raises UsageError when the file or a column is missing, or a vote is not understood.
    """
    path = find(folder, *FILES)
    found: dict[tuple[str, str, frozenset[str]], Pair] = {}
    for line, row in csv_rows(path) if ".csv" in path.suffixes else json_rows(path):
        where = place(path, line)
        names = required(row, where)
        instruction, source, first, second = (str(row[names[what]]) for what in ("instruction", "source", "a", "b"))
        pair = found.setdefault(
            (instruction, source, frozenset((first, second))), Pair(instruction, source, (first, second))
        )
        for rater, vote in _votes(row, path=path, line=line).items():
            name, repeat = rater, 2
            while name in pair.votes:
                name, repeat = f"{rater} ({repeat})", repeat + 1
            pair.votes[name] = vote if pair.images == (first, second) else turned(vote)
    return list(found.values())


def load(folder: Path) -> Iterator[Item]:
    """The pairs that the filter keeps, but for those whose mode is a tie. In half of them the images change places."""
    for at, pair in enumerate(pairs(folder)):
        decided = pair.decided
        if decided is None or decided == "tie":
            continue
        id = f"pairs/{at}"
        turn = changes_places(id)
        yield Item(
            id=id,
            part="pairs",
            prompt=pair.instruction,
            images=pair.images[::-1] if turn else pair.images,
            sources=(pair.source,),
            cluster=pair.instruction,
            preferences={
                "overall": Preference(
                    preferred=turned(decided) if turn else decided,
                    votes={rater: turned(vote) if turn else vote for rater, vote in pair.votes.items()},
                )
            },
        )


def _votes(row: dict[str, Any], *, path: Path, line: int) -> dict[str, Side]:
    """Rater → choice of one row, which is one vote or the counts of all."""
    where = place(path, line)
    name = column(row, VOTE)
    if name is not None:
        rater = column(row, RATER)
        return {str(row[rater]) if rater else "vote": side(row[name], where)}
    columns = {choice: column(row, names) for choice, names in COUNTS.items()}
    if columns["a"] is None or columns["b"] is None:
        raise UsageError(
            f"{where}: expected a vote ({', '.join(VOTE)}) or counts (votes_a, votes_b, votes_tie), "
            f"got the columns {', '.join(row)}"
        )
    given = {
        choice: number(row[name], path=path, line=line, name=name) if name else 0 for choice, name in columns.items()
    }
    if not all(count >= 0 and float(count).is_integer() for count in given.values()):
        raise UsageError(f"{where}: expected counts of votes, got {list(given.values())}")
    return numbered_votes(int(given["a"]), int(given["b"]), int(given["tie"]))
