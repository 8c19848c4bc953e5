"""EM rounds: the student of one round drafts the set of the next (paper 001, section 4.3).

Every round trains the same base anew, as STaR does (arXiv 2203.14465), so that what one round learnt wrongly is not
carried on by the weights. How rationales are drafted and filtered is the E-step's affair.
"""

from pathlib import Path
from typing import Any, Protocol

from autorater.canonical import Record
from autorater.errors import UsageError
from autorater_evals.files import put_whole
from autorater_evals.training.claiming import finished
from autorater_evals.training.settings import Settings
from autorater_evals.training.training import Running, Training, train
from autorater_evals.trainset import TrainSet

RESULT = "rounds.json"


class Drafter(Protocol):
    """The E-step: rationales for items by a teacher, filtered, as a set."""

    def __call__(self, items: Any, teacher: str, /, *, out: Path) -> TrainSet:
        """The set of the next round, written to `out`. `teacher` is `transformers:FOLDER`, or any other model."""
        ...


class Rounds(Record):
    """All rounds in order; `rounds[t].after.likelihood` is that of rationale and label after round t + 1."""

    rounds: tuple[Training, ...]


def run_rounds(
    first: TrainSet,
    items: Any,
    draft: Drafter,
    student: str,
    out: str | Path,
    settings: Settings | None = None,
    *,
    rounds: int,
    running: Running | None = None,
) -> Rounds:
    """Train on `first`, then draft and train `rounds - 1` times more.

    Students are in `out/round-1`, `out/round-2`, …, the drafted sets in `out/set-2`, …. Every round is judged and its
    likelihood measured on the held-out examples of the first set, so that rounds can be compared; what shares an item,
    an image, a prompt or a cluster with these is never trained on. The same call goes on where one was stopped.

    Raises UsageError for fewer than one round or a drafted set whose student is gone, and what `train` raises.
    """
    if rounds < 1:
        raise UsageError(f"expected at least 1 round, got {rounds}")
    how, folder = running or Running(), Path(out)
    done: list[Training] = []
    current = first
    for number in range(1, rounds + 1):
        here = folder / f"round-{number}"
        how.tell(f"round {number} of {rounds}")
        drafted = folder / f"set-{number + 1}"
        if drafted.exists() and finished(here) is None:
            # Its answers are recorded under the student's name, and would be taken for those of the next of that name.
            raise UsageError(
                f"{drafted.name!r} in {folder.name!r} was drafted by a student that {here.name!r} does not hold any "
                "more: remove it, or choose another --out"
            )
        base = done[0].before if done else None  # the same base on the same examples
        done.append(train(current, student, here, settings, running=how, held=first, before=base))
        put_whole(folder / RESULT, f"{Rounds(rounds=tuple(done)).model_dump_json(indent=1)}\n".encode())
        if number < rounds:
            current = draft(items, f"transformers:{here}", out=drafted)
    return Rounds(rounds=tuple(done))
