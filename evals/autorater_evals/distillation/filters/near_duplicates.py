"""Nearly the same item twice: the same prompt, and images that a perceptual hash cannot tell apart."""

from autorater_evals.distillation.draft import Context, Draft


def reason(draft: Draft, context: Context) -> str | None:
    """Which earlier item it repeats; see `autorater_evals.distillation.pictures` for what counts as alike."""
    earlier = context.alike.get(draft.subject.item)
    return None if earlier is None else f"the same prompt as {earlier}, and images that look the same"
