"""The E-step: a teacher who knows people's label drafts rationales, and filters keep those that can be verified."""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from autorater_evals.distillation.distilling import Checked, Distilled, check, distill
    from autorater_evals.distillation.plan import Plan
    from autorater_evals.distillation.source import Source, open_source

__all__ = ["Checked", "Distilled", "Plan", "Source", "check", "distill", "open_source"]

_HOME = {
    "Checked": "autorater_evals.distillation.distilling",
    "Distilled": "autorater_evals.distillation.distilling",
    "Plan": "autorater_evals.distillation.plan",
    "Source": "autorater_evals.distillation.source",
    "check": "autorater_evals.distillation.distilling",
    "distill": "autorater_evals.distillation.distilling",
    "open_source": "autorater_evals.distillation.source",
}


def __getattr__(name: str) -> object:
    # As in `autorater_evals`: the commands list themselves without loading what they run.
    if name in _HOME:
        return getattr(import_module(_HOME[name]), name)
    raise AttributeError(f"module 'autorater_evals.distillation' has no attribute {name!r}")
