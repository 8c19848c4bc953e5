"""The same item twice: the same prompt (normalised) and the same images by sha256, in any order of the candidates."""

from autorater_evals.distillation.draft import Context, Draft


def reason(draft: Draft, context: Context) -> str | None:
    """Which earlier item it repeats."""
    earlier = context.equal.get(draft.subject.item)
    return None if earlier is None else f"the same prompt and images as {earlier}"
