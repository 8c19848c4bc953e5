"""A pair must come out the same in the other order, in a draft of its own that passes the same filters."""

from autorater_evals.distillation.draft import Context, Draft


def reason(draft: Draft, context: Context) -> str | None:
    """What is wrong with the draft of the other order. Of one image there is no other order."""
    other = draft.other
    if other is None or draft.verdict is None:
        return None
    if other.verdict is None:
        return f"in the other order: {other.problem}"
    if other.verdict.preference != draft.verdict.preference:
        return f"in the other order: {other.verdict.preference}, in this one {draft.verdict.preference}"
    return f"in the other order: {draft.other_problem}" if draft.other_problem else None
