"""Figures of images with mean opinions: correlations raw and mapped, within and across generators, human ceilings."""

from collections.abc import Iterator, Sequence

from autorater_evals.evaluation import Row
from autorater_evals.figure import Figure, Interval
from autorater_evals.scoring.facets import facets_of
from autorater_evals.scoring.told import Told
from autorater_evals.statistics.correlation import across_groups, correlation, within_groups

MEASURES = ("pearson", "pearson_logistic4", "pearson_logistic5", "spearman", "kendall_b", "kendall_c")
"""All of what is printed; the mapped ones are never to be compared with the raw one."""
LEAST = 3
"""Items of a generator, or of a facet, that a correlation is worth being printed for."""


def point_rows(part: str, told: Told) -> Iterator[Row]:
    """The rows of one dimension of one part."""
    people, judge, clusters = told.means, told.scores, told.clusters
    for measure in MEASURES:
        figure = correlation(judge, people, measure=measure, clusters=clusters)
        yield _row(part, told, figure)
    yield from _generator_rows(part, told)
    yield from _facet_rows(part, told)


def _generator_rows(part: str, told: Told) -> Iterator[Row]:
    generators = [item.generators[0] if item.generators else "" for item in told.items]
    if len(set(generators)) < 2:
        return
    for measure in ("spearman", "pearson"):
        inside = within_groups(told.scores, told.means, groups=generators, measure=measure, clusters=told.clusters)
        inside = inside.model_copy(update={"measure": measure})
        yield _row(part, told, inside, slice="within generators")
        if len(set(generators)) >= LEAST:
            between = across_groups(told.scores, told.means, groups=generators, measure=measure)
            between = between.model_copy(update={"measure": measure})
            yield _row(part, told, between, slice="across generators")


def _facet_rows(part: str, told: Told) -> Iterator[Row]:
    for kind, value in facets_of(told.items):
        some = told.where(lambda item, kind=kind, value=value: item.facets.get(kind) == value)
        if len(some.items) >= LEAST:
            figure = correlation(some.scores, some.means, measure="spearman", clusters=some.clusters)
            yield _row(part, some, figure, slice=f"{kind}: {value}")
    yield from _fold_rows(part, told)


def _fold_rows(part: str, told: Told) -> Iterator[Row]:
    """The plain mean over the folds of a benchmark that is reported so (EvalMi-50K: five folds, paper 003)."""
    folds = sorted({item.facets["fold"] for item in told.items if "fold" in item.facets})
    if len(folds) < 2:
        return
    for measure in ("spearman", "pearson", "kendall_b"):
        each = [
            correlation(some.scores, some.means, measure=measure, clusters=some.clusters, unit="prompts")
            for some in (told.where(lambda item, fold=fold: item.facets.get("fold") == fold) for fold in folds)
        ]
        values = [figure.value for figure in each if figure.value is not None]
        figure = Figure(
            measure=measure,
            value=sum(values) / len(values) if len(values) == len(folds) else None,
            n=sum(figure.n for figure in each),
            total=sum(figure.total for figure in each),
            interval=_of_mean(each),
            note=f"plain mean of {len(folds)} folds",
        )
        yield _row(part, told, figure, slice="mean of folds")


def _of_mean(each: Sequence[Figure]) -> Interval | None:
    """The interval of the plain mean of independent figures: their distances to their bounds, squared and added.

    Zou, Toward using confidence intervals to compare correlations, Psychological Methods 12 (2007); folds share no
    prompt. None where one of the figures has no interval.
    """
    found = [(one.value, one.interval) for one in each if one.value is not None and one.interval is not None]
    if len(found) < len(each):
        return None
    mean = sum(value for value, _ in found) / len(found)
    below, above = (
        sum(reach**2 for reach in reaches) ** 0.5 / len(found)
        for reaches in ([value - told.low for value, told in found], [told.high - value for value, told in found])
    )
    method = f"from the intervals of {len(found)} folds, squared and added ({found[0][1].method})"
    return Interval(low=mean - below, high=mean + above, method=method)


def _row(part: str, told: Told, figure: Figure, *, slice: str = "all") -> Row:
    return Row(part=part, dimension=told.dimension, slice=slice, read=told.read, figure=figure)
