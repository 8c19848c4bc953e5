"""The losses of papers 002 and 003 on rewards, and the levels of a scale."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional

from autorater_tools._preference import lead

LEVELS = ("bad", "poor", "fair", "good", "excellent")
"""ITU's words, from the lowest fifth of a scale to the highest."""


def ranking_loss(chosen: Tensor, rejected: Tensor, *, temperature: float) -> Tensor:
    """-log sigmoid(lead / temperature), the mean over pairs of rewards (pairs, numbers); 0 and more.

    One number is the model of Bradley and Terry, an even number the general preference model: paper 002, eq. 1 and 2.
    Eq. 3 gives the probability without the temperature; the authors' code divides by it there too, and so does
    `reward_preference`, since it is the probability that was fitted.
    """
    return -functional.logsigmoid(lead(chosen, rejected) / temperature).mean()


def truth_loss(rewards: Tensor, truth: Tensor) -> Tensor:
    """Cross-entropy of sigmoid(reward) with 0 or 1, the mean over images; rewards (images, 1), truth (images,).

    Half of L_CE in paper 002 (the formula before eq. 3), which adds up the two images of a pair. There is no
    temperature, neither here nor where two rewards are compared (eq. 3).
    """
    return functional.binary_cross_entropy_with_logits(rewards[:, 0], truth)


def opinion_loss(rewards: Tensor, opinions: Tensor) -> Tensor:
    """The mean distance |reward - opinion|, both 0 to 1 on the scale; rewards (images, 1), opinions (images,).

    Paper 003, "Quality Regression Fine-tuning" in section 4.2: L1. Its authors leave opinions on their scale, 0 to 100.
    """
    return (rewards[:, 0] - opinions).abs().mean()


def level_loss(logits: Tensor, words: Sequence[int]) -> Tensor:
    """Cross-entropy of the next token (images, vocabulary) with the tokens of the level words.

    Paper 003, "Instruction Tuning" in section 4.2. Its language loss is over the whole sentence, whose other words are
    the same for every image; here it is over the one word that differs.
    """
    return functional.cross_entropy(logits, torch.tensor(list(words), device=logits.device))


def level_of(score: float, *, low: float, high: float) -> int:
    """0 (bad) to 4 (excellent): the fifth of the scale, its upper end included (paper 003, eq. 2); `low` gives 0."""
    return min(4, max(0, math.ceil(round((score - low) / (high - low) * 5, 9)) - 1))
