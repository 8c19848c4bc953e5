"""The noun phrases of a prompt or an edit instruction, by lists of words: no parser, no model, English only."""

import re
from dataclasses import dataclass, field

from autorater_tools._concepts import singular
from autorater_tools._words import (
    ADJECTIVES,
    COLOURS,
    FUNCTION,
    NOUNS_IN_ING,
    NOUNS_IN_LY,
    NUMBERS,
    QUANTITIES,
    STYLE,
    VERBS,
)

_TOKEN = re.compile(r"\d+(?=\s)|[^\W_]+(?:-[^\W_]+)*|'s\b|’s\b|[^\w\s]")
_QUOTED = re.compile(r"(?<!\w)([\"“«„])[^\"“”»\n]{1,200}[\"“”»]|(?<!\w)['‘][^'’\n]{1,200}['’](?!\w)")
_MOST_WORDS = 4
"""A phrase of more words keeps its last ones: the noun stands at the end."""


_ALSO_NOUNS = frozenset({"orange", "light"})
_SILENT = frozenset({"colored", "coloured"})


@dataclass(frozen=True, slots=True)
class Phrase:
    """One thing that the text names: "two red apples" has the text "red apples" and the count 2."""

    words: tuple[str, ...]
    """In lower case, adjectives first, the noun last."""
    count: int | None
    """How many are asked for; None when the text does not say, or says "some"."""
    exact: bool
    """Whether the count is a number; "a" asks for one without forbidding others."""
    start: int
    """Where it begins in the text, its article and number included."""
    end: int

    @property
    def text(self) -> str:
        """The phrase as a detector is asked for it."""
        return " ".join(self.words)

    @property
    def noun(self) -> str:
        """The last word, in the singular."""
        return singular(self.words[-1])

    @property
    def colours(self) -> tuple[str, ...]:
        """The words of colour in it."""
        return tuple(word for word in self.words if word in COLOURS)


def find_phrases(text: str) -> list[Phrase]:
    """The phrases of `text` in order, the same thing as often as it is named.

    A phrase is a run of words that are neither function words, punctuation, verbs, quantities nor words of depiction;
    a run of adjectives alone is none. Text in quotation marks is to be written, not to be found, and is left out.
    """
    plain = _QUOTED.sub(lambda match: '"' + " " * (len(match.group()) - 2) + '"', text).lower()
    tokens = [(match.group(), match.start(), match.end()) for match in _TOKEN.finditer(plain)]
    words = ["", *(word for word, _, _ in tokens), ""]
    reading = _Reading()
    for place, (word, start, end) in enumerate(tokens, start=1):
        before, after = words[place - 1], words[place + 1]
        if _belongs(word, before, after, started=bool(reading.run)):
            reading.run.append((word, start, end))
        elif word == "and" and reading.describes() and after not in FUNCTION and not _counts(after):
            continue  # "a red and white sign"
        else:
            reading.close()
            reading.number(word, start)
    reading.close()
    return reading.found


@dataclass(slots=True)
class _Reading:
    """What was read so far: the phrases, the words of the next one, and how many it is about."""

    found: list[Phrase] = field(default_factory=list[Phrase])
    run: list[tuple[str, int, int]] = field(default_factory=list[tuple[str, int, int]])
    count: int | None = None
    exact: bool = False
    begin: int | None = None

    def describes(self) -> bool:
        """Whether there are words, and all of them adjectives."""
        return bool(self.run) and all(word in ADJECTIVES for word, _, _ in self.run)

    def close(self) -> None:
        """End the phrase. "paint the car red" is about the car; adjectives alone are about nothing."""
        while len(self.run) > 1 and self.run[-1][0] in ADJECTIVES and not self.describes():
            self.run.pop()
        alone = len(self.run) == 1 and self.run[0][0] in _ALSO_NOUNS and self.count is not None
        if self.run and (alone or not self.describes()):
            words = tuple(word for word, _, _ in self.run if word not in _SILENT)[-_MOST_WORDS:]
            begin = self.run[0][1] if self.begin is None else self.begin
            self.found.append(Phrase(words, self.count, self.exact, begin, self.run[-1][2]))
        if self.run:
            self.forget()
        self.run = []

    def number(self, word: str, start: int) -> None:
        """Take a word of quantity for the phrase that follows; any other word but "of" ends the count."""
        if _counts(word):
            number = int(word) if word.isdigit() else NUMBERS.get(word)
            weak = word in ("a", "an")
            if number is not None and not (weak and self.exact):
                self.count, self.exact = number, not weak
            elif number is None:
                self.count, self.exact = None, False
            self.begin = start if self.begin is None else self.begin
        elif word != "of" or self.begin is None:
            self.forget()

    def forget(self) -> None:
        """No number is known."""
        self.count, self.exact, self.begin = None, False, None


def phrase_texts(text: str) -> list[str]:
    """The texts of the phrases, once each, in order."""
    return list(dict.fromkeys(phrase.text for phrase in find_phrases(text)))


def listed_texts(text: str) -> list[str]:
    """The parts of a list that is separated by full stops, commas, semicolons or line ends, in lower case."""
    parts = (re.sub(r"\s+", " ", part).strip(" .\"'").lower() for part in re.split(r"[.,;?\n]+", text))
    return list(dict.fromkeys(part for part in parts if part))


def whole_text(text: str) -> list[str]:
    """The text as one phrase: in lower case, no full stop or question mark inside."""
    return [part] if (part := re.sub(r"[\s.?]+", " ", text).strip().lower()) else []


def _counts(word: str) -> bool:
    return word in NUMBERS or word in QUANTITIES or (word.isdigit() and len(word) <= 2)


def _belongs(word: str, previous: str, following: str, *, started: bool) -> bool:
    """Whether `word` is part of a phrase."""
    if not word[0].isalpha() or _counts(word) or word in FUNCTION or word in STYLE or len(word) < 2:
        return False
    if word.endswith("ly") and word not in NOUNS_IN_LY:
        return False
    if word.endswith("ing") and word not in NOUNS_IN_ING:
        # "a burning candle" describes, "a cat chasing a mouse" tells what happens
        return not started and previous in {"the", "a", "an"} and following.isalpha() and following not in FUNCTION
    if word in VERBS:
        # "a play", "the stand": behind an article it is a noun
        return previous in {"the", "a", "an"} and not started and (following in FUNCTION or not following.isalpha())
    return True
