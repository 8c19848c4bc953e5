"""The M-step: fine-tune a vision language model to judge, evaluate it before and after, and serve it at once."""

from typing import TYPE_CHECKING

from autorater_evals.lazily import lazily

if TYPE_CHECKING:
    from autorater_evals.training.fitting import fit
    from autorater_evals.training.rounds import run_rounds
    from autorater_evals.training.settings import Settings
    from autorater_evals.training.training import train

__all__ = ["Settings", "fit", "run_rounds", "train"]

__getattr__ = lazily(
    __name__,
    {
        "Settings": "settings",
        "fit": "fitting",
        "run_rounds": "rounds",
        "train": "training",
    },
)
