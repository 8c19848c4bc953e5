"""The card of a set: where it comes from, what every filter let through, and what a trainer must know.

No clock is read: the same log gives the same card.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from autorater.events import Asked
from autorater.model import Usage
from autorater.runlog import RunLog
from autorater_evals.benchmark import find_benchmarks
from autorater_evals.distillation.against import OWN
from autorater_evals.distillation.asking import Teacher
from autorater_evals.distillation.classifier import MOST
from autorater_evals.distillation.components import SPLITS, filling
from autorater_evals.distillation.making import Made
from autorater_evals.distillation.plan import Header, Index, Subject
from autorater_evals.trainset import Example

FORMAT = 1
SCRIPTED = "scripted:"
BALANCED = (0.49, 0.51)
"""The share of pairs whose better image is shown first (methodology, part 4.8)."""


def make_card(teacher: Teacher, header: Header, subjects: Sequence[Subject], made: Made) -> dict[str, Any]:
    """Everything that `card.json` says."""
    examples, name = made.examples, teacher.judge.model.name
    used = {tool for example in examples for tool in example.tools}
    return {
        "format": FORMAT,
        "source": header.origin.model_dump(mode="json"),
        "teacher": {"name": name, "scripted": name.startswith(SCRIPTED), **_calls(teacher.log)},
        "autorater": teacher.loop.version,
        "settings": teacher.loop.digest,
        "plan": header.plan.model_dump(mode="json"),
        "protocol": teacher.judge.protocol,
        "prompts": {**header.prompts, **teacher.loop.settings["prompts"]},
        "specialists": {
            tool: {"card": card.digest, "licence": card.meta.licence, "commercial": card.meta.commercial}
            for tool, card in sorted(teacher.loop.cards.items())
            if tool in used
        },
        "items": len(subjects),
        "unusable": dict(sorted(made.counts.unusable.items())),
        "filters": [row.model_dump(mode="json") for row in made.counts.rows],
        "lost": dict(sorted(made.counts.lost.items())),
        "without_evidence": made.counts.without_evidence,
        "leakage": _leakage(header, made),
        "examples": _examples(examples),
        "splits": _splits(made),
        "enough_holdout": _enough(header, made),
        "labels": _labels(examples),
        "positions": _positions(examples),
        "difficulty": _difficulty(examples),
        "against": {one.benchmark: _index(one) for one in header.against},
        "not_checked_against": _unchecked(header),
    }


def _calls(log: RunLog) -> dict[str, Any]:
    """What the teacher was asked, by the last record of each call."""
    cost: float | None = 0.0
    usage, served, seen = Usage(), set[str](), set[str]()
    failed = 0
    for line in log.lines("asked"):
        asked = Asked.model_validate_json(line)
        seen.add(asked.key)
        if asked.reply is None:
            failed += 1
            continue
        usage += asked.reply.usage
        served.add(asked.reply.served_by)
        cost = None if cost is None or asked.cost is None else cost + asked.cost
    return {
        "calls": len(seen),
        "failed_calls": failed,
        "served_by": sorted(served - {""}),
        "tokens": {"input": usage.input, "output": usage.output},
        "cost": None if cost is None else round(cost, 6),
    }


def _leakage(header: Header, made: Made) -> dict[str, Any]:
    figure = made.leakage
    passed = None if figure is None or figure.value is None else not made.leaks
    allowed = {"most": MOST, "passed": passed, "allowed": header.plan.allow_leakage}
    return {"auc": None if figure is None else figure.model_dump(mode="json"), **allowed}


def _variant(example: Example) -> str:
    return example.id.rpartition("/")[2]


def _examples(examples: Sequence[Example]) -> dict[str, Any]:
    variants: dict[str, set[str]] = {}
    for example in examples:
        variants.setdefault(example.item, set()).add(_variant(example))
    return {
        "all": len(examples),
        "by_variant": _counted(_variant(one) for one in examples),
        "by_task": _counted(one.task for one in examples),
        "items": len(variants),
        "items_in_both_variants": sum(len(found) == 2 for found in variants.values()),
        "rejected_answers": _counted(one.why for example in examples for one in example.rejected),
        "images": len({image for example in examples for image in (*example.candidates, *example.sources)}),
    }


def _splits(made: Made) -> dict[str, Any]:
    """What is in each split; `drawn` are the components that it was given before anything was asked."""
    drawn = {name: {made.clusters[item] for item, at in made.splits.items() if at == name} for name in SPLITS}
    return {
        name: {
            "examples": sum(one.split == name for one in made.examples),
            "components": len({one.cluster for one in made.examples if one.split == name}),
            "drawn": len(drawn[name]),
        }
        for name in SPLITS
    }


def _enough(header: Header, made: Made) -> list[float] | None:
    """Shares that would leave no split empty; null where no split was left empty, or none would."""
    wanted = ["train", *(name for name, share in zip(SPLITS[1:], header.plan.holdout, strict=True) if share)]
    if set(wanted) <= set(made.splits.values()):
        return None
    found = filling(made.clusters, header.plan)
    return None if found is None else list(found)


def _labels(examples: Sequence[Example]) -> dict[str, Any]:
    scores = (round(one.label.score) for one in examples if one.label.score is not None)
    return {
        "preferred": _counted(one.label.preferred for one in examples if one.label.preferred is not None),
        "scores": _counted(f"{score:02d}" for score in scores),
        "answers": _counted(answer for one in examples for answer in one.label.answers.values()),
    }


def _positions(examples: Sequence[Example]) -> dict[str, Any]:
    """How often the better image of a pair is shown first, in each variant."""
    told: dict[str, Any] = {}
    for variant in sorted({_variant(one) for one in examples}):
        pairs = [one for one in examples if _variant(one) == variant and one.label.preferred in ("a", "b")]
        first = sum("ab"[one.order[0]] == one.label.preferred for one in pairs)
        share = round(first / len(pairs), 4) if pairs else None
        odd = share is not None and not BALANCED[0] <= share <= BALANCED[1] and abs(2 * first - len(pairs)) > 1
        told[variant] = {"pairs": len(pairs), "better_first": first, "share": share, "balanced": not odd}
    return told


def _difficulty(examples: Sequence[Example]) -> dict[str, Any]:
    """The chance of the right answer without the label, in tenths: "0.0" is below 0.1, "0.9" is 0.9 to 1."""
    known = [one.difficulty for one in examples if one.difficulty is not None]
    tenths = _counted(f"0.{min(9, int(10 * chance))}" for chance in known)
    return {"asked": len(known), "mean": round(sum(known) / len(known), 4) if known else None, "tenths": tenths}


def _index(one: Index) -> dict[str, Any]:
    return {
        "prompts": len(one.prompts),
        "images": len(one.images),
        "images_missing": one.missing,
        "complete": one.complete,
    }


def _unchecked(header: Header) -> list[str]:
    """The registered benchmarks that were not indexed, but for the source and the layout of one's own data."""
    return sorted(set(find_benchmarks()) - {one.benchmark for one in header.against} - {OWN, header.origin.benchmark})


def _counted(words: Iterable[object]) -> dict[str, int]:
    return dict(sorted(Counter(str(word) for word in words).items()))
