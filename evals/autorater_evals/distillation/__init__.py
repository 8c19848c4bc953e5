"""The E-step: a teacher who knows people's label drafts rationales, and filters keep those that can be verified."""

from typing import TYPE_CHECKING

from autorater_evals.lazily import lazily

if TYPE_CHECKING:
    from autorater_evals.distillation.distilling import Checked, Distilled, check, distill
    from autorater_evals.distillation.plan import Plan
    from autorater_evals.distillation.source import Source, open_source

__all__ = ["Checked", "Distilled", "Plan", "Source", "check", "distill", "open_source"]

__getattr__ = lazily(
    __name__,
    {
        "Checked": "distilling",
        "Distilled": "distilling",
        "Plan": "plan",
        "Source": "source",
        "check": "distilling",
        "distill": "distilling",
        "open_source": "source",
    },
)
