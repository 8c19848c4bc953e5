"""The protocols by which the embedded judge is measured on pictures that it was fitted on: always refitted without."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from autorater_evals._embedded_data import Development
from autorater_evals._embedded_fit import Mask
from autorater_evals.statistics.ranks import rank_correlation, ranks
from autorater_evals.statistics.resampling import Array, cluster_interval, quantiles_95

Fit = Callable[[Mask], Array]
"""Training mask → scores of all pictures, higher is better."""
RESAMPLES = 1000
MATCHING = 3.0
"""Pictures with this mean of prompt matching and more show what was asked for."""
LEAST_TAU = 0.25
"""A smaller tau would rest on two to five wrong pairs, and make P surer than the data can carry."""


@dataclass(frozen=True)
class Share:
    """A share of pairs that are ordered as people order them, with its 95 % interval over prompts."""

    value: float
    low: float
    high: float
    pairs: int


@dataclass(frozen=True)
class Figures:
    """One scorer in one dimension."""

    new_prompts: Share
    unseen_generator: Share
    both: Share
    within_rho: float
    """Mean over generators of Spearman's rho across prompts, scores from fits without the picture's prompt."""
    within_low: float
    within_high: float
    same_generator: float
    """Share of clear pairs of one generator, across prompts, that are ordered as people order them."""
    same_generator_pairs: int
    closer: Share
    """As `new_prompts`, without the pairs of the generator that people rate lowest: most of its pairs are easy."""


def measure(data: Development, dimension: str, fit: Fit) -> Figures:
    """All figures of one scorer. A measure without a fit is the constant function."""
    pairs, target = data.pairs(dimension), data.means[dimension]
    scores = without_prompts(data, fit)
    low, high = _rho_interval(data, scores, target)
    same = data.pairs_of_one_generator(dimension)
    lowest = min(_by_generator(data), key=lambda rows: float(target[rows].mean()))
    close = [pair for pair in pairs if not {*pair} & {*lowest.tolist()}]
    return Figures(
        new_prompts=share(data, pairs, hits(scores, pairs)),
        unseen_generator=_unseen(data, pairs, fit, prompts_too=False),
        both=_unseen(data, pairs, fit, prompts_too=True),
        within_rho=float(np.mean([rank_correlation(scores[rows], target[rows]) for rows in _by_generator(data)])),
        within_low=low,
        within_high=high,
        same_generator=float(hits(scores, same).mean()),
        same_generator_pairs=len(same),
        closer=share(data, close, hits(scores, close)),
    )


def without_prompts(data: Development, fit: Fit) -> Array:
    """The score of each picture from a fit without its prompt."""
    scores = np.zeros(len(data))
    for prompt in data.unique_prompts:
        test = data.prompts == prompt
        scores[test] = fit(~test)[test]
    return scores


def _unseen(data: Development, pairs: Sequence[tuple[int, int]], fit: Fit, *, prompts_too: bool) -> Share:
    """Pairs with exactly one picture of a generator that the fit has not seen; a pair counts for both generators."""
    found: list[Array] = []
    counted: list[tuple[int, int]] = []
    for generator in sorted(set(data.generators.tolist())):
        for prompt in data.unique_prompts:
            mine = [
                (a, b)
                for a, b in pairs
                if data.prompts[a] == prompt and generator in (data.generators[a], data.generators[b])
            ]
            if mine:
                train = data.generators != generator
                if prompts_too:
                    train &= data.prompts != prompt
                found.append(hits(fit(train), mine))
                counted += mine
    return share(data, counted, np.concatenate(found))


def over_other_subjects(
    data: Development, dimension: str, fit: Fit, mistaken: Sequence[tuple[Sequence[str], Fit]]
) -> Share:
    """How often a picture of the prompt scores above a picture that was made for another prompt, both given the first.

    Pictures that people find to match their prompt (3 and more of 5), from fits without that prompt. `mistaken`: the
    prompts that the pictures are said to be of, and the scores under them.
    """
    matching = data.means["prompt_matching"] >= MATCHING
    right: list[float] = []
    clusters: list[str] = []
    for prompt in data.unique_prompts:
        mine = data.prompts == prompt
        own = fit(~mine)[mine & matching]
        others = [scores(~mine)[np.array(prompts) == prompt] for prompts, scores in mistaken]
        found = (own[:, None] > np.concatenate(others)[None]).astype(np.float64).ravel()
        right += found.tolist()
        clusters += [prompt] * len(found)
    low, high = cluster_interval(np.array(right), clusters)
    return Share(float(np.mean(right)), low, high, len(right))


def temperature(data: Development, dimension: str, fit: Fit) -> float:
    """The tau by which P = 1 / (1 + exp(-gap / tau)) fits best what people said of clear pairs, not below `LEAST_TAU`.

    Gaps are means of the two fits without the pair's prompt and without the generator of the one or of the other.
    """
    gaps: list[float] = []
    for a, b in data.pairs(dimension):
        masks = [(data.prompts != data.prompts[a]) & (data.generators != data.generators[row]) for row in (a, b)]
        gaps.append(float(np.mean([fit(mask)[a] - fit(mask)[b] for mask in masks])))
    grid = np.arange(0.05, 2.0, 0.01)
    losses = [float(np.log1p(np.exp(-np.array(gaps) / tau)).mean()) for tau in grid]
    return max(LEAST_TAU, round(float(grid[int(np.argmin(losses))]), 2))


def hits(scores: Array, pairs: Sequence[tuple[int, int]]) -> Array:
    """1 for each (better, worse) pair in the right order, 0.5 for equal scores, else 0."""
    gaps = np.array([scores[a] - scores[b] for a, b in pairs])
    return (gaps > 0) + 0.5 * (gaps == 0)


def share(data: Development, pairs: Sequence[tuple[int, int]], right: Array) -> Share:
    """The mean of `right` with its interval."""
    low, high = cluster_interval(right, [str(data.prompts[a]) for a, _ in pairs])
    return Share(float(right.mean()), low, high, len(pairs))


def _by_generator(data: Development) -> list[NDArray[np.intp]]:
    return [np.flatnonzero(data.generators == generator) for generator in sorted(set(data.generators.tolist()))]


def _rho_interval(data: Development, scores: Array, target: Array) -> tuple[float, float]:
    """Prompts drawn again; the rank correlation within each generator, averaged."""
    random = np.random.default_rng(0)
    tables = [{str(data.prompts[row]): row for row in rows} for rows in _by_generator(data)]
    values: list[float] = []
    for _ in range(RESAMPLES):
        drawn = random.choice(data.unique_prompts, len(data.unique_prompts))
        rows = [np.array([table[prompt] for prompt in drawn if prompt in table]) for table in tables]
        values.append(float(np.mean([_correlation(ranks(scores[row]), ranks(target[row])) for row in rows])))
    return quantiles_95(np.array(values))


def _correlation(one: Array, other: Array) -> float:
    one, other = one - one.mean(), other - other.mean()
    size = float(np.sqrt((one @ one) * (other @ other)))
    return float(one @ other) / size if size else float("nan")
