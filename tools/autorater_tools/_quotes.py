"""The words that a prompt wants to see written, and how far read text is from them."""

import re

_MARKS = (('"', '"'), ("“", "”"), ("«", "»"), ("„", "“"), ("‘", "’"), ("'", "'"))
_SAYING = r"(?:that (?:says|reads)|saying|reading|says|reads|(?:with|has|bearing|displaying) the (?:text|words?))"
_UNQUOTED = re.compile(rf"\b{_SAYING}:?\s+([^\s\"'“‘«„,.;:!?][^\"“‘«„,.;:!?\n]*)", re.IGNORECASE)
_PLACES = "on|in|at|above|below|under|over|with|and|against|next|near|behind|while|written"
_ENDS = re.compile(rf"\s+(?:{_PLACES})\b.*$", re.DOTALL)


def quoted(prompt: str) -> list[str]:
    """The texts in quotation marks, in order; without any, the words after "saying", "that reads" and the like.

    A straight apostrophe opens a quotation only at the start of a word and closes it only at the end of one, so that
    the cat's and the dogs' are no quotations.
    """
    found: list[tuple[int, str]] = []
    for opening, closing in _MARKS:
        pattern = rf"(?<!\w){re.escape(opening)}(?=\S)([^{re.escape(closing)}\n]{{1,200}}?){re.escape(closing)}(?!\w)"
        if opening == "'":
            pattern = r"(?<!\w)'(?=\S)((?:[^'\n]|(?<=\w)'(?=\w)){1,200}?)(?<=\S)'(?!\w)"
        found += [(match.start(), match.group(1).strip()) for match in re.finditer(pattern, prompt)]
    if found:
        return [text for _, text in sorted(found)]
    return [_ENDS.sub("", match.group(1)).strip() for match in _UNQUOTED.finditer(prompt)]


def letters(text: str) -> str:
    """Letters and digits only, in one case: spaces and punctuation are lost in reading and are not counted."""
    return "".join(character for character in text.casefold() if character.isalnum())


def closest(wanted: str, read: str) -> int:
    """The least number of insertions, deletions and substitutions between `wanted` and any part of `read`.

    Sellers, Journal of Algorithms 1980: an edit distance whose alignment may begin and end anywhere in `read`.
    """
    previous = [0] * (len(read) + 1)
    for row, character in enumerate(wanted, start=1):
        current = [row]
        for column, other in enumerate(read, start=1):
            current.append(min(previous[column] + 1, current[-1] + 1, previous[column - 1] + (character != other)))
        previous = current
    return min(previous)
