"""Decontamination: no prompt and no image of a benchmark that the student will be measured on."""

from autorater_evals.distillation.draft import Context, Draft
from autorater_evals.distillation.prompts import prompt_digest


def reason(draft: Draft, context: Context) -> str | None:
    """Why the subject is a benchmark's: its prompt (normalised) or one of its images (by sha256) stands there too."""
    benchmark = context.prompts.get(prompt_digest(draft.subject.prompt))
    if benchmark is not None:
        return f"its prompt stands in {benchmark}"
    found = next((context.images[name] for name in draft.subject.images if name in context.images), None)
    return None if found is None else f"an image of it stands in {found}"
