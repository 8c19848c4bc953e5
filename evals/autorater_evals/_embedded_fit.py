"""The embedded judge's model of one dimension, as a function of the pictures that it is fitted on.

    score = head(picture) + Σ coefficient × z(reading) - mean of that sum over the training pictures

Head: ridge on the 1568 block statistics, standardised by 3,000 photographs, so that nothing of the scale is learnt from
52 pictures. Coefficients: what is left of within-prompt differences after heads that were fitted without the picture's
prompt and its generator, so that they weigh what transfers to unseen ones; never negative.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from autorater.embedded import BAD, EXCELLENT, Scale
from autorater_evals._embedded_data import Development, PhotographScale
from autorater_evals._embedded_features import Read
from autorater_evals.statistics.resampling import Array

Mask = NDArray[np.bool_]

PENALTY = 0.5
"""Ridge on the coefficients, per squared unit of z and per pair."""

_PROMPT_MATCH = Scale(
    reading="content_labels.prompt_match",
    words="match of the seen labels with the prompt",
    centre=0.3,
    scale=0.25,
    low=-1,
    high=1,
    direction=1,
    mean=0,
    of_prompt=True,
)
SCALES: dict[str, Scale] = {
    "niqe": Scale(reading="niqe.niqe", words="NIQE", centre=4.5, scale=1.5, low=2, high=9, direction=-1, mean=0),
    "brisque": Scale(
        reading="brisque.brisque", words="BRISQUE", centre=30, scale=20, low=0, high=100, direction=-1, mean=0
    ),
    "label_match_prompt": _PROMPT_MATCH,
    "label_match_concepts": _PROMPT_MATCH.model_copy(
        update={
            "reading": "content_labels.concept_match",
            "words": "match of the seen labels with the prompt's words",
        }
    ),
    "labels_against": _PROMPT_MATCH.model_copy(update={"centre": 0.1, "scale": 0.1, "low": -0.3, "high": 0.1}),
}
"""Centres and scales are round numbers near the mean and the deviation of the rated pictures. `labels_against`
tells apart only matches that are hardly better than any photograph's, as pictures of something else have."""
STATISTICAL = ("niqe", "brisque")
MATCHING = (*STATISTICAL, "label_match_prompt", "label_match_concepts")
USED = {
    "appeal": MATCHING,
    "realism": MATCHING,
    "prompt_matching": (*MATCHING, "labels_against"),
    "quality": STATISTICAL,
}
"""Quality is a property of the picture alone, so the labels do not enter it."""
MISTAKEN = 0.2
"""What the rows of mistaken prompts weigh together, as a share of the pairs' weight. No rated picture shows something
else than was asked for, so that the labels would weigh too little to tell: a picture under the prompt of another one is
taken to match as badly as the scale allows."""


@dataclass(frozen=True)
class Recipe:
    """How a head is fitted: on `columns` of the statistics, on the first `views` views, with `penalty` per column."""

    quantity: str
    columns: slice
    views: int
    penalty: float


RECIPES = {
    "appeal": Recipe("appeal", slice(0, 1568), 5, 0.3),
    "realism": Recipe("realism", slice(0, 1568), 5, 0.3),
    # The last three blocks see the subject; a crop loses the composition.
    "prompt_matching": Recipe("subject", slice(544, 1568), 1, 1.0),
    "quality": Recipe("quality", slice(0, 1568), 5, 0.3),
}
"""Dimension → recipe of its head; `quantity` is that of `generated_quality`."""


