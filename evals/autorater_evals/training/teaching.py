"""A made-up set whose student can teach: beside judging it is taught the two other questions that a teacher is asked.

A tiny network knows nothing beforehand. So its first set has pairs as they are judged, some of them with people's label
told as a teacher is shown it, and rationales to be read again without pictures. Held out are pairs to be judged alone.
Rationales end in drawn words, since a set whose rationales are alike is filtered away.

`python -m autorater_evals.training.proof --rounds` trains a student on it, lets it draft the next set by the E-step
with all its filters, and trains a second student from the same base on that.
"""

import json
import random
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from autorater.canonical import Record
from autorater.image import Picture
from autorater.messages import Text
from autorater.model import open_model
from autorater.prompting import get_prompt
from autorater.request import Request
from autorater_evals.distillation.labels import words as worded
from autorater_evals.figure import Figure
from autorater_evals.printing import lines, with_interval
from autorater_evals.training.drafting import open_drafter
from autorater_evals.training.evaluating import Asking
from autorater_evals.training.printing import print_rounds
from autorater_evals.training.rounds import Rounds, run_rounds
from autorater_evals.training.settings import Settings
from autorater_evals.training.synthetic import example_of, keep, noise, two_levels
from autorater_evals.training.tiny import build_student
from autorater_evals.training.training import Running
from autorater_evals.trainset import Example, Label, Piece, TrainSet, open_set

SLOTS = (
    ("Bold", "Calm", "Crisp", "Dense", "Even", "Faint", "Gentle", "Harsh", "Muted", "Plain", "Rough", "Vivid"),
    (
        "edges",
        "grains",
        "shades",
        "tones",
        "specks",
        "stripes",
        "patches",
        "corners",
        "traces",
        "layers",
        "dots",
        "rows",
    ),
    ("cross", "fill", "cover", "frame", "mark", "touch", "break", "line", "spot", "wrap", "veil"),
    (
        "canvas",
        "ground",
        "centre",
        "border",
        "upper half",
        "lower half",
        "left",
        "right",
        "middle",
        "whole",
        "rim",
        "rest",
    ),
)
"""One word of each makes a sentence: by chance, and at each place a greedy reader has something to say."""
NOUNS = ("picture", "print", "poster", "scan")
"""Of the prompts: the classifier of leaks wants items that share neither prompt nor picture."""
TEACHER = "scripted:brightness"
SETTINGS = Settings(method="full", learning_rate=3e-3, steps=1200, batch=8, accumulate=1, warmup=0.1)
TOKENS = 96
"""Of an answer at most."""


