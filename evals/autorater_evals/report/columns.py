"""The table of the list of items: a column for each thing that is shown there, filtered by or sorted by."""

from collections.abc import Mapping, Sequence
from typing import Any

from autorater.assessment import Mask
from autorater.canonical import digest
from autorater.judgment import Judgment
from autorater_evals.item import Item
from autorater_evals.report.details import cited, people_said, said_of, search_text
from autorater_evals.report.reading import QUESTIONS, Seen, states
from autorater_evals.report.scored import Scored
from autorater_evals.report.thumbnails import MASK_SIDE, MASKS, small_mask

_PROMPT = 240
"""Letters of a prompt in the list at most; the search knows all of it."""


class Numbers:
    """Names in the order in which they came, each with its number."""

    def __init__(self) -> None:
        self.names: list[str] = []
        self._numbers: dict[str, int] = {}

    def __call__(self, name: str) -> int:
        """The number of this name; a new one when it is new."""
        if name not in self._numbers:
            self._numbers[name] = len(self.names)
            self.names.append(name)
        return self._numbers[name]


class Columns:
    """Takes up one item after the other; `value` is the whole table."""

    def __init__(self, runs: Sequence[Scored]) -> None:
        self.pictures = Numbers()
        """The sha256 of every picture that is shown, and its number."""
        self.masks: list[str] = []
        """Every different mask as a data: URL."""
        self.masks_left_out = 0
        self._runs = runs
        self._many = len({run.benchmark for run in runs}) > 1
        self._mask_numbers: dict[str, int] = {}
        self._mask_room = MASKS
        self._names = {name: Numbers() for name in ("part", "generators", "facets", "cited", "outcome")}
        self._rows: dict[str, list[Any]] = {}
        self._seen: list[Mapping[int, Seen]] = []
        self._titles: dict[str, str] = {}

    def add(self, item: Item, told: Mapping[int, Judgment | None], seen: Mapping[int, Seen]) -> None:
        """Take up one item with the judgments of the runs that hold it, by the runs' places."""
        first = next((one for one in told.values() if one), None)
        benchmark = self._runs[next(iter(seen))].benchmark
        part = f"{benchmark}: {item.part}" if self._many else item.part
        names = self._names
        specialists = sorted(cited(list(told.values())))
        for place in told if specialists else ():
            self._titles |= {name: card.meta.title for name, card in self._runs[place].run.cards.items()}
        row: dict[str, Any] = {
            "id": f"{benchmark}/{item.id}",
            "text": search_text(item),
            "prompt": item.prompt[:_PROMPT],
            "part": names["part"](part),
            "generators": sorted({names["generators"](name) for name in item.generators if name}),
            "facets": [names["facets"](f"{name}: {value}") for name, value in item.facets.items()],
            "cited": [names["cited"](name) for name in specialists],
            "images": [self.pictures(name) for name in first.candidates] if first else [],
        }
        for name, value in row.items():
            self._rows.setdefault(name, []).append(value)
        self._seen.append(seen)

    def mask(self, mask: Mask) -> int:
        """The number of a mask, made small at once; -1 when it is empty, or all masks take more than `MASKS`."""
        key = digest(mask.png.encode())
        if key not in self._mask_numbers:
            text = small_mask(mask, MASK_SIDE)
            if text is not None and len(text) > self._mask_room:
                self.masks_left_out += 1
                text = None
            self._mask_numbers[key] = -1 if text is None else len(self.masks)
            if text is not None:
                self._mask_room -= len(text)
                self.masks.append(text)
        return self._mask_numbers[key]

    def value(self) -> dict[str, Any]:
        """The table as JSON."""
        names: dict[str, None] = {}
        for row in self._seen:
            for one in row.values():
                names |= dict.fromkeys((*one.answers, *((QUESTIONS,) if one.item.questions else ())))
        runs = [self._run(place, list(names)) for place in range(len(self._runs))]
        people = {name: [people_said(next(iter(row.values())).item, name) for row in self._seen] for name in names}
        return {
            "dimensions": list(names),
            "parts": self._names["part"].names,
            "generators": self._names["generators"].names,
            "facets": self._names["facets"].names,
            "specialists": [[name, self._titles.get(name, name)] for name in self._names["cited"].names],
            "outcomes": self._names["outcome"].names,
            "people": people,
            "runs": runs,
            "rows": self._rows,
        }

    def _run(self, place: int, names: Sequence[str]) -> dict[str, Any]:
        """One run's columns: outcomes (-1 where it does not hold the item), and by dimension what it said."""
        some = [row.get(place) for row in self._seen]
        there = [one for one in some if one is not None]
        by_name: dict[str, Any] = {}
        for name in names:
            found, strengths = states([one for one in there if name in one.answers or name == QUESTIONS], name)
            told = iter(zip(found, strengths, strict=True))
            rows = [next(told) if one and (name in one.answers or name == QUESTIONS) else ("-", -1.0) for one in some]
            by_name[name] = {
                "state": "".join(state[0] for state, _ in rows),
                "strength": [round(100 * strength) for _, strength in rows],
                "said": [said_of(one, name) if one else "" for one in some],
            }
        run, outcome = self._runs[place], self._names["outcome"]
        outcomes = [outcome(one.outcome) if one else -1 for one in some]
        return {"name": run.name, "benchmark": run.run.header.title, "outcome": outcomes, "by": by_name}
