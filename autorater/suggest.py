"""'Did you mean': the helpful half of an error about a name."""

from collections.abc import Iterable
from difflib import get_close_matches

LISTED = 12
"""Of more names than this only the nearest are told."""


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """A phrase that names the nearest known name and all of them, or the nearest where there are many."""
    names = sorted(known)
    close = get_close_matches(name, names, n=1)
    hint = f"did you mean {close[0]!r}? " if close else ""
    if len(names) <= LISTED:
        return f"{hint}known: {', '.join(names) or 'none'}"
    near = sorted(get_close_matches(name, names, n=LISTED, cutoff=0.0))
    return f"{hint}known: {', '.join(near)} and {len(names) - len(near)} more"
