"""GenAI-Bench's table: four-label exact match with people's votes, and each judge's order and tie profile."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from autorater_evals.benchmarks._tables import json_lines, need
from autorater_evals.published.folders import Note, counted, file_in
from autorater_evals.published.numbers import GENAI_BENCH, GENAI_BENCH_ROWS
from autorater_evals.published.row import Row
from autorater_evals.published.verdicts import BAD, CORRECT, FIRST, SECOND, TIES, parse_verdict_text, tolerant_label
from autorater_evals.statistics.resampling import mean_interval

TABLE = "GenAI-Bench"
FOLDER = "genai-bench-votes"
TASKS = ("image_generation", "image_edition")
FILES = tuple(f"{task}{part}.jsonl" for task in TASKS for part in ("", "_raw_responses"))
_PROMPT = ("prompt", "source_prompt", "target_prompt", "instruct_prompt")


@dataclass(frozen=True)
class Vote:
    """One pair: its prompt, people's vote, and the verdict that the authors parsed of each judge."""

    prompt: str
    human: str
    verdicts: Mapping[str, Any]


def rows(folder: Path, note: Note) -> list[Row]:
    """People's profile, then every judge's figures, per task; then how often our parsing gives the authors' verdict.

    `accuracy`: right among all rows, where no verdict is wrong; the other measures are of the rows that they are about:
    `answered` (all rows), `tie_rate` (rows with one of the labels), `first_rate` (those that name a side),
    `accuracy_both_decide` (where the judge and people name a side). `accuracy_tolerant` reads labels that are spelled
    otherwise too. Intervals are Wilson's, or draw whole prompts where prompts come more than once.
    """
    found: list[Row] = []
    for task in TASKS:
        path = file_in(folder, f"{task}.jsonl")
        if path is None:
            note(f"{TABLE}: no {task}.jsonl in the folder, so no figure of {task}")
            continue
        votes = read_votes(path, note)
        if len(votes) < GENAI_BENCH_ROWS[task]:
            note(f"{TABLE}: {task} has {len(votes):,} rows; what was published is of {GENAI_BENCH_ROWS[task]:,}")
        found += _profile(task, votes)
        path = file_in(folder, f"{task}_raw_responses.jsonl")
        if path is not None:
            found += _agreement(task, path, note)
    return found


def read_votes(path: Path, note: Note) -> list[Vote]:
    """The rows with one of the four human votes; others are counted and left out."""
    votes: list[Vote] = []
    unknown = 0
    for line, row in json_lines(path):
        verdicts = need(row, "model_votes", dict, path=path, line=line)
        if row.get("human_vote") not in CORRECT:
            unknown += 1
            continue
        prompt = "\n".join(str(row.get(name) or "") for name in _PROMPT)
        votes.append(Vote(prompt, str(row["human_vote"]), verdicts))
    counted(note, TABLE, f"rows of {path.name} with none of the four human votes, left out", unknown)
    return votes


def _profile(task: str, votes: Sequence[Vote]) -> list[Row]:
    prompts = [vote.prompt for vote in votes]
    people = [vote.human for vote in votes]

    def share(judge: str, measure: str, hits: Sequence[bool | None], published: float | None = None) -> Row:
        return _share(task, judge, measure, hits, prompts, published)

    decide = [vote in ("leftvote", "rightvote") for vote in people]
    found = [
        share("humans", "first_rate", _where(decide, [vote == "leftvote" for vote in people])),
        share("humans", "tie_rate", [not decided for decided in decide]),
        share("humans", "both_bad_rate", [vote == "bothbad_vote" for vote in people]),
    ]
    for judge in sorted({judge for vote in votes for judge in vote.verdicts}):
        given = [vote.verdicts.get(judge) if isinstance(vote.verdicts.get(judge), str) else None for vote in votes]
        right = [verdict in CORRECT[vote] for verdict, vote in zip(given, people, strict=True)]
        read = [tolerant_label(verdict) in CORRECT[vote] for verdict, vote in zip(given, people, strict=True)]
        sided = [verdict in FIRST | SECOND for verdict in given]
        labelled = [verdict in FIRST | SECOND | TIES for verdict in given]
        both = [one and other for one, other in zip(sided, decide, strict=True)]
        found += [
            share(judge, "accuracy", right, GENAI_BENCH.get((task, judge))),
            share(judge, "accuracy_tolerant", read),
            share(judge, "accuracy_both_decide", _where(both, right)),
            share(judge, "answered", labelled),
            share(judge, "first_rate", _where(sided, [verdict in FIRST for verdict in given])),
            share(judge, "tie_rate", _where(labelled, [verdict in TIES for verdict in given])),
            share(judge, "both_bad_rate", _where(labelled, [verdict == BAD for verdict in given])),
        ]
    return found


def _agreement(task: str, path: Path, note: Note) -> list[Row]:
    """How often `parse_verdict_text` gives the verdict that the authors released, per judge with raw text."""
    judges: dict[str, list[bool]] = {}
    silent = 0
    for line, row in json_lines(path):
        judge = need(row, "model", str, path=path, line=line)
        silent += not isinstance(row.get("response"), str)
        same = parse_verdict_text(row.get("response")) == row.get("released_vote")
        judges.setdefault(judge, []).append(same)
    counted(note, TABLE, f"raw responses of {path.name} that are no text, read as no verdict", silent)
    return [
        _share(task, judge, "parse_agreement", same, [str(place) for place in range(len(same))])
        for judge, same in sorted(judges.items())
    ]


def _where(kept: Sequence[bool], hits: Sequence[bool]) -> list[bool | None]:
    return [hit if keep else None for keep, hit in zip(kept, hits, strict=True)]


def _share(
    task: str,
    judge: str,
    measure: str,
    hits: Sequence[bool | None],
    prompts: Sequence[str],
    published: float | None = None,
) -> Row:
    """The share of hits among the rows that count; None: the row does not."""
    values = np.array([hit for hit in hits if hit is not None], np.float64)
    clusters = [prompt for prompt, hit in zip(prompts, hits, strict=True) if hit is not None]
    interval, _ = mean_interval(values, clusters=clusters, unit="prompts")
    return Row(
        table=TABLE,
        task=task,
        judge=judge,
        measure=measure,
        value=float(values.mean()) if len(values) else None,
        n=len(values),
        ci95=(interval.low, interval.high) if interval else None,
        published=published,
    )