class Head:
    """Ridge with an unpenalised mean, in the dual: a fold costs a system of at most 260 unknowns.

    Each view of a picture is a row of its own, and the views of a picture share its weight.
    """

    def __init__(self, recipe: Recipe, statistics: Array, target: Array) -> None:
        self.recipe, self.target, self.images = recipe, target, len(target)
        used = statistics[:, : recipe.views, recipe.columns]
        self.rows = used.swapaxes(0, 1).reshape(-1, used.shape[2])
        self.gram = self.rows @ self.rows.T
        self.cross = used.mean(1) @ self.rows.T
        self.penalty = recipe.penalty * used.shape[2]
        self._scores: dict[bytes, Array] = {}

    def scores(self, train: Mask) -> Array:
        """Scores of all pictures from a fit on `train`, cut to 1..5 as the specialist does."""
        key = train.tobytes()
        if key not in self._scores:
            rows, dual, mean = self._solve(train)
            cross, column = self.cross[:, rows], self.gram[np.ix_(rows, rows)].mean(0)
            centred = cross - column[None] - cross.mean(1, keepdims=True) + column.mean()
            self._scores[key] = np.clip(mean + centred @ dual, BAD, EXCELLENT)
        return self._scores[key]

    def weights(self, train: Mask) -> tuple[Array, float]:
        """Weights of the columns of standardised statistics, and the intercept, from a fit on `train`."""
        rows, dual, mean = self._solve(train)
        used = self.rows[rows]
        weights: Array = used.T @ dual - used.mean(0) * dual.sum()
        return weights, mean - float(used.mean(0) @ weights)

    def _solve(self, train: Mask) -> tuple[NDArray[np.intp], Array, float]:
        views = self.recipe.views
        rows = np.concatenate([np.flatnonzero(train) + self.images * view for view in range(views)])
        target = np.tile(self.target[train], views)
        gram = self.gram[np.ix_(rows, rows)]
        column = gram.mean(0)
        centred = (gram - column[:, None] - column[None] + column.mean()) / views
        system = centred + self.penalty * np.eye(len(rows))
        dual = np.asarray(np.linalg.solve(system, (target - target.mean()) / views), dtype=np.float64)
        return rows, dual, float(target.mean())


@dataclass(frozen=True)
class Inputs:
    """`statistics`: standardised, (n, 5, 1568). `evidence`: reading → z, (n,), not a number where it is absent."""

    prompts: NDArray[np.str_]
    """What each picture is said to be made for, (n,)."""
    statistics: Array
    evidence: dict[str, Array]


def make_inputs(
    reads: Sequence[Read], prompts: Sequence[str], scale: PhotographScale, *, keep: Inputs | None = None
) -> Inputs:
    """The inputs of the fit when each picture is said to be of the prompt beside it; `keep` has the statistics."""
    values = [{**read.plain, **read.matches[prompt]} for read, prompt in zip(reads, prompts, strict=True)]
    evidence = {
        name: np.array([item.standardise(one[_quantity(item)]) for one in values]) for name, item in SCALES.items()
    }
    if keep is not None:
        return Inputs(np.array(prompts), keep.statistics, evidence)
    statistics = np.array([read.statistics for read in reads], dtype=np.float64)
    return Inputs(np.array(prompts), (statistics - scale.mean) / scale.deviation, evidence)


def mistake(data: Development, reads: Sequence[Read], scale: PhotographScale, *, keep: Inputs) -> list[Inputs]:
    """The inputs when each picture is said to be of another prompt: every other one once."""
    names = data.unique_prompts
    places = [names.index(prompt) for prompt in data.prompts.tolist()]
    turned = [[names[(place + step) % len(names)] for place in places] for step in range(1, len(names))]
    return [make_inputs(reads, prompts, scale, keep=keep) for prompts in turned]


def _quantity(scale: Scale) -> str:
    return scale.reading.partition(".")[2]


