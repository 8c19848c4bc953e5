"""Examples of a reward head from labelled items: pairs with a chosen side, or single images with a number."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median
from typing import Literal, TypeAlias

import numpy as np

from autorater.errors import UsageError
from autorater_evals.heads.settings import Loss
from autorater_evals.item import Item

Kind: TypeAlias = Literal["pair", "truth", "opinion"]


@dataclass(frozen=True, slots=True)
class Look:
    """An image with the prompt that it is judged by."""

    image: Path
    prompt: str


@dataclass(frozen=True, slots=True)
class Example:
    """A pair, the chosen image first; or one image with its target: 1 (good) or 0 of a truth, else people's opinion."""

    id: str
    cluster: str
    looks: tuple[Look, ...]
    kind: Kind
    target: float = 1.0
    pair: str = ""
    """Of a truth that is one of two: the id of their pair."""


@dataclass(frozen=True)
class Labelled:
    """The examples of one perspective, and why items gave none."""

    examples: tuple[Example, ...]
    left_out: Mapping[str, int]


def read_examples(
    items: Sequence[Item], *, dimension: str, loss: Loss, folder: Path, seed: int = 0, part: str = ""
) -> Labelled:
    """What the items of one part of the split (`part` names it in errors) say of `dimension`, as `loss` needs it.

    bt and gpm: the pairs on which people do not tie; images with opinions are paired with the next of their prompt in a
    seeded order. ce: the two images of a pair, and images with opinions, which `halve` turns into 1 and 0. l1: images
    with opinions.

    Raises:
        UsageError: no item has a label of this dimension that this loss can use.

    """
    left_out: Counter[str] = Counter()
    pairs: list[Example] = []
    opinions: list[Example] = []
    for item in items:
        if item.sources:
            left_out["edits: a reward head sees one image"] += 1
        elif dimension in item.preferences:
            preferred = item.preferences[dimension].preferred
            if preferred == "tie":
                left_out["people tie"] += 1
                continue
            looks = tuple(Look(folder / image, item.prompt) for image in item.images)
            pairs.append(Example(item.id, item.cluster, looks if preferred == "a" else looks[::-1], "pair"))
        elif dimension in item.opinions:
            look = Look(folder / item.images[0], item.prompt)
            opinions.append(Example(item.id, item.cluster, (look,), "opinion", item.opinions[dimension].mean))
        else:
            left_out[f"no label of {dimension}"] += 1
    if loss == "l1":
        left_out["pairs: l1 learns from opinions"] += len(pairs)
        found = opinions
    elif loss == "ce":
        found = [single for pair in pairs for single in _apart(pair)] + opinions
    else:
        made = _paired(opinions, seed=seed)
        left_out["no other image of the prompt with another opinion"] += _alone(opinions, made)
        found = pairs + made
    if not found:
        wanted = "opinions of single images (score)" if loss == "l1" else "preferences or opinions"
        raise UsageError(
            f"the loss {loss} found no example in {len(items)} {part} items: expected {wanted} of the dimension "
            f"{dimension!r}, these have {_labels(items)}{_reasons(left_out)}; choose another --dimension or --loss, "
            "or, if other items have them, another --seed or --held-out"
        )
    return Labelled(tuple(found), {why: number for why, number in sorted(left_out.items()) if number})


def _labels(items: Sequence[Item]) -> str:
    """Which labels items have, in words."""
    kinds = {
        "preferences": sorted({name for item in items for name in item.preferences}),
        "opinions": sorted({name for item in items for name in item.opinions}),
    }
    return " and ".join(f"{kind} of {', '.join(names)}" for kind, names in kinds.items() if names) or "no labels"


def _reasons(left_out: Mapping[str, int]) -> str:
    told = "; ".join(f"{why}: {number:,}" for why, number in sorted(left_out.items()) if number)
    return f" ({told})" if told else ""


def halve(train: Labelled, held_out: Labelled) -> tuple[Labelled, Labelled]:
    """Opinions as 1 above and 0 below the median of the training images, across prompts (paper 002); equal ones go."""
    middle = median([one.target for one in train.examples if one.kind == "opinion"] or [0.0])

    def halved(part: Labelled) -> Labelled:
        kept = [one for one in part.examples if one.kind != "opinion" or one.target != middle]
        found = [
            replace(one, kind="truth", target=float(one.target > middle)) if one.kind == "opinion" else one
            for one in kept
        ]
        gone = len(part.examples) - len(kept)
        return Labelled(tuple(found), {**part.left_out, **({"opinion equal to the median": gone} if gone else {})})

    return halved(train), halved(held_out)


def _apart(pair: Example) -> list[Example]:
    chosen, rejected = pair.looks
    return [
        Example(f"{pair.id}/chosen", pair.cluster, (chosen,), "truth", 1.0, pair.id),
        Example(f"{pair.id}/rejected", pair.cluster, (rejected,), "truth", 0.0, pair.id),
    ]


def _paired(opinions: Sequence[Example], *, seed: int) -> list[Example]:
    by_prompt: dict[str, list[Example]] = defaultdict(list)
    for one in opinions:
        by_prompt[one.looks[0].prompt].append(one)
    random = np.random.default_rng(seed)
    made: list[Example] = []
    for ones in by_prompt.values():
        drawn: list[int] = random.permutation(len(ones)).tolist()
        order = [ones[place] for place in drawn]
        following = [*order[1:], *(order[:1] if len(order) > 2 else [])]
        for one, other in zip(order, following, strict=False):
            if one.target != other.target:
                better, worse = sorted((one, other), key=lambda image: -image.target)
                made.append(Example(f"{better.id} > {worse.id}", better.cluster, (*better.looks, *worse.looks), "pair"))
    return made


def _alone(opinions: Sequence[Example], made: Sequence[Example]) -> int:
    used = {look for pair in made for look in pair.looks}
    return sum(one.looks[0] not in used for one in opinions)
