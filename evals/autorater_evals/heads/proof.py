"""That a reward head learns from pictures: every loss on every head, and what becomes of it when something is broken.

`python -m autorater_evals.heads.proof` trains tiny heads on the CPU and prints the table. People prefer the darker
picture; nothing but the pictures tells which that is. Each head is trained as it is, on a base whose visual path is
cut, and on swapped labels, and then loaded as the specialists load it, to compare pairs of new pictures and prompts.
"""

import argparse
import sys
import tempfile
from collections.abc import Iterator, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any, Literal, TypeAlias

from autorater.canonical import Record
from autorater_evals.benchmark import get_benchmark
from autorater_evals.figure import Figure
from autorater_evals.heads.examples import Example, read_examples
from autorater_evals.heads.planted import bright, dark, plant_opinions, plant_pairs
from autorater_evals.heads.settings import Settings
from autorater_evals.printing import legend, lines, with_interval

Fault: TypeAlias = Literal["none", "cut", "swapped"]
FAULTS: tuple[Fault, ...] = ("none", "cut", "swapped")
RANKED = (("bt", 1), ("gpm", 2), ("gpm", 4), ("ce", 1))
FORMS = (
    *((loss, head, size) for loss, size in RANKED for head in ("linear", "skipca")),
    *(("l1", head, 1) for head in ("linear", "skipca", "mlp")),
)
"""Loss, head, and numbers of a reward."""
FIRST_LAYER = "embeddings.patch_embedding.weight"
"""Of the vision network; with zeros in it all pictures give the same states, whatever is trained behind it."""
ALONE = {"bt": (0.01, 12), "gpm": (0.01, 12), "ce": (0.02, 30), "l1": (0.02, 40), "mlp": (0.005, 20)}
LORA = {"bt": (0.005, 8), "gpm": (0.005, 8), "ce": (0.005, 10), "l1": (0.005, 8), "mlp": (0.002, 12)}
"""Learning rate and epochs by which the tiny head learns: cross-entropy and L1 have no temperature and take longer."""
WORDS = (
    "How would you rate the overall quality of this image? prompt: thing number 0",
    "The overall quality of the image is bad poor fair good excellent",
)


class Proved(Record):
    """One head that was trained. Figures are the accuracy on new pairs; chance is 0.5."""

    loss: str
    head: str
    lora: bool
    fault: Fault
    before: Figure
    """Of the head untrained, on the held-out share of its own data; of l1 a correlation."""
    pairs: Figure
    grey: Figure
    """On grey pictures in place of the pairs."""
    gradient: tuple[str, ...]
    """What a step's gradient reaches: head, lora, projector, of both stages of l1; "others" would be a fault."""


def prepare(out: Path, *, seed: int = 0) -> dict[Fault, Path]:
    """Write the tiny base, and the one that cannot see."""
    from autorater_evals.training.tiny import build_student

    base = build_student(out / "base", (), words=WORDS, seed=seed)
    blind = build_student(out / "blind-base", (), words=WORDS, seed=seed)
    library: Any = import_module("safetensors.torch")
    file = blind / "model.safetensors"
    tensors = library.load_file(file)
    (cut,) = (name for name in tensors if name.endswith(FIRST_LAYER))
    library.save_file({**tensors, cut: tensors[cut] * 0}, file, metadata={"format": "pt"})
    return {"none": base, "cut": blind, "swapped": base}


def settings_of(loss: str, head: str, size: int, *, lora: bool, seed: int = 0) -> Settings:
    """Settings under which a tiny head learns within seconds."""
    name = head if head == "mlp" else loss
    rate, epochs = (LORA if lora else ALONE)[name]
    told = {"loss": loss, "head": head, "gpm_size": max(2, size), "lora": lora, "held_out": 0.25, "seed": seed}
    return Settings.model_validate({**told, "rank": 4, "rate": rate, "epochs": epochs})


def prove(bases: dict[Fault, Path], out: Path, settings: Settings, fault: Fault, *, trained: int = 120) -> Proved:
    """Train one head on so many pairs or pictures, load it as it is served, and let it compare 60 new pairs."""
    from autorater_evals.heads.running import train_heads
    from autorater_tools._reward_model import load_reward_model

    swapped = fault == "swapped"
    if settings.loss == "l1":
        data = plant_opinions(out / "data", trained, seed=settings.seed, swapped=swapped)
    else:
        data = plant_pairs(out / "data", trained, prefer=bright if swapped else dark, seed=settings.seed)
    gradient = tuple(sorted(reached(data, bases[fault], settings)))
    result = train_heads(str(data), base=str(bases[fault]), settings=settings, out=out / "head", device="cpu")
    plant_pairs(out / "new", 60, seed=settings.seed + 1000)
    model = load_reward_model(out / "head", device="cpu")
    figures = [accuracy_on(model, new_pairs(out / "new"), grey=grey) for grey in (False, True)]
    return Proved(
        loss=settings.loss if settings.loss != "gpm" else f"gpm, {settings.gpm_size} numbers",
        head=settings.head,
        lora=settings.lora,
        fault=fault,
        before=result.perspectives[0].before[0],
        pairs=figures[0],
        grey=figures[1],
        gradient=gradient,
    )


