"""VIEScore's released files: three people's ratings and the judges' scores of ImagenHub's images."""

import json
import math
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import numpy as np

from autorater_evals.benchmarks._tables import json_lines, need
from autorater_evals.published.folders import Note, counted
from autorater_evals.published.viescore_numbers import ASPECTS
from autorater_evals.statistics.resampling import Array

TABLE = "VIEScore"
Place = tuple[str, str]
"""Task and generator."""


@dataclass(frozen=True)
class People:
    """People's ratings of one generator's images: `scores` is (images, raters, SC PQ O), 0 to 1, NaN where missing."""

    uids: list[str]
    scores: Array

    def means(self) -> Array:
        """The mean of those who rated, (images, 3). A person's O is sqrt(SC * PQ), and their mean is people's O."""
        there = ~np.isnan(self.scores)
        count = there.sum(1)
        total = np.where(there, self.scores, 0.0).sum(1)
        return np.where(count > 0, total / np.maximum(count, 1), np.nan)


@dataclass(frozen=True)
class Judged:
    """One judge's usable scores, 0 to 1: place → aspect → uid."""

    scores: dict[Place, dict[str, dict[str, float]]] = field(default_factory=dict[Place, dict[str, dict[str, float]]])

    def of(self, place: Place) -> dict[str, dict[str, float]]:
        """Each aspect's scores of the images that have both SC and PQ, and their O = sqrt(SC * PQ).

        The authors use the images of both files only. Where a generator has no score at all of one aspect, the other
        one's are used as they are, and there is no O.
        """
        semantic, quality = (self.scores.get(place, {}).get(aspect, {}) for aspect in ("SC", "PQ"))
        if not semantic or not quality:
            return {"SC": semantic, "PQ": quality, "O": {}}
        both = sorted(semantic.keys() & quality.keys())
        overall = {uid: math.sqrt(semantic[uid] * quality[uid]) for uid in both}
        return {"SC": {uid: semantic[uid] for uid in both}, "PQ": {uid: quality[uid] for uid in both}, "O": overall}


def score_of(score: object) -> float | None:
    """The score of one output, 0 to 1: the least of its numbers on a scale of 0 to 10, by 10; None when unusable.

    A number may be written as text. Unusable: null, empty, words, a truth value, a list with an unusable element. The
    authors clip to the scale too; they also cut fractions off (int), which is not done here.
    """
    score = _parsed(score)
    given = cast(list[object], score) if isinstance(score, list) else [score]
    numbers = [_number(one) for one in given]
    known = [one for one in numbers if one is not None]
    if not known or len(known) < len(numbers):
        return None
    return min(1.0, max(0.0, min(known) / 10))


def read_people(path: Path, note: Note) -> dict[Place, People]:
    """The ratings of each task's generators, uids in order."""
    found: dict[Place, dict[str, list[tuple[float, float]]]] = {}
    wrong = again = 0
    for line, row in json_lines(path):
        place = tuple(need(row, name, str, path=path, line=line) for name in ("task", "generator"))
        given = [_pair(_parsed(one)) for one in cast(list[object], need(row, "ratings", list, path=path, line=line))]
        wrong += sum(math.isnan(value) for pair in given for value in pair)
        images = found.setdefault(cast(Place, place), {})
        uid = str(need(row, "uid", (str, int), path=path, line=line))
        again += uid in images
        images[uid] = given
    counted(note, TABLE, "ratings of people that are missing or not 0 to 1, left out", wrong)
    counted(note, TABLE, "images rated again on a later line, which is used", again)
    return {place: _people(images) for place, images in found.items()}


def read_judges(path: Path, note: Note) -> dict[str, Judged]:
    """Every judge's usable scores; what cannot be used is counted, per judge, and said."""
    judges: dict[str, Judged] = {}
    total, unusable, again = Counter[str](), Counter[str](), Counter[str]()
    others = 0
    for line, row in json_lines(path):
        judge, task, generator, aspect = (
            need(row, name, str, path=path, line=line) for name in ("judge", "task", "generator", "aspect")
        )
        uid = str(need(row, "uid", (str, int), path=path, line=line))
        if aspect not in ASPECTS[:2]:
            others += 1
            continue
        total[judge] += 1
        aspects = judges.setdefault(judge, Judged()).scores.setdefault((task, generator), {})
        score = score_of(row.get("score"))
        if score is None:
            unusable[judge] += 1
            continue
        scores = aspects.setdefault(aspect, {})
        again[judge] += uid in scores
        scores[uid] = score
    for judge in sorted(judges):
        counted(note, TABLE, f"outputs of {judge} without a usable score, left out", unusable[judge], of=total[judge])
        counted(note, TABLE, f"outputs of {judge} that come again, the last one used", again[judge])
    counted(note, TABLE, "outputs on another aspect than SC and PQ, left out", others)
    return judges


def _parsed(value: object) -> object:
    """Lists and numbers that were written as text; None for other text."""
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except (ValueError, RecursionError):
        return None


def _number(value: Any) -> float | None:
    if isinstance(value, str):
        try:
            value = float(value)
        except ValueError:
            return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if abs(value) < math.inf else None


def _pair(given: object) -> tuple[float, float]:
    pair = cast(list[object], given) if isinstance(given, list) else []
    if len(pair) != 2:
        return math.nan, math.nan
    numbers = [_number(one) for one in pair]
    semantic, quality = (one if one is not None and 0 <= one <= 1 else math.nan for one in numbers)
    return semantic, quality


def _people(images: dict[str, list[tuple[float, float]]]) -> People:
    uids = sorted(images)
    scores = np.full((len(uids), max(map(len, images.values()), default=0), 3), np.nan)
    for place, uid in enumerate(uids):
        for rater, (semantic, quality) in enumerate(images[uid]):
            scores[place, rater] = semantic, quality, math.sqrt(semantic * quality)
    return People(uids, scores)