class Model:
    """The complete fit of one dimension. `names`: the readings besides the head; `head` may be shared.

    `mistaken`: the inputs under other prompts, for the dimension that is about the prompt.
    """

    def __init__(
        self,
        data: Development,
        inputs: Inputs,
        dimension: str,
        *,
        names: Sequence[str] | None = None,
        head: Head | None = None,
        mistaken: Sequence[Inputs] = (),
    ) -> None:
        self.data, self.names = data, tuple(USED[dimension] if names is None else names)
        self.head = head or Head(RECIPES[dimension], inputs.statistics, data.means[dimension])
        self.evidence = self.evidence_of(inputs)
        self.mistaken = [(other.prompts, self.evidence_of(other)) for other in mistaken]
        self._coefficients: dict[bytes, Array] = {}

    def evidence_of(self, inputs: Inputs) -> Array:
        """Z of this model's readings, (n, readings); an absent one is the mean of the others."""
        columns = [inputs.evidence[name] for name in self.names]
        filled = [np.where(np.isnan(column), np.nanmean(column), column) for column in columns]
        return np.stack(filled, axis=1) if filled else np.zeros((len(self.data), 0))

    def scores(self, train: Mask, *, evidence: Array | None = None) -> Array:
        """Scores of all pictures from a fit on `train`; `evidence` replaces that of the test."""
        coefficients = self.coefficients(train)
        offset = float((self.evidence[train] @ coefficients).mean())
        given = self.evidence if evidence is None else evidence
        return np.clip(self.head.scores(train) + given @ coefficients - offset, BAD, EXCELLENT)

    def coefficients(self, train: Mask) -> Array:
        """The coefficients from the training pictures alone, one for each reading, 0 or more."""
        key = train.tobytes()
        if key not in self._coefficients:
            self._coefficients[key] = self._combine(train) if self.names else np.zeros(0)
        return self._coefficients[key]

    def _combine(self, train: Mask) -> Array:
        prompts, generators = self.data.prompts, self.data.generators
        rows = np.flatnonzero(train)
        unseen = {
            row: self.head.scores(train & (prompts != prompts[row]) & (generators != generators[row])) for row in rows
        }
        pairs = [(a, b) for a, b in combinations(rows, 2) if prompts[a] == prompts[b]]
        # What the head gives a pair, as if the generator of the one, then of the other, had not been seen.
        given = [(unseen[a][a] - unseen[a][b] + unseen[b][a] - unseen[b][b]) / 2 for a, b in pairs]
        left = np.array([self.head.target[a] - self.head.target[b] for a, b in pairs]) - np.array(given)
        design = np.array([self.evidence[a] - self.evidence[b] for a, b in pairs])
        gram = design.T @ design + PENALTY * len(pairs) * np.eye(len(self.names))
        moment = design.T @ left
        lost, fall = self._mistakes(train)
        if len(fall):
            weight = MISTAKEN * len(pairs) / len(fall)
            gram, moment = gram + weight * lost.T @ lost, moment + weight * lost.T @ fall
        return nonnegative_least_squares(gram, moment)

    def _mistakes(self, train: Mask) -> tuple[Array, Array]:
        """What each training picture loses in evidence, and has to lose in score, under each other training prompt."""
        seen = set(self.data.prompts[train].tolist())
        lost: list[Array] = []
        fall: list[Array] = []
        for prompts, evidence in self.mistaken:
            rows = np.flatnonzero(train & np.isin(prompts, sorted(seen)))
            lost.append(self.evidence[rows] - evidence[rows])
            fall.append(self.head.target[rows] - BAD)
        return (np.concatenate(lost), np.concatenate(fall)) if lost else (np.zeros((0, 0)), np.zeros(0))


def make_models(data: Development, inputs: Inputs, mistaken: Sequence[Inputs]) -> dict[str, Model]:
    """The judge's model of each dimension."""
    prompted = {"prompt_matching": mistaken}
    return {name: Model(data, inputs, name, mistaken=prompted.get(name, ())) for name in RECIPES}


def nonnegative_least_squares(gram: Array, moment: Array) -> Array:
    """The c of 0 or more that minimises c·gram·c - 2 moment·c; exact, by trying every set of positive entries."""
    count = len(moment)
    best, least = np.zeros(count), 0.0
    for size in range(1, count + 1):
        for kept in combinations(range(count), size):
            index = list(kept)
            part = np.linalg.solve(gram[np.ix_(index, index)], moment[index])
            loss = -float(moment[index] @ part)
            if (part >= 0).all() and loss < least:
                best, least = np.zeros(count), loss
                best[index] = part
    return best
