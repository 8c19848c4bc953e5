"""Figures of questions: yes/no answers against people's, and the share of yes as a score of the image."""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from autorater.judgment import Judgment
from autorater_evals.evaluation import Row
from autorater_evals.figure import Figure
from autorater_evals.item import Item
from autorater_evals.scoring.facets import facets_of
from autorater_evals.statistics.missing import mean_figure
from autorater_evals.statistics.reliability import cohen_kappa

Answers = Mapping[str, str]
"""Question → the judge's answer."""


def read_questions(judgment: Judgment) -> Answers | None:
    """The answers about one image; None without a result."""
    if judgment.outcome != "scored":
        return None
    return dict(judgment.checklist.get("a", {}))


def question_rows(part: str, items: Sequence[Item], told: Mapping[str, Answers | None]) -> Iterator[Row]:
    """Accuracy over all questions that people answered, also by facet; "cannot tell" and "not applicable" are wrong."""
    if not items:
        return
    yield Row(part=part, figure=_share_of_yes(items, told))
    asked = [item for item in items if item.answers]
    if not asked:
        return
    yield from _rows(part, asked, told, "all")
    for kind, value in facets_of(asked):
        some = [item for item in asked if item.facets.get(kind) == value]
        yield next(_rows(part, some, told, f"{kind}: {value}"))  # the accuracy alone


def _share_of_yes(items: Sequence[Item], told: Mapping[str, Answers | None]) -> Figure:
    """The mean over images of their share of "yes" among "yes" and "no", the score of a question set (DSG, TIFA)."""
    shares: list[float] = []
    for item in items:
        given = told.get(item.id)
        decided = [answer for answer in (given or {}).values() if answer in ("yes", "no")]
        shares.append(decided.count("yes") / len(decided) if decided else float("nan"))
    clusters = [item.cluster for item in items]
    return mean_figure(np.array(shares), measure="share_of_yes", clusters=clusters)


def _rows(part: str, items: Sequence[Item], told: Mapping[str, Answers | None], slice: str) -> Iterator[Row]:
    people: list[float] = []
    judge: list[float] = []
    clusters: list[str] = []
    for item in items:
        given = told.get(item.id)
        for question, answer in item.answers.items():
            people.append(float(answer == "yes"))
            judge.append(np.nan if given is None else {"yes": 1.0, "no": 0.0}.get(given.get(question, ""), -1.0))
            clusters.append(item.cluster)
    truth, said = np.array(people), np.array(judge)
    right = np.where(np.isnan(said), np.nan, (said == truth).astype(np.float64))
    yield Row(part=part, slice=slice, figure=mean_figure(right, measure="accuracy", clusters=clusters))
    decided = np.where(said < 0, np.nan, said)
    yield Row(part=part, slice=slice, figure=cohen_kappa(truth, decided, clusters=clusters))
