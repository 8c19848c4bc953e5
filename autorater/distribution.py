"""The model's own distribution over the last field of its answer, read from the log probabilities of its tokens."""

from collections.abc import Mapping, Sequence
from math import exp

from autorater.model import Token

MIN_COVERED = 0.5
"""Less probability than this on readable labels gives no distribution."""
MAX_AMBIGUOUS = 0.05
"""More probability than this on tokens that could begin several labels gives no distribution."""


def label_distribution(tokens: Sequence[Token], field: str, labels: Sequence[str]) -> dict[str, float] | None:
    """Label → probability (sums to 1), or None when the tokens do not tell.

    `labels` are the values that the JSON field may have, without quotes. Walks the value token by token: what the model
    might have written instead at each place is credited to the one label that it would begin.
    """
    start = _value_token(tokens, field)
    if start is None:
        return None
    first, prefix = start
    mass = dict.fromkeys(labels, 0.0)
    path, ambiguous = 1.0, 0.0
    for place in range(first, len(tokens)):
        token = tokens[place]
        skip = prefix if place == first else ""
        for text, logprob in token.top.items():
            if text == token.text or not text.startswith(skip):
                continue
            found = _begun(_written(tokens, first, place, prefix) + text[len(skip) :], labels)
            if len(found) == 1:
                mass[found[0]] += path * exp(logprob)
            elif found:
                ambiguous += path * exp(logprob)
        path *= exp(token.logprob)
        left = _begun(_written(tokens, first, place + 1, prefix), labels)
        if len(left) <= 1:
            if left:
                mass[left[0]] += path
            break
    covered = sum(mass.values())
    if covered < MIN_COVERED or ambiguous > MAX_AMBIGUOUS:
        return None
    return {label: value / covered for label, value in mass.items()}


def _value_token(tokens: Sequence[Token], field: str) -> tuple[int, str] | None:
    """The token in which the value begins, and what of that token stands before the value."""
    text = "".join(token.text for token in tokens)
    at = text.rfind(f'"{field}"')
    if at < 0:
        return None
    at = text.find(":", at + len(field) + 2) + 1
    while at < len(text) and text[at] in ' \n\t"':
        at += 1
    seen = 0
    for place, token in enumerate(tokens):
        if seen + len(token.text) > at:
            return place, token.text[: at - seen]
        seen += len(token.text)
    return None


def _written(tokens: Sequence[Token], first: int, end: int, prefix: str) -> str:
    return "".join(token.text for token in tokens[first:end])[len(prefix) :] if end > first else ""


def _begun(piece: str, labels: Sequence[str]) -> list[str]:
    """The labels that `piece` begins or completes. A quote, comma, brace or space ends a value."""
    value = piece.strip(" ")
    for stop in '",}\n ':
        value, found, _ = value.partition(stop)
        if found:
            return [label for label in labels if label == value]
    return [label for label in labels if label.startswith(value)] if value else list(labels)


def expected(distribution: Mapping[str, float]) -> float:
    """The mean of a distribution over whole numbers."""
    return sum(int(label) * chance for label, chance in distribution.items())


def first_preferred(distribution: Mapping[str, float]) -> float:
    """The probability that image 1 is preferred, a tie counting half."""
    return distribution.get("image_1", 0.0) + distribution.get("tie", 0.0) / 2
