"""The held-out examples judged by the student as any judge is: AutoRater, both orders, the figures of an evaluation."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from autorater.autorater import AutoRater
from autorater.canonical import Record
from autorater.errors import UsageError
from autorater.model import Model, Sampling
from autorater.vlm_judge import Protocols
from autorater_evals.benchmark import Dimension, Part
from autorater_evals.evaluation import Evaluation
from autorater_evals.item import Item, Opinion, Preference
from autorater_evals.recorded import Header, digest_of_items
from autorater_evals.running import judge_items
from autorater_evals.scoring import score
from autorater_evals.trainset import Example, TrainSet
from autorater_evals.trainset.example import SCALE, Split

OVERALL = "overall"
_KINDS: dict[str, tuple[str, Literal["pairs", "points", "questions"]]] = {
    "compare": ("pairs", "pairs"),
    "rate": ("images", "points"),
    "check": ("questions", "questions"),
}


class HeldOut(Record):
    """One way in which the examples are asked, and how the student answers."""

    protocol: Protocols
    tools: tuple[str, ...]
    """Specialists that look at the images while they are judged; none for the tool-free variant."""
    evaluation: Evaluation


@dataclass(frozen=True, slots=True)
class Asking:
    """How held-out examples are asked; a model's defaults where nothing is said."""

    device: str = "cpu"
    """Where specialists run."""
    max_output_tokens: int = 4096
    concurrency: int = 8
    limit: int | None = None
    """Items at most of each way of asking, the first ones."""


def held_out(trainset: TrainSet) -> tuple[Split, list[Example]]:
    """The test split, or the validation split of a set without one, and its examples.

    Raises UsageError when the set has neither.
    """
    for split in ("test", "validation"):
        if examples := list(trainset.examples(split)):
            return split, examples
    raise UsageError("the set has no held-out example (split test or validation): say --no-evaluate, or make it anew")


def evaluate_student(
    model: Model, examples: Sequence[Example], trainset: TrainSet, log: Path, *, asking: Asking | None = None
) -> tuple[HeldOut, ...]:
    """Judge every item of the examples once for each protocol and choice of specialists that they have.

    Each way is a run of its own in `log`, which resumes, replays and can be reported as any evaluated run.

    Raises:
        UsageError, MissingExtraError: a specialist that the examples name cannot run here.
        RecordError: the log cannot be written, or is another judge's.

    """
    ways: dict[tuple[str, tuple[str, ...]], list[Example]] = {}
    for example in examples:
        ways.setdefault((example.protocol, example.tools), []).append(example)
    told = asking or Asking()
    return tuple(
        _one_way(model, some, trainset, log / _folder(protocol, tools), told)
        for (protocol, tools), some in sorted(ways.items())
    )


def _one_way(model: Model, examples: Sequence[Example], trainset: TrainSet, log: Path, asking: Asking) -> HeldOut:
    items = [item_of(example, trainset) for example in {one.item: one for one in examples}.values()]
    chosen = items[: asking.limit]
    protocol: Any = examples[0].protocol
    tools = examples[0].tools

    def judge() -> AutoRater:
        return AutoRater(
            model,
            tools=list(tools) or "none",
            protocol=protocol,
            order="both",
            sampling=Sampling(
                temperature=0.0 if model.capability.temperature else None, max_output_tokens=asking.max_output_tokens
            ),
            device=asking.device,
            log=log,
        )

    header = _header(examples[0].benchmark, chosen, trainset, limit=asking.limit)
    run, stopped = judge_items(header, chosen, judge, data=trainset.folder, log=log, concurrency=asking.concurrency)
    if stopped:
        raise UsageError(stopped)
    return HeldOut(protocol=protocol, tools=tools, evaluation=score(run))


def item_of(example: Example, trainset: TrainSet) -> Item:
    """The example as an item of a benchmark: what is judged, and its label. Raises RecordError for a missing image."""
    label = example.label
    preferences = {} if label.preferred is None else {OVERALL: Preference(preferred=label.preferred, gap=label.gap)}
    opinions = {} if label.score is None else {OVERALL: Opinion(mean=label.score)}
    return Item(
        id=example.item,
        part=_KINDS[example.task][0],
        prompt=example.prompt,
        images=_paths(example.candidates, trainset),
        sources=_paths(example.sources, trainset),
        cluster=example.cluster,
        opinions=opinions,
        preferences=preferences,
        questions=example.questions,
        answers=label.answers,
    )


def _paths(images: Sequence[str], trainset: TrainSet) -> tuple[str, ...]:
    return tuple(trainset.image(sha256).relative_to(trainset.folder).as_posix() for sha256 in images)


def _header(benchmark: str, items: Sequence[Item], trainset: TrainSet, *, limit: int | None) -> Header:
    present = {item.part for item in items}
    source = trainset.card.get("source", {})
    scale = Dimension(name=OVERALL, meaning="the label of the set", low=SCALE[0], high=SCALE[1])
    parts = tuple(
        Part(name=name, kind=kind, dimensions=() if kind == "questions" else (scale,), expect={}, figures=())
        for name, kind in _KINDS.values()
        if name in present
    )
    return Header(
        benchmark=f"held-out examples ({benchmark})",
        title=f"Held-out examples of {source.get('title', benchmark)}",
        card=digest_of_items([]),
        data=digest_of_items(items),
        licence=str(source.get("licence", "that of its sources, see the set's card")),
        training_allowed=True,
        parts=parts,
        counts={part.name: {"items": sum(item.part == part.name for item in items)} for part in parts},
        complete=True,
        limit=limit,
    )


def _folder(protocol: str, tools: Sequence[str]) -> str:
    named = "-".join([protocol, *tools]) if tools else f"{protocol}-free"
    return named if len(named) < 80 else f"{protocol}-{hashlib.sha256(named.encode()).hexdigest()[:12]}"
