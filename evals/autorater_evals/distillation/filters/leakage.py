"""Words that only somebody who was told the label would write (methodology, part 4.4), and the label's own decimals."""

import re

from autorater_evals.distillation.draft import Context, Draft, texts_of

PATTERNS = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        r"ground[\s-]?truth",
        r"\bhuman[\s-]+(rat|annotat|prefer|judg|label|vot|opinion|score)",
        r"\b(the|a) (given|provided|correct|known|stated|expected|reference|true|target) "
        r"(label|answer|score|outcome|verdict|preference|rating)s?\b",
        r"\bas (was )?(stated|indicated|given|told|instructed|provided)\b(?! in the (prompt|instruction|request))",
        r"\b(people|raters?|annotators?|crowd|humans|voters?|participants)('s)? "
        r"(said|say|prefer|chose|rated|voted|judged|agreed)",
        r"\b(annotators?|raters?|opinion scores?)\b",
        r"\bthe label\b",
        r"\b(i|we) (was|were|am|are|have been) (told|given|informed)\b",
        r"\bas if (this|the|that) block\b|\bunseen\b",
    )
)
_MEAN_OPINION = re.compile(r"\bD?MOS\b")
DIGITS = (2, 3, 4)
"""With so many decimals a number is taken for the label's; with fewer it may be anybody's."""


def reason(draft: Draft, context: Context) -> str | None:
    """The words that give the label away, or its number."""
    for text in texts_of(draft.told):
        for pattern in (*PATTERNS, _MEAN_OPINION):
            if (found := pattern.search(text)) is not None:
                return f"speaks of the label: {found.group()!r}"
        for number in _decimals(draft):
            if _stands_in(number, text):
                return f"quotes the label: {number}"
    return None


def _decimals(draft: Draft) -> list[str]:
    """The label's numbers as they may be written, but for those that a specialist says too."""
    label = draft.subject.label
    written = [f"{number:.{digits}f}" for number in draft.subject.numbers for digits in DIGITS]
    written += [repr(number) for number in draft.subject.numbers if len(repr(number).partition(".")[2]) >= min(DIGITS)]
    if label.score is not None:
        written.append(f"{label.score:.1f}")  # as the block says it
    lines = "\n".join(draft.evidence.lines)
    return [number for number in dict.fromkeys(written) if not _stands_in(number, lines)]


def _stands_in(number: str, text: str) -> bool:
    """Whether it is a number of the text, not a part of a longer one."""
    return re.search(rf"(?<![\d.]){re.escape(number)}(?!\d)", text) is not None
