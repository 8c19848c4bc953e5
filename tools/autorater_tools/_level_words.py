"""Scores from the probabilities of a few words as the next token: level words (excellent to bad), yes against no."""

from collections.abc import Sequence
from typing import Any

import torch

from autorater.errors import SpecialistError


def first_tokens(tokenizer: Any, words: Sequence[str]) -> list[int]:
    """The id of the first token of each word, tokenised alone; a leading space counts.

    Raises:
        SpecialistError: two words begin with the same token, so that their probabilities could not be told apart.

    """
    ids = [[int(one) for one in tokenizer(word, add_special_tokens=False)["input_ids"]][:1] for word in words]
    found = [one for word in ids for one in word]
    if len(set(found)) != len(words):
        told = ", ".join(f"{word!r} {one}" for word, one in zip(words, ids, strict=True))
        raise SpecialistError(f"the words must begin with different tokens, this tokenizer gives {told}: choose others")
    return found


def next_tokens(tokenizer: Any, start: str, words: Sequence[str]) -> list[int]:
    """The id of the token that goes on from `start` towards each word, whatever the tokenizer does with the space.

    Raises:
        SpecialistError: two words go on with the same token.

    """
    before = tokenizer(start, add_special_tokens=False)["input_ids"]
    ids = [tokenizer(f"{start} {word}", add_special_tokens=False)["input_ids"] for word in words]
    after = [int(one[len(before)]) for one in ids if one[: len(before)] == before and len(one) > len(before)]
    if len(set(after)) != len(words):
        raise SpecialistError(
            f"this tokenizer cannot tell the words {', '.join(words)} apart by the first token behind {start!r}, and "
            "their probabilities are read there: take another base"
        )
    return after


def split_words(text: str, *, count: int) -> list[str]:
    """The words of an option, apart at commas; a space before a word belongs to it.

    Raises:
        SpecialistError: another number of words, or a space before some but not all.

    """
    words = text.split(",")
    if len(words) != count or not all(word.strip() for word in words):
        raise SpecialistError(f"expected {count} words from best to worst with commas between them, got {text!r}")
    if len({word.startswith(" ") for word in words}) > 1:
        raise SpecialistError(
            f"a space before a word makes another token: put one before every word or before none, got {text!r}"
        )
    return words


def expected_level(logits: Any, ids: Sequence[int]) -> tuple[list[float], list[float]]:
    """Scores 0 to 1 (the first word is 1, the last 0, equal steps between) and the words' probability mass 0 to 1.

    `logits` is (images, vocabulary), of the next token. The score is the mean level under a softmax over the words
    alone, as in Q-Align (Wu et al., ICML 2024); the mass is what a softmax over the whole vocabulary gives them.
    """
    logits = logits.float()
    chosen = logits[:, list(ids)]
    levels = torch.linspace(1, 0, len(ids), device=logits.device)
    scores = (chosen.softmax(dim=-1) * levels).sum(dim=-1).clamp(0, 1)
    return _numbers(scores), mass_of(logits, ids)


def yes_tokens(tokenizer: Any) -> tuple[list[int], list[int]]:
    """The ids of "yes" and of "no", in each spelling that is one token.

    Raises:
        SpecialistError: a spelling of neither is one token.

    """
    found: list[list[int]] = []
    for spellings in (("Yes", "yes"), ("No", "no")):
        tokens = [tokenizer(word, add_special_tokens=False)["input_ids"] for word in spellings]
        found.append(sorted({int(one[0]) for one in tokens if len(one) == 1}))
    yes, no = found
    if not yes or not no:
        raise SpecialistError("the tokenizer of this checkpoint has no single token for yes or for no: choose another")
    return yes, no


def yes_over_no(logits: Any, yes: Sequence[int], no: Sequence[int]) -> tuple[list[float], list[float]]:
    """P(yes) / (P(yes) + P(no)), 0 to 1, and the mass P(yes) + P(no), from (questions, vocabulary) logits."""
    logits = logits.float()
    groups = [logits[:, list(ids)].logsumexp(dim=-1) for ids in (yes, no)]
    return _numbers((groups[0] - groups[1]).sigmoid()), mass_of(logits, [*yes, *no])


def mass_of(logits: Any, ids: Sequence[int]) -> list[float]:
    """How probable it is that the next token is one of `ids`, 0 to 1."""
    logits = logits.float()
    part = logits[:, list(ids)].logsumexp(dim=-1) - logits.logsumexp(dim=-1)
    return _numbers(part.exp().clamp(0, 1))


def _numbers(values: Any) -> list[float]:
    return [float(value) for value in values.tolist()]
