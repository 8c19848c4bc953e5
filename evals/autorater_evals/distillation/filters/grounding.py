r"""Every number that the answer quotes must be one that the student is shown.

Grounded is: a citation that the judge's own check does not flag; a number of an assessment, equal or rounded to the
digits that are quoted (two significant at least); a number of the prompt or of the questions; text that is quoted from
the image in quotation marks. Allowed besides are counts and ordinals: whole numbers from 0 to 20 without sign, decimals
or percent, unless they stand within five words of one sentence after the name of a specialist or of one of its
quantities, where they would pass for its reading. Names as "Image 2", "E3" and "1st" are no numbers.

The rationale, the observations and the weaknesses are held to it. Which of the two images a number belongs to is
checked in citations only.
"""

import re
from collections.abc import Sequence

from autorater.evidence import Evidence
from autorater_evals.distillation.draft import Context, Draft, texts_of

COUNTS = 20
_NAMES = re.compile(r"\b(?:image|source|candidate|picture)[\s_]?\d+\b|\bE\d+\b|\b\d+(?:st|nd|rd|th)\b", re.IGNORECASE)
_QUOTED = re.compile(r"\"[^\"]{1,200}\"|“[^”]{1,200}”")
_NUMBER = re.compile(r"(?<![\w.])[-+]?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?\s?%?")
_SENTENCE = re.compile(r"[.;!?]\s")
_AFTER = 5


def reason(draft: Draft, context: Context) -> str | None:
    """The first number that stands nowhere, or the first citation that is wrong."""
    for citation in draft.verdict.citations if draft.verdict else ():
        if citation.flag:
            return f"cites {citation.assessment} wrongly: {citation.flag}"
    known = [word.strip(" %") for word in _NUMBER.findall(_NAMES.sub(" ", draft.shown))]
    texts = texts_of({name: told for name, told in draft.told.items() if name != "citations"})
    return next((why for text in texts if (why := _ungrounded(text, known, draft.evidence)) is not None), None)


def _ungrounded(told: str, known: Sequence[str], evidence: Evidence) -> str | None:
    """The first number of a text that stands nowhere."""
    text = _NAMES.sub(" ", _QUOTED.sub(" ", told))
    for found in _NUMBER.finditer(text):
        written = found.group()
        number = written.strip(" %")
        if any(_same(number, other) for other in known):
            continue
        if number == written.strip() and number.isdigit() and int(number) <= COUNTS:
            before = _SENTENCE.split(text[: found.start()].lower())[-1]
            if not _names_a_reading(before, evidence):
                continue
        return f"the number {written.strip()} is in no assessment"
    return None


def _same(quoted: str, shown: str) -> bool:
    if float(quoted) == float(shown):
        return True
    decimals = len(quoted.partition(".")[2])
    significant = len(quoted.replace(".", "").lstrip("+-0"))
    return significant >= 2 and "." in shown and round(float(shown), decimals) == float(quoted)


def _names_a_reading(before: str, evidence: Evidence) -> bool:
    """Whether one of the last words before a number names a specialist or one of its quantities."""
    references = [shown.reference.partition("@")[0] for shown in evidence.labels.values()]
    names = {part.replace("_", " ") for name in references for part in (name, *name.split("."))}
    window = " ".join(re.findall(r"[\w.]+", before.replace("_", " "))[-_AFTER:])
    return any(re.search(rf"\b{re.escape(name)}\b", window) for name in names)
