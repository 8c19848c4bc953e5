"""Which items are held out: whole components, so that nothing of a held-out item was seen in training."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from autorater.canonical import digest
from autorater.errors import ImageError, UsageError
from autorater_evals.distillation.prompts import prompt_digest
from autorater_evals.item import Item


def components(items: Sequence[Item], *, folder: Path) -> tuple[list[int], dict[str, str]]:
    """For each item the number of its component, and the sha256 of every image file.

    Items that share a cluster, a prompt (without case, punctuation and spaces) or an image's bytes are in one.

    Raises:
        ImageError: an image is not there.

    """
    named: dict[str, int] = {}
    hashes: dict[str, str] = {}
    leader = list(range(len(items)))

    def top(index: int) -> int:
        while leader[index] != index:
            leader[index] = leader[leader[index]]
            index = leader[index]
        return index

    for index, item in enumerate(items):
        for image in (*item.images, *item.sources):
            if image not in hashes:
                hashes[image] = _hash(folder / image, name=image)
        shared = [f"cluster {item.cluster}", f"prompt {prompt_digest(item.prompt)}"]
        for name in (*shared, *(f"image {hashes[image]}" for image in (*item.images, *item.sources))):
            leader[top(index)] = top(named.setdefault(name, index))
    return [top(index) for index in range(len(items))], hashes


def hold_out(groups: Sequence[int], *, share: float, seed: int) -> list[bool]:
    """Which items are held out: whole components in a seeded order until `share` of the items is reached.

    Raises:
        UsageError: there is one component only, so that nothing can be held out.

    """
    sizes = Counter(groups)
    if len(sizes) < 2:
        raise UsageError(
            f"all {len(groups)} items share a prompt or an image with each other, so that none can be held out: "
            "expected data of several prompts"
        )
    names = sorted(sizes)
    drawn: list[int] = np.random.default_rng(seed).permutation(len(names)).tolist()
    order = [names[place] for place in drawn]
    taken: set[int] = set()
    for group in order[:-1]:
        if sum(sizes[one] for one in taken) >= share * len(groups):
            break
        taken.add(group)
    return [group in taken for group in groups]


def _hash(path: Path, *, name: str) -> str:
    try:
        return digest(path.read_bytes())
    except OSError as error:
        raise ImageError(
            f"the image {name!r} cannot be read ({error.strerror}): put it there, or correct its path"
        ) from error
