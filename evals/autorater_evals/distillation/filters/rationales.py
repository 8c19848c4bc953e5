"""Nearly the same rationale for two items says little of either (MinHash over three-word shingles, Jaccard > 0.8)."""

from autorater_evals.distillation.draft import Context, Draft


def reason(draft: Draft, context: Context) -> str | None:
    """Which other item has it; the two variants of one item may share theirs."""
    other = context.rationales.get(draft.name)
    return None if other is None else f"nearly the rationale of {other}"
