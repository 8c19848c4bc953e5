"""The E-step: a teacher who knows people's label drafts rationales, and filters keep those that can be verified."""

from autorater_evals.distillation.distilling import Checked, Distilled, check, distill
from autorater_evals.distillation.plan import Plan
from autorater_evals.distillation.source import Source, open_source

__all__ = ["Checked", "Distilled", "Plan", "Source", "check", "distill", "open_source"]
