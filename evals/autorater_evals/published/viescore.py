"""VIEScore's tables: how far a judge, and each person, ranks a generator's images as people do.

Spearman's correlation inside each generator, then two averages over a task's generators, and over the tasks. The rules
are those of the authors' notebook (TIGER-AI-Lab/VIEScore @ aeb1f18, analyze_json.ipynb): a judge's images are those
with both SC and PQ; people's O is the mean of each person's sqrt(SC * PQ); each person is compared with the mean of the
others, and these correlations are averaged over people by the same average before the generators are.

Two things are not theirs. Fractions in a score are kept; their int() cuts them off, which gives 0.2751 instead of
0.2733 for the PQ of gpt4o_0shot on Multi-Concept_IC. And a generator without a correlation (one side constant) is left
out of an average and said; in their code it makes the whole average NaN. Values are compared as computed, so that O
breaks a few ties by rounding, as theirs does.
"""

from collections import defaultdict
from dataclasses import replace
from pathlib import Path
from typing import get_args

import numpy as np

from autorater_evals.published.averaging import Average, Part, averaged, draw_images, spearman
from autorater_evals.published.folders import Note, counted, file_in
from autorater_evals.published.row import Row
from autorater_evals.published.viescore_data import TABLE, Judged, People, Place, read_judges, read_people
from autorater_evals.published.viescore_numbers import ASPECTS, TASKS, published
from autorater_evals.statistics.resampling import Array

FOLDER = "viescore-per-item"
FILES = ("human_ratings.jsonl", "judge_scores.jsonl")
AVERAGES: tuple[Average, ...] = get_args(Average)


class _Draws:
    """The draws of each task's images, made once, so that all judges are drawn together."""

    def __init__(self, people: dict[Place, People]) -> None:
        uids: dict[str, set[str]] = defaultdict(set)
        for (task, _), rated in people.items():
            uids[task].update(rated.uids)
        self._place = {task: {uid: place for place, uid in enumerate(sorted(known))} for task, known in uids.items()}
        self._weights = {task: draw_images(task, len(known)) for task, known in uids.items()}

    def of(self, task: str, uids: list[str]) -> Array:
        """How often each of `uids` is in each draw, (draws, uids)."""
        place = self._place[task]
        return self._weights[task][:, [place[uid] for uid in uids]]


def rows(folder: Path, note: Note) -> list[Row]:
    """By task, its generators and, last, all tasks: people's figures, then judges' by name."""
    path = file_in(folder, FILES[0])
    if path is None:
        note(f"{TABLE}: no {FILES[0]} in the folder, so no figure")
        return []
    people = read_people(path, note)
    draws = _Draws(people)
    found = [row for aspect in ASPECTS for row in _people_rows(people, draws, aspect, note)]
    scores = file_in(folder, FILES[1])
    if scores is None:
        note(f"{TABLE}: no {FILES[1]} in the folder, so no judge's figure")
    else:
        for name, judge in sorted(read_judges(scores, note).items()):
            found += _judge_rows(name, judge, people, draws, note)
    return sorted(found, key=lambda row: (row.task == "all", row.task))


def against_others(scores: Array) -> list[tuple[Array, Array, list[int]]]:
    """For each person: their scores, the mean of the others who rated, and the places of the images with both.

    `scores` is (images, raters), NaN where missing.
    """
    there = ~np.isnan(scores)
    filled = np.where(there, scores, 0.0)
    found: list[tuple[Array, Array, list[int]]] = []
    for rater in range(scores.shape[1]):
        others = np.delete(there, rater, axis=1).sum(1)
        kept = np.flatnonzero(there[:, rater] & (others > 0))
        mean = np.delete(filled, rater, axis=1).sum(1)[kept] / others[kept]  # a difference of sums would break ties
        found.append((scores[kept, rater], mean, kept.tolist()))
    return found


def _people_rows(people: dict[Place, People], draws: _Draws, aspect: str, note: Note) -> list[Row]:
    found: list[Row] = []
    each: dict[Place, tuple[list[Part], int]] = {}
    for place, rated in sorted(people.items()):
        compared = against_others(rated.scores[:, :, ASPECTS.index(aspect)])
        parts = [
            spearman(own, others, draws.of(place[0], [rated.uids[image] for image in kept]))
            for own, others, kept in compared
        ]
        lost = sum(bool(np.isnan(part.value)) for part in parts)
        counted(note, TABLE, f"people of {'/'.join(place)} whose {aspect} is constant, left out", lost, of=len(parts))
        each[place] = parts, len({image for _, _, kept in compared for image in kept})
    for average in AVERAGES:
        whole = {place: replace(averaged(parts, average), n=images) for place, (parts, images) in each.items()}
        found += [_row("/".join(place), "humans", aspect, part, average) for place, part in whole.items()]
        found += _averages("humans", aspect, whole, average)
    return found


def _judge_rows(name: str, judge: Judged, people: dict[Place, People], draws: _Draws, note: Note) -> list[Row]:
    parts: dict[str, dict[Place, Part]] = {aspect: {} for aspect in ASPECTS}
    unrated = 0
    for place in sorted(judge.scores):
        scores = judge.of(place)
        rated = people.get(place)
        means = dict(zip(rated.uids, rated.means(), strict=True)) if rated else {}
        unrated += len((scores["SC"].keys() | scores["PQ"].keys()) - means.keys())
        for number, aspect in enumerate(ASPECTS):
            own = scores[aspect]
            uids = [uid for uid in sorted(own) if uid in means and not np.isnan(means[uid][number])]
            if not uids:
                continue
            one, other = np.array([own[uid] for uid in uids]), np.array([means[uid][number] for uid in uids])
            parts[aspect][place] = spearman(one, other, draws.of(place[0], uids))
    counted(note, TABLE, f"images judged by {name} that people did not rate, left out", unrated)
    found: list[Row] = []
    for aspect, each in parts.items():
        lost = ["/".join(place) for place, part in each.items() if np.isnan(part.value)]
        if lost:
            some = ", ".join(lost[:3]) + (", …" if len(lost) > 3 else "")
            note(f"{TABLE}: {name}, {aspect}: constant under {len(lost)} of {len(each)} generators: left out ({some})")
        found += [_row("/".join(place), name, aspect, part, None) for place, part in each.items()]
        found += [row for average in AVERAGES for row in _averages(name, aspect, each, average)]
    return found


def _averages(judge: str, aspect: str, each: dict[Place, Part], average: Average) -> list[Row]:
    """The row of every task, and of all of them when there are several."""
    tasks: dict[str, list[Part]] = {}
    for (task, _), part in each.items():
        tasks.setdefault(task, []).append(part)
    whole = {task: averaged(parts, average) for task, parts in tasks.items()}
    found = [_row(task, judge, aspect, part, average) for task, part in whole.items()]
    if len(whole) > 1:
        row = _row("all", judge, aspect, averaged(list(whole.values()), average), average)
        complete = frozenset(task.removeprefix("ImagenHub_") for task in whole) == TASKS
        found.append(row if complete else row.model_copy(update={"published": None}))
    return found


def _row(task: str, judge: str, aspect: str, part: Part, average: Average | None) -> Row:
    return Row(
        table=TABLE,
        task=task,
        judge=judge,
        measure=aspect,
        average=average,
        value=None if np.isnan(part.value) else part.value,
        n=part.n,
        ci95=part.ci95,
        published=published(task, judge, aspect) if average == "authors" else None,
    )
