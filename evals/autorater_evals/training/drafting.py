"""The E-step of `autorater distill` as the rounds of the M-step ask for it."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from autorater.autorater import AutoRater
from autorater.errors import UsageError
from autorater.model import Model, Sampling, open_model
from autorater.sync import run_sync
from autorater_evals.distillation import Plan, Source, distill, open_source
from autorater_evals.distillation.material import LOG, NAME, read_material
from autorater_evals.distillation.plan import Index
from autorater_evals.item import Item
from autorater_evals.training.rounds import Drafter
from autorater_evals.trainset import TrainSet, open_set

TEMPERATURE = 0.7
"""Of a student's drafts: without chance every try of a local model would be the same."""


def open_drafter(
    data: str, first: TrainSet, *, opened: Callable[[str], Model] = open_model, max_output_tokens: int = 4096
) -> tuple[Source, Drafter]:
    """What students draft from, and how: as the first set was made, into a set each.

    Protocol, specialists, plan, filters, dimension and the benchmarks that it was held against are the first set's.

    `data` is NAME=DIR of a benchmark, a .jsonl file, or the folder of an evaluated run; items that the first set holds
    out are not drafted. `opened` opens the student of a round by its name. A set for research only makes such sets.

    Raises UsageError when there is no such data, or their licence forbids training.
    """
    name, sign, folder = data.partition("=")
    research = bool(first.card.get("source", {}).get("research"))  # said when the first set was distilled
    source = open_source(name, folder=Path(folder) if sign else None, research=research)
    examples = list(first.examples())
    held = {one.item for one in examples if one.split != "train"}
    source = replace(source, items=[item for item in source.items if item.id not in held])
    tools = sorted({tool for one in examples for tool in one.tools})
    protocol: Any = next((one.protocol for one in examples), "autorater")
    shown = {"tools" if one.tools else "free" for one in examples}
    variants: Any = tuple(kind for kind in ("tools", "free") if kind in shown)
    made = _material(first)
    # What is held out is that of the first set, so that the rounds can be compared.
    plan = made.plan.model_copy(update={"variants": variants, "holdout": (0.0, 0.0)})
    dimension = made.dimension if any(made.dimension in _dimensions(item) for item in source.items) else ""
    sampling = Sampling(temperature=TEMPERATURE, seed=0, max_output_tokens=max_output_tokens)

    def draft(items: Any, teacher: str, /, *, out: Path) -> TrainSet:
        model = opened(teacher)

        def open_rater(log: Path) -> AutoRater:
            return AutoRater(model, tools=tools or "none", protocol=protocol, sampling=sampling, log=log)

        try:
            found = distill(items, open_rater, out, plan=plan, against=made.against, dimension=dimension)
        finally:
            close = getattr(model, "close", None)
            if close is not None:
                run_sync(close())  # the next student needs the room
        name = Path(teacher).name
        if found.stopped:
            raise UsageError(f"{name} drafted no set for the next round: {found.stopped}")
        if not found.card["examples"]["all"]:
            lost = ", ".join(f"{filter} {count}" for filter, count in found.card["lost"].items())
            raise UsageError(
                f"no draft of {name} passed every filter, so there is no set for the next round (the last drafts were "
                f"thrown out by: {lost or 'filters of items'}): see card.md in {out.name!r}; train the round longer"
            )
        return open_set(out)

    return source, draft


@dataclass(frozen=True, slots=True)
class _Material:
    """How a set was made."""

    plan: Plan = field(default_factory=Plan)
    against: tuple[Index, ...] = ()
    dimension: str = ""
    """What people's labels are of, where it is one for all."""


def _material(trainset: TrainSet) -> _Material:
    """How a set was made, as its log tells; the defaults of one without a log."""
    log = trainset.folder / LOG
    if not (log / NAME).is_file():
        return _Material()
    header, subjects = read_material(log)
    named = {one.dimension for one in subjects if not one.problem}
    return _Material(header.plan, header.against, named.pop() if len(named) == 1 else "")


def _dimensions(item: Item) -> set[str]:
    return {*item.opinions, *item.preferences}
