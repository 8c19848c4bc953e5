"""Who reads the rationale alone, without images and label, must come to the same verdict."""

from autorater_evals.distillation.draft import Context, Draft


def reason(draft: Draft, context: Context) -> str | None:
    """What the second reader says instead, of this order or of the other one."""
    found = _differs(draft, context)
    if found is None and draft.other is not None and draft.other.rederived is not None:
        found = _differs(draft.other, context)
    return found


def _differs(draft: Draft, context: Context) -> str | None:
    said, told = draft.rederived, draft.told
    if not said:
        return "the rationale could not be read by a second reader"
    if "preference" in told:
        return None if said["preference"] == told["preference"] else f"its rationale speaks for {said['preference']}"
    if "score" in told:
        near = abs(said["score"] - told["score"]) <= max(1.0, context.plan.step)
        return None if near else f"its rationale speaks for {said['score']}, its score is {told['score']}"
    answers = told["checklist"]
    wrong = [
        name
        for name, answer in said.items()
        if answer != "cannot_tell" and answers[name]["image_1"] in ("yes", "no") and answers[name]["image_1"] != answer
    ]
    return f"its rationale says otherwise of: {', '.join(wrong[:5])}" if wrong else None
