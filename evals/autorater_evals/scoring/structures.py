"""What is more than one number: generators ranked, attributes' correlations, calibration, accuracy by gap, risk."""

from collections.abc import Sequence

import numpy as np

from autorater.errors import UsageError
from autorater_evals.benchmark import Part
from autorater_evals.scoring.facets import MOST_RANKED, generators_of
from autorater_evals.scoring.told import Array, Told
from autorater_evals.statistics.abstaining import risk_coverage
from autorater_evals.statistics.agreement import GapBin, accuracy_by_gap, coded, points
from autorater_evals.statistics.attributes import AttributeAgreement, attribute_agreement, matrix_distance
from autorater_evals.statistics.calibration import calibration_error
from autorater_evals.statistics.games import make_games
from autorater_evals.statistics.ranking import rank, ranking_agreement
from autorater_evals.structures import GeneratorRanking, Structures

DRAWS = 300
"""Bootstrap draws of a ranking: enough for an interval, and quick."""


def pair_structures(part: Part, told: Told) -> Structures:
    """The structures of one dimension of pairs."""
    gaps = told.gaps
    known = np.isfinite(gaps)
    bins: tuple[GapBin, ...] = ()
    if known.sum() >= 10 and np.ptp(gaps[known]) > 0:
        some = told.where(lambda item: item.preferences[told.dimension].gap is not None)
        bins = accuracy_by_gap(
            some.people, some.sides, gaps=some.gaps, rule="half", bins=4, clusters=some.clusters, unit="prompts"
        )
    confidence, right = _confidences(told)
    enough = np.isfinite(confidence).sum() >= 10 and np.unique(confidence[np.isfinite(confidence)]).size > 2
    return Structures(
        part=part.name,
        dimension=told.dimension,
        generators=_generators(told),
        gaps=bins,
        calibration=calibration_error(confidence, right, clusters=told.clusters) if enough else None,
        risk=risk_coverage(confidence, right, clusters=told.clusters) if enough else None,
    )


def _confidences(told: Told) -> tuple[Array, Array]:
    """The probability of the preferred side, 0.5 to 1, and whether people prefer it too; people's ties are left out."""
    right = points(*coded(told.people, told.sides), rule="drop")
    right[np.array([side == "tie" for side in told.people], dtype=np.bool_)] = np.nan
    chances = np.array([np.nan if one.probability is None else one.probability for one in told.answers])
    confidence = np.where(np.isnan(right), np.nan, np.maximum(chances, 1 - chances))
    return confidence, np.where(np.isnan(confidence), np.nan, right)


def _generators(told: Told) -> GeneratorRanking | None:
    pairs = told.where(lambda item: len(set(item.generators)) == 2)
    names = generators_of(pairs.items)
    if not 3 <= len(names) <= MOST_RANKED:
        return None
    first, second = ([item.generators[side] for item in pairs.items] for side in (0, 1))
    try:
        found = [
            rank(
                make_games(first, second, choices, clusters=pairs.clusters, unit="prompts", items=names),
                draws=DRAWS,
            )
            for choices in (pairs.sides, pairs.people)
        ]
    except UsageError:
        return None
    strengths = [{one.item: one.strength.value for one in ranking.ranked} for ranking in found]
    return GeneratorRanking(
        judge=found[0], people=found[1], agreement=ranking_agreement(strengths[0], strengths[1], draws=DRAWS)
    )


def point_structures(part: Part, told: Sequence[Told]) -> Structures | None:
    """How attributes hang together for the judge and for people (paper 000); None with fewer than three."""
    read = [one for one in told if one.items]
    ids = list(dict.fromkeys(item.id for one in read for item in one.items))
    sources = {one.read for one in read}
    if len(read) < 3 or len(ids) < 10 or len(sources) < len(read):
        return None  # a judge that answers every attribute with the same number has no structure of its own
    place = {id: row for row, id in enumerate(ids)}
    judge, people = (np.full((len(ids), len(read)), np.nan) for _ in range(2))
    clusters = [""] * len(ids)
    for column, one in enumerate(read):
        for item, score, mean in zip(one.items, one.scores, one.means, strict=True):
            judge[place[item.id], column], people[place[item.id], column] = score, mean
            clusters[place[item.id]] = item.cluster
    names = [one.dimension for one in read]
    return Structures(
        part=part.name,
        attributes=matrix_distance(judge, people, names=names, clusters=clusters, unit="prompts"),
        agreements=_agreements(part, read, judge, people, clusters),
    )


def _agreements(
    part: Part, told: Sequence[Told], judge: Array, people: Array, clusters: list[str]
) -> tuple[AttributeAgreement, ...]:
    """Where judge and people use the five levels: both to the nearest level, as kappa needs labels."""
    scales = {one.name: (one.low, one.high) for one in part.dimensions}
    levels = all(scales.get(one.dimension) == (1, 5) and not one.read.startswith("overall") for one in told)
    if not levels:
        return ()
    names = [one.dimension for one in told]
    one, other = (np.clip(np.round(side), 1, 5) for side in (judge, people))
    return attribute_agreement(one, other, names=names, categories=[1, 2, 3, 4, 5], clusters=clusters, unit="prompts")
