"""The E-step of `autorater distill` as the rounds of the M-step ask for it."""

from pathlib import Path
from typing import Any

from autorater.autorater import AutoRater
from autorater.errors import UsageError
from autorater_evals.distillation import Source, distill, open_source
from autorater_evals.training.rounds import Drafter
from autorater_evals.trainset import TrainSet, open_set


def open_drafter(data: str, first: TrainSet, *, device: str | None = None) -> tuple[Source, Drafter]:
    """What students draft from, and how: with the protocol and the specialists of the first set, into a set each.

    `data` is NAME=DIR of a benchmark, a .jsonl file, or the folder of an evaluated run.

    Raises UsageError when there is no such data, or their licence forbids training.
    """
    name, sign, folder = data.partition("=")
    source = open_source(name, folder=Path(folder) if sign else None)
    examples = list(first.examples("train"))
    tools = sorted({tool for one in examples for tool in one.tools})
    protocol: Any = next((one.protocol for one in examples), "autorater")
    served = {} if device is None else {"device": device}

    def draft(items: Any, teacher: str, /, *, out: Path) -> TrainSet:
        from autorater.model import open_model

        def open_rater(log: Path) -> AutoRater:
            return AutoRater(open_model(teacher, **served), tools=tools or "none", protocol=protocol, log=log)

        found = distill(items, open_rater, out)
        if found.stopped:
            raise UsageError(f"{teacher.rpartition('/')[2]} drafted no set for the next round: {found.stopped}")
        return open_set(out)

    return source, draft