def pairs_to_teach(folder: Path, *, train: int, held_out: int, seed: int = 0) -> tuple[TrainSet, Path]:
    """The first set, and the same pairs to train on as labelled data of one's own (`items.jsonl`)."""
    chance, words = np.random.default_rng(seed), random.Random(seed)
    data = folder / "data"
    data.mkdir(parents=True, exist_ok=True)
    examples: list[Example] = []
    pictures: list[Picture] = []
    rows: list[dict[str, Any]] = []
    for number in range(train + held_out):
        levels = two_levels(chance)
        pair = (noise(levels[0], chance), noise(levels[1], chance))
        pictures += pair
        side = "a" if levels[0] > levels[1] else "b"
        order = (0, 1) if chance.random() < 0.5 else (1, 0)
        one = example_of(
            Request(f"the brighter {NOUNS[number % len(NOUNS)]}", pair, task="compare", id=f"pairs/{number}"),
            order=order,
            completion=_answer(order.index("ab".index(side)) + 1, words),
            label=Label(preferred=side, gap=(levels[0] - levels[1]) / 255),
            split="train" if number < train else "test",
            teacher=TEACHER,
        )
        examples += [one, *_further(one, words, number)] if number < train else [one]
        names = {f"image_{letter}": f"{number}{letter}.png" for letter in "ab"}
        for name, shown in zip(names.values(), pair, strict=True):
            (data / name).write_bytes(shown.data)
        rows.append({"id": f"{number}", "prompt": one.prompt, "preferred": side, **names})
    (data / "items.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows), encoding="utf-8")
    return keep(folder / "set", examples, pictures), data / "items.jsonl"


class Taught(Record):
    """A student that was trained on a made-up set, and another that was trained on what the first one drafted."""

    rounds: Rounds
    filters: tuple[tuple[str, int, int], ...]
    """Of the drafted set: filter, what came, what went on."""
    calls: int
    """Questions that the first student answered as a teacher."""
    leakage: Figure | None
    """AUC of the classifier that tells its rationales with the label from those without."""


def teach_a_student(
    out: Path, *, train: int = 384, held_out: int = 40, settings: Settings = SETTINGS, seed: int = 0
) -> Taught:
    """Two rounds with a student as the second one's teacher, as `autorater train --rounds 2 --teacher-data` runs them.

    Raises UsageError when no draft of the first student passes the filters.
    """
    first, data = pairs_to_teach(out / "first", train=train, held_out=held_out, seed=seed)
    base = out / "base"
    if not base.is_dir():
        build_student(base, first.examples())
    running = Running(device="cpu", asking=Asking(max_output_tokens=TOKENS), tell=_tell)
    items, draft = open_drafter(
        str(data), first, opened=lambda name: open_model(name, device="cpu"), max_output_tokens=TOKENS
    )
    found = run_rounds(first, items, draft, str(base), out / "rounds", settings, rounds=2, running=running)
    card = open_set(out / "rounds" / "set-2").card
    auc = card["leakage"]["auc"]
    return Taught(
        rounds=found,
        filters=tuple((one["filter"], one["came"], one["went"]) for one in card["filters"]),
        calls=card["teacher"]["calls"],
        leakage=None if auc is None else Figure.model_validate(auc),
    )


def print_taught(taught: Taught) -> None:
    """Both rounds, and what the filters made of the first student's drafts, on stdout."""
    print_rounds(taught.rounds)
    rows = [(name, f"{came:,}", f"{went:,}") for name, came, went in taught.filters]
    sys.stdout.write("\n" + "\n".join(lines(("filter", "in", "out"), rows)) + "\n")
    auc = "not measured" if taught.leakage is None else f"{with_interval(taught.leakage)} (n {taught.leakage.n})"
    sys.stdout.write(f"{taught.calls:,} calls of the student as a teacher; AUC of the leakage classifier: {auc}\n")


def _tell(text: str) -> None:
    sys.stderr.write(f"{text}\n")


def _answer(place: int, words: random.Random) -> dict[str, Any]:
    drawn = " ".join(words.choice(slot) for slot in SLOTS)
    # No drawn word stands last: the tiny student's tokens may hold it together with the begin of the decision.
    return {"rationale": f"Image {place} is brighter. {drawn}: Image {place}.", "preference": f"image_{place}"}


def _further(one: Example, words: random.Random, number: int) -> Iterator[Example]:
    """The questions that a teacher is asked beside the student's: of every eighth pair, and of every second."""
    if number % 8 == 0:
        block = get_prompt("anchor").render({"label": worded(one.label, one.order)}, {}).turns[0]
        place = one.order.index("ab".index(one.label.preferred or "a")) + 1
        told = (*one.pieces, *(Piece(text=part.text) for part in block.parts if isinstance(part, Text)))
        answer = json.dumps(_answer(place, words))
        yield one.model_copy(update={"id": f"{one.id}/told", "pieces": told, "completion": answer})
    if number % 2 == 0:
        return
    place = words.choice((1, 2))
    given: dict[str, Any] = {"task": "compare", "rationale": _answer(place, words)["rationale"], "asked": []}
    asked = get_prompt("rederive").render(given, {})
    pieces = tuple(Piece(text=part.text) for part in asked.turns[0].parts if isinstance(part, Text))
    completion = json.dumps({"preference": f"image_{place}"})
    yield one.model_copy(
        update={"id": f"{one.id}/read", "system": asked.system, "pieces": pieces, "completion": completion}
    )