def new_pairs(folder: Path) -> list[Example]:
    """Pairs of pictures that no head was trained on, under prompts of their own."""
    items = [item for part in get_benchmark("jsonl").load(folder).items.values() for item in part]
    return list(read_examples(items, dimension="overall", loss="bt", folder=folder).examples)


def accuracy_on(model: Any, examples: Sequence[Example], *, grey: bool = False) -> Figure:
    """How often a loaded head prefers what people prefer; a tie is half right."""
    from autorater_evals.heads.evaluating import evaluate
    from autorater_evals.heads.looking import Reader

    (figure,) = evaluate(
        Reader(model, frozen=False, grey=grey), examples, clusters=[example.cluster for example in examples]
    )
    return figure


def reached(data: Path, base: Path, settings: Settings) -> set[str]:
    """The parts that the gradient of one batch reaches in the stages of this loss; "others" if it reaches more."""
    from autorater_evals.heads.data import read_data
    from autorater_evals.heads.forming import make_form
    from autorater_evals.heads.looking import Reader
    from autorater_evals.heads.training import Trainer, what_trains
    from autorater_tools._reward_model import RewardModel

    read = read_data(str(data), folder=None, settings=settings)
    labelled = read.labelled("overall", settings)
    model = RewardModel(base, make_form(read, str(base), settings, {"overall": labelled}), device="cpu")
    trainer = Trainer(model, settings, data.parent)
    found: set[str] = set()
    for stage in trainer.stages:
        wanted = what_trains(model, stage)
        loss: Any = trainer.loss(labelled[0].examples[:5], stage, Reader(model, frozen=not settings.lora))
        loss.backward()
        ids = {id(tensor): name for name, tensor in wanted.items()}
        for tensor in _every(model):
            if tensor.grad is not None and bool(tensor.grad.abs().sum()):
                found.add(ids.get(id(tensor), "others").partition("/")[0])
            tensor.grad = None
    return found


def _every(model: Any) -> Iterator[Any]:
    yield from model.network.parameters()
    for one in model.form.perspectives:
        yield from model.trained(one.name).values()


def print_proof(found: Sequence[Proved]) -> None:
    """The table on stdout: one line for each head, the broken ones beside the whole one."""
    from autorater_evals.heads.evaluating import UNIT

    heading = ("loss", "head", "trained", "gradient in", "new pairs", "grey", "visual path cut", "labels swapped")
    rows: list[tuple[str, ...]] = []
    for one in found:
        if one.fault == "none":
            same = {other.fault: other for other in found if _key(other) == _key(one)}
            rest = [with_interval(same[fault].pairs) if fault in same else "" for fault in FAULTS[1:]]
            how = "LoRA" if one.lora else "head alone"
            parts = ", ".join(one.gradient)
            rows.append((one.loss, one.head, how, parts, with_interval(one.pairs), with_interval(one.grey), *rest))
    sys.stdout.write("\n".join([*lines(heading, rows), legend(UNIT)]) + "\n")


def _key(one: Proved) -> tuple[str, str, bool]:
    return one.loss, one.head, one.lora


def main() -> None:
    """Train every head in every way, whole and broken, and print how they compare new pairs."""
    parser = argparse.ArgumentParser(prog="python -m autorater_evals.heads.proof", description=__doc__)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", action="store_true", help="print one JSON object a head, with n and intervals")
    given = parser.parse_args()
    import torch

    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as scratch:
        bases = prepare(Path(scratch), seed=given.seed)
        found: list[Proved] = []
        for loss, head, size in FORMS:
            for lora in (False, True):
                for fault in FAULTS:
                    settings = settings_of(loss, head, size, lora=lora, seed=given.seed)
                    out = Path(scratch) / f"{loss}-{head}-{size}-{lora}-{fault}"
                    found.append(prove(bases, out, settings, fault))
                    if given.json:
                        sys.stdout.write(found[-1].model_dump_json() + "\n")
    if not given.json:
        print_proof(found)


if __name__ == "__main__":
    main()
