"""The counts of a set's card beside the same counts made again, in two ways.

What each filter let through is made again by the filters themselves, from the log alone. Items, requests, questions by
their kind, examples, splits and images are counted in the files by code that has no part in making a set.
"""

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from autorater.canonical import Record
from autorater.errors import RecordError
from autorater.replay import recorded_loop
from autorater.runlog import RunLog
from autorater.sync import run_sync
from autorater.vlm_judge import VlmJudge
from autorater_evals.distillation.asking import Teacher
from autorater_evals.distillation.card import make_card
from autorater_evals.distillation.making import make
from autorater_evals.distillation.material import LOG, read_material
from autorater_evals.trainset import TrainSet


class Counted(Record):
    """A number of the card, or what came to a filter and what went on, and the same counted again."""

    what: str
    card: tuple[int, ...]
    again: tuple[int, ...]
    how: str
    """What it was counted from again."""

    @property
    def equal(self) -> bool:
        """Whether it came out the same."""
        return self.card == self.again


def recount(trainset: TrainSet) -> tuple[Counted, ...]:
    """Every count of the card; questions by their kind where all items are of one task and none was asked in a batch.

    Raises RecordError when the log cannot be read, ReplayMiss when it is not whole.
    """
    card = trainset.card
    return (*_filters(card, remade_card(trainset.folder)), *_questions(trainset), *_files(trainset))


def remade_card(folder: Path) -> Mapping[str, Any]:
    """The card as the log alone makes it."""
    header, subjects = read_material(folder / LOG)
    with RunLog(folder / LOG) as log:
        loop = recorded_loop(log)
        if not isinstance(loop.judge, VlmJudge):
            raise RecordError(f"the log of {folder.name!r} is no teacher's: make the set again")
        teacher = Teacher(loop, loop.judge, log)
        return make_card(teacher, header, subjects, run_sync(make(teacher, header, subjects, concurrency=1)))


def _filters(card: Mapping[str, Any], again: Mapping[str, Any]) -> Iterator[Counted]:
    yield _one("items", card["items"], again["items"], "log")
    for one, other in zip(card["filters"], again["filters"], strict=True):
        told, counted = ((row["came"], row["went"]) for row in (one, other))
        yield Counted(what=f"{one['level']} by {one['filter']}", card=told, again=counted, how="log")


def _questions(trainset: TrainSet) -> Iterator[Counted]:
    """What the lines of the log say by themselves, against what the card's counts at the filters come to."""
    card = trainset.card
    went = {row["filter"]: row for row in card["filters"]}
    with RunLog(trainset.folder / LOG) as log:
        requested = [json.loads(line) for line in log.lines("requested")]
        asked: dict[str, Any] = {one["key"]: one for one in map(json.loads, log.lines("asked"))}
    yield _one("usable items", went["usable"]["went"], len({one["key"] for one in requested}), "events.jsonl")
    tasks = {one["task"] for one in requested}
    batched = any(one["reply"] is not None and one["reply"]["batch"] for one in asked.values())
    if len(tasks) == 1 and not batched:
        # A pair that comes to the filter `swap` is drafted in the other order too.
        swapped = went["swap"]["came"] if tasks == {"compare"} and not went["swap"]["off"] else 0
        kinds = Counter(map(_kind, asked.values()))
        yield _one("drafts asked for", went["answer"]["came"] + swapped, kinds["label"], "events.jsonl")
        free = card["plan"]["free"] * went["drafted"]["went"]
        yield _one("answers without the label", free, kinds["free"], "events.jsonl")
    yield _one("calls of the teacher", card["teacher"]["calls"], len(asked), "events.jsonl")


def _kind(asked: Mapping[str, Any]) -> str:
    """Whether a question told the label, showed a rationale without images, or neither ("free")."""
    parts = [part for turn in asked["request"]["turns"] for part in turn["parts"]]
    if not any("image" in part for part in parts):
        return "reading"
    return "label" if any("<<<label " in part.get("text", "") for part in parts) else "free"


def _files(trainset: TrainSet) -> Iterator[Counted]:
    card, examples = trainset.card, list(trainset.examples())
    yield _one("examples", card["examples"]["all"], len(examples), "examples.jsonl")
    for name, told in card["splits"].items():
        count = sum(one.split == name for one in examples)
        yield _one(f"examples of {name}", told["examples"], count, "examples.jsonl")
    yield _one("cases that went through all filters", card["filters"][-1]["went"], len(examples), "examples.jsonl")
    yield _one("images", card["examples"]["images"], len(trainset.files), "images/")


def _one(what: str, card: int, again: int, how: str) -> Counted:
    return Counted(what=what, card=(card,), again=(again,), how=how)
