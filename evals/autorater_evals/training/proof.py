"""That a set trains: a tiny student learns a label that only the pictures tell, and from nothing that is broken.

`python -m autorater_evals.training.proof` trains it on the CPU and prints the table. The same question ("which is
brighter") is trained on rows as they are, on rows whose images were dropped, and on rows whose images were reordered,
as a faulty exporter would; each student judges held-out pairs in both orders, and grey pictures.

With `--rounds` a student that has learnt to judge teaches the next one instead (see `teaching.py`): it drafts from
labelled pairs, the filters run, and a second student is trained on what they kept.
"""

import argparse
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

import numpy as np

from autorater.canonical import Record
from autorater.model import open_model
from autorater.sync import run_sync
from autorater_evals.figure import Figure
from autorater_evals.printing import counted, lines, with_interval
from autorater_evals.training.evaluating import Asking, evaluate_student
from autorater_evals.training.fitting import fit
from autorater_evals.training.settings import Settings
from autorater_evals.training.synthetic import brightness_set, keep, noise, picture
from autorater_evals.training.teaching import print_taught, teach_a_student
from autorater_evals.training.tiny import build_student
from autorater_evals.trainset import Example, TrainSet

Fault: TypeAlias = Literal["none", "dropped", "reordered"]
FAULTS: tuple[Fault, ...] = ("none", "dropped", "reordered")
SETTINGS = Settings(method="full", learning_rate=3e-3, steps=300, batch=8, accumulate=1, warmup=0.1)


class Judged(Record):
    """One student on one kind of held-out pictures. Chance is 0.5."""

    fault: Fault
    pictures: str
    given: Figure
    """Accuracy in the order of the pair, a shown first."""
    swapped: Figure
    """Accuracy with b shown first."""
    both: Figure
    """Pairs that were right in both orders."""


@dataclass(frozen=True, slots=True)
class Kept:
    """Sets and base of one proof."""

    whole: TrainSet
    grey: TrainSet
    base: Path


def prepare(out: Path, *, train: int = 256, held_out: int = 60, seed: int = 0) -> Kept:
    """Draw the pictures and the tiny student."""
    whole = brightness_set(out / "set", train=train, held_out=held_out, seed=seed)
    grey = blanked(whole, out / "grey")
    return Kept(whole, grey, build_student(out / "base", whole.examples()))


def blanked(trainset: TrainSet, out: Path) -> TrainSet:
    """The held-out examples with a grey picture for every image: their labels cannot be seen any more."""
    grey = picture(np.full((32, 32), 128))
    return keep(out, [_replaced(one, lambda _: grey.sha256) for one in trainset.examples("test")], [grey])


def broken(trainset: TrainSet, out: Path, fault: Fault, *, seed: int = 0) -> TrainSet:
    """The set with the images of its training examples dropped (noise of one level instead) or put in random order."""
    if fault == "none":
        return trainset
    random = np.random.default_rng(seed)
    level = noise(128, random)

    def damaged(example: Example) -> Example:
        if example.split != "train":
            return example
        if fault == "dropped":
            return _replaced(example, lambda _: level.sha256)
        shown = list(random.permutation(np.array(example.images)))
        places = iter(shown)
        pieces = tuple(
            piece.model_copy(update={"image": str(next(places))}) if piece.image else piece for piece in example.pieces
        )
        return example.model_copy(update={"pieces": pieces})

    from autorater.image import open_picture

    pictures = [open_picture(path) for path in trainset.files.values()]
    return keep(out, [damaged(one) for one in trainset.examples()], [*pictures, level])


def _replaced(example: Example, image: Callable[[str], str]) -> Example:
    pieces = tuple(one.model_copy(update={"image": image(one.image)}) if one.image else one for one in example.pieces)
    candidates = tuple(map(image, example.candidates))
    return example.model_copy(update={"pieces": pieces, "candidates": candidates})


def train_and_judge(kept: Kept, out: Path, fault: Fault, settings: Settings = SETTINGS) -> tuple[Judged, ...]:
    """Train on rows with this fault, then judge the whole held-out pairs, and the grey ones."""
    sys.stderr.write(f"images of the rows {'as they are' if fault == 'none' else fault}: training, then judging\n")
    fit(broken(kept.whole, out / "set", fault), str(kept.base), out / "student", settings, device="cpu")
    model = open_model(f"transformers:{out / 'student'}", device="cpu")
    try:
        return tuple(
            _judged(model, fault, name, trainset, out / f"judged-{name}")
            for name, trainset in (("held out", kept.whole), ("grey", kept.grey))
        )
    finally:
        run_sync(model.close())  # type: ignore[attr-defined]


def _judged(model: object, fault: Fault, name: str, trainset: TrainSet, log: Path) -> Judged:
    from autorater_evals.recorded import open_run
    from autorater_evals.scoring.passes import first_choices, read_orders
    from autorater_evals.statistics.agreement import accuracy
    from autorater_evals.statistics.orders import both_orders_accuracy

    examples = list(trainset.examples("test"))
    evaluate_student(model, examples, trainset, log, asking=Asking(max_output_tokens=64))  # type: ignore[arg-type]
    run = open_run(next(path for path in log.iterdir() if path.is_dir()))
    items = list(run.items.values())
    orders = {judgment.id: read_orders(judgment) for judgment in run.judgments()}
    forward, reverse = first_choices(items, orders)
    people = [item.preferences["overall"].preferred for item in items]
    clusters = [item.cluster for item in items]
    return Judged(
        fault=fault,
        pictures=name,
        given=accuracy(people, forward, rule="strict", clusters=clusters),
        swapped=accuracy(people, reverse, rule="strict", clusters=clusters),
        both=both_orders_accuracy(people, forward=forward, reverse=reverse, clusters=clusters),
    )


def print_proof(found: tuple[Judged, ...]) -> None:
    """The table on stdout."""
    heading = ("images of the rows", "judged", "pairs", "given order", "swapped order", "both orders")
    rows = [
        (
            "as they are" if one.fault == "none" else one.fault,
            one.pictures,
            counted(one.given),
            *map(with_interval, (one.given, one.swapped, one.both)),
        )
        for one in found
    ]
    sys.stdout.write("\n".join(lines(heading, rows)) + "\n")


def main() -> None:
    """Train three students and print how they judge; or let one teach another."""
    parser = argparse.ArgumentParser(prog="python -m autorater_evals.training.proof", description=__doc__)
    parser.epilog = "Three trainings of 300 steps on two cores take five to ten minutes, and --rounds about as long."
    parser.add_argument("--out", help="where sets and students are kept (default: nowhere)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--rounds", action="store_true", help="a student teaches the next one")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        out = Path(given.out or scratch)
        if given.rounds:
            print_taught(teach_a_student(out, seed=given.seed))
            return
        kept = prepare(out, seed=given.seed)
        print_proof(tuple(one for fault in FAULTS for one in train_and_judge(kept, out / fault, fault)))


if __name__ == "__main__":
    main()
