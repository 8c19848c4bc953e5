"""A long prompt as the claims that it makes, so that each can be asked about alone."""

import re

_QUOTED = re.compile(r"\"[^\"]*\"|“[^”]*”|«[^»]*»")
_SENTENCE = re.compile(r"(?<=[.!?;])\s+|\n+")
_PHRASE = re.compile(r"(?<=[.!?;])\s+|\n+|\s*,\s+(?:and\s+)?|\s+(?:and|while|with)\s+")


def split_claims(prompt: str, *, by: str) -> list[str]:
    """The claims of `prompt` in order: the whole ("none"), its sentences, or its phrases; never inside quotes.

    Phrases end at punctuation and at "and", "while" and "with". A claim holds a letter or a digit; what holds none is
    left out, and a prompt without claims gives none.
    """
    if by == "none":
        parts = [prompt]
    else:
        kept = _QUOTED.findall(prompt)
        places = iter(range(len(kept)))
        hidden = _QUOTED.sub(lambda _: f"\x00{next(places)}\x00", prompt)
        cut = (_SENTENCE if by == "sentences" else _PHRASE).split(hidden)
        parts = [re.sub(r"\x00(\d+)\x00", lambda match: kept[int(match[1])], part) for part in cut]
    claims = [part.strip().rstrip(".;!,").strip() for part in parts]
    return [claim for claim in claims if re.search(r"\w", claim)]
