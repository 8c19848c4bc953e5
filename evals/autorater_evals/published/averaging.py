"""Spearman's correlation and its averages over generators, each with what it becomes when images are drawn again."""

import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from autorater_evals.statistics.correlation import CLIP
from autorater_evals.statistics.resampling import Array, quantiles_95

Average = Literal["authors", "fisher"]
DRAWS = 1000
_UNDEFINED = 0.05
"""No interval where more than this share of the draws leaves the figure undefined."""


@dataclass(frozen=True)
class Part:
    """A correlation of `n` images, NaN where it is not defined, and of each draw of them (draws,)."""

    value: float
    drawn: Array
    n: int

    @property
    def ci95(self) -> tuple[float, float] | None:
        """The 2.5 % and 97.5 % quantiles of the draws; None without a value, or where too few draws have one."""
        if np.isnan(self.value) or np.isnan(self.drawn).mean() > _UNDEFINED:
            return None
        return quantiles_95(self.drawn)


def draw_images(task: str, count: int) -> Array:
    """How often each of `count` images (uids) is in each draw, (draws, count); always the same for one task.

    An image's uid stands for one prompt under all generators, so that the draws are of prompts, and all judges' and
    generators' figures are drawn together.
    """
    random = np.random.default_rng([0, zlib.crc32(task.encode())])
    return random.multinomial(count, np.full(count, 1 / count), size=DRAWS).astype(np.float64)


def spearman(one: Array, other: Array, weights: Array) -> Part:
    """Spearman's rho of two columns (n,), also in each draw; `weights` is (draws, n).

    Mid-ranks are counted from how often each level is in a draw, so the work goes with the levels, which are few.
    """
    if not len(one):
        return Part(np.nan, np.full(len(weights), np.nan), 0)
    (left, first), (right, second) = (np.unique(side, return_inverse=True) for side in (one, other))
    pairs, both = np.unique(first * len(right) + second, return_inverse=True)
    drawn = np.concatenate([np.ones((1, len(one))), weights])
    total = drawn.sum(1, keepdims=True)
    middle = [_middle(drawn, codes, len(levels), total) for codes, levels in ((first, left), (second, right))]
    spread = middle[0][1] * middle[1][1]
    product = middle[0][0][:, pairs // len(right)] * middle[1][0][:, pairs % len(right)]
    shared = (_often(drawn, both, len(pairs)) * product).sum(1)
    found = np.where(spread > 0, shared / np.sqrt(np.where(spread > 0, spread, 1.0)), np.nan)
    found = np.clip(found, -1, 1)
    return Part(float(found[0]), found[1:], len(one))


def averaged(parts: Sequence[Part], average: Average) -> Part:
    """The average of the parts that are defined, each counting the same; `n` adds up their images.

    `fisher`: tanh(mean(arctanh r)). `authors`: tanh(mean r), as the released code of VIEScore has it, where an
    undefined part would make the whole one undefined.
    """
    kept = [part for part in parts if not np.isnan(part.value)]
    if not kept:
        return Part(np.nan, np.full(DRAWS, np.nan), 0)
    values = np.stack([np.concatenate([[part.value], part.drawn]) for part in kept])
    if average == "fisher":
        values = np.arctanh(np.clip(values, -CLIP, CLIP))
    there = ~np.isnan(values)
    count = there.sum(0)
    means = np.where(there, values, 0.0).sum(0) / np.maximum(count, 1)
    found = np.where(count > 0, np.tanh(means), np.nan)
    return Part(float(found[0]), found[1:], sum(part.n for part in kept))


def _often(drawn: Array, codes: NDArray[np.intp], levels: int) -> Array:
    """How often each level is in each draw, (draws, levels)."""
    return drawn @ np.eye(levels)[codes]


def _middle(drawn: Array, codes: NDArray[np.intp], levels: int, total: Array) -> tuple[Array, Array]:
    """Each level's mid-rank less the mean rank (draws, levels), and the spread of the ranks (draws,)."""
    often = _often(drawn, codes, levels)
    middle = np.cumsum(often, 1) - often / 2 - total / 2
    return middle, (often * middle * middle).sum(1)
