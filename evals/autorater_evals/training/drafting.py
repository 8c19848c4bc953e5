"""The E-step of `autorater distill` as the rounds of the M-step ask for it."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from autorater.autorater import AutoRater
from autorater.errors import UsageError
from autorater.model import Model, Sampling, open_model
from autorater.sync import run_sync
from autorater_evals.distillation import Plan, Source, distill, open_source
from autorater_evals.training.rounds import Drafter
from autorater_evals.trainset import TrainSet, open_set

TEMPERATURE = 0.7
"""Of a student's drafts: without chance every try of a local model would be the same."""


def open_drafter(
    data: str, first: TrainSet, *, opened: Callable[[str], Model] = open_model, max_output_tokens: int = 4096
) -> tuple[Source, Drafter]:
    """What students draft from, and how: with the protocol and the specialists of the first set, into a set each.

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
    # What is held out is that of the first set, so that the rounds can be compared.
    plan = Plan(variants=variants, holdout=(0.0, 0.0))
    sampling = Sampling(temperature=TEMPERATURE, seed=0, max_output_tokens=max_output_tokens)

    def draft(items: Any, teacher: str, /, *, out: Path) -> TrainSet:
        model = opened(teacher)

        def open_rater(log: Path) -> AutoRater:
            return AutoRater(model, tools=tools or "none", protocol=protocol, sampling=sampling, log=log)

        try:
            found = distill(items, open_rater, out, plan=plan)
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
