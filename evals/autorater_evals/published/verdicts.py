"""GenAI-Bench's four labels: read from a judge's text as the authors do, and read tolerantly."""

import html
import re

LEFT, RIGHT, GOOD, BAD, TIE = "[[A>B]]", "[[B>A]]", "[[A=B=Good]]", "[[A=B=Bad]]", "[[A=B]]"
FIRST = frozenset({LEFT, "[[A>>B]]"})
SECOND = frozenset({RIGHT, "[[B>>A]]"})
TIES = frozenset({GOOD, BAD, TIE})
CORRECT = {"leftvote": FIRST, "rightvote": SECOND, "tievote": {GOOD, TIE}, "bothbad_vote": {BAD, TIE}}
"""The verdicts that are right for each human vote; any other text is wrong (parse_response of the authors)."""

_MARKED = re.compile(r"\[\[.*\]\]")
_SHORTEST = re.compile(r"\[\[(.*?)\]\]", re.DOTALL)
_SPELLED = {
    "A>B": LEFT,
    "B<A": LEFT,
    "MODELAISBETTER": LEFT,
    "B>A": RIGHT,
    "A<B": RIGHT,
    "MODELBISBETTER": RIGHT,
    "A=B=GOOD": GOOD,
    "B=A=GOOD": GOOD,
    "A=B=BAD": BAD,
    "B=A=BAD": BAD,
    "A=B": TIE,
    "B=A": TIE,
}


def parse_verdict_text(response: object) -> str | None:
    """The verdict in a judge's text by the authors' rule: the first line's text from "[[" to that line's last "]]".

    It comes back as it stands, also when it is none of the labels; None when there is none, or no text at all.
    Source: parse_response in inference.py of TIGER-AI-Lab/GenAI-Bench @ 32fff1f.
    """
    found = _MARKED.search(response) if isinstance(response, str) else None
    return found.group() if found else None


def tolerant_label(text: object) -> str | None:
    """The one label that is marked in `text`, whatever its case, spaces, quotes, markdown or escapes.

    None when no marked text is a label, or several different ones are.
    """
    if not isinstance(text, str):
        return None
    plain = html.unescape(text.replace("\\", ""))
    named = {_SPELLED.get(_plainly(marked)) for marked in _SHORTEST.findall(plain)} - {None}
    return named.pop() if len(named) == 1 else None


def _plainly(marked: str) -> str:
    """Letters and signs only, in capitals, each sign once."""
    return re.sub(r"([<>=])\1+", r"\1", re.sub(r"[^A-Z<>=]", "", marked.upper()))
