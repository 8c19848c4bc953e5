"""When two prompts are the same."""

import re
import unicodedata
from functools import lru_cache

from autorater.canonical import digest


def normal(prompt: str) -> str:
    """A prompt without case, punctuation and kinds of spaces: its words, one space apart."""
    return " ".join(re.findall(r"\w+", unicodedata.normalize("NFKC", prompt).casefold()))


@lru_cache(maxsize=100_000)
def prompt_digest(prompt: str) -> str:
    """The sha256 of the normalised prompt; of one without words, of the prompt itself."""
    return digest((normal(prompt) or prompt).encode())
