"""The verdict must be people's: the same side or tie, a score within the step, every labelled answer."""

from typing import Any, cast

from autorater_evals.distillation.draft import Context, Draft


def reason(draft: Draft, context: Context) -> str | None:
    """How the verdict differs from the label. A tie of people is met by a tie alone, and only by one."""
    label, verdict = draft.subject.label, draft.verdict
    if verdict is None:
        return draft.problem or "there is no verdict"
    if label.preferred is not None:
        return None if verdict.preference == label.preferred else f"{verdict.preference}, people say {label.preferred}"
    if label.score is not None:
        if verdict.score is not None and abs(verdict.score - label.score) <= context.plan.step:
            return None
        return f"{verdict.score}, people say {label.score:g} (a step of {context.plan.step:g} is allowed)"
    checklist = draft.subject.questions
    if checklist is None:
        return "the item has no label"
    # A question whose parent people answered "no" is settled as not applicable on both sides.
    full: dict[str, Any] = {item.id: label.answers.get(item.id, "cannot_tell") for item in checklist.items}
    wanted, answered = checklist.settle(full), verdict.checklist.get("a", cast("dict[str, Any]", {}))
    wrong = [name for name in label.answers if wanted[name] != answered.get(name) and _applies(name, draft)]
    return f"answered otherwise than people: {', '.join(wrong[:5])}" if wrong else None


def _applies(name: str, draft: Draft) -> bool:
    """Whether people answered every question that this one depends on."""
    items = {item.id: item for item in draft.subject.questions.items} if draft.subject.questions else {}
    return all(parent in draft.subject.label.answers and _applies(parent, draft) for parent in items[name].depends_on)
