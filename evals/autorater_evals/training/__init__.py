"""The M-step: fine-tune a vision language model to judge, evaluate it before and after, and serve it at once."""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from autorater_evals.training.fitting import fit
    from autorater_evals.training.rounds import run_rounds
    from autorater_evals.training.settings import Settings
    from autorater_evals.training.training import train

__all__ = ["Settings", "fit", "run_rounds", "train"]

_HOME = {
    "Settings": "autorater_evals.training.settings",
    "fit": "autorater_evals.training.fitting",
    "run_rounds": "autorater_evals.training.rounds",
    "train": "autorater_evals.training.training",
}


def __getattr__(name: str) -> object:
    # As in `autorater`: a public name is imported when it is first used.
    if name in _HOME:
        return getattr(import_module(_HOME[name]), name)
    raise AttributeError(f"module 'autorater_evals.training' has no attribute {name!r}")
