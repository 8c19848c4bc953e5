"""Which items are held out: whole components, so that nothing of a held-out item was seen in training."""

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from autorater.canonical import digest
from autorater.errors import ImageError, UsageError
from autorater.image import Picture, open_picture
from autorater.progress import progress_bar
from autorater_evals.distillation.components import connected, connections
from autorater_evals.distillation.pictures import alike
from autorater_evals.item import Item


def hash_images(items: Sequence[Item], *, folder: Path) -> dict[str, str]:
    """The sha256 of every image file of the items, by its path below `folder`. Raises ImageError for one not there."""
    paths = dict.fromkeys(path for item in items for path in (*item.images, *item.sources))
    return {path: _hash(folder / path, name=path) for path in paths}


def components(
    items: Sequence[Item], hashes: Mapping[str, str], *, folder: Path, shared_prompt: bool = False
) -> list[str]:
    """For each item the name of its component, which is that of sets that are distilled from the same data.

    Items that share a cluster, a prompt (without case, punctuation and spaces; not where all items share it) or an
    image are in one; images are the same by their bytes, or because they look the same.

    Raises:
        ImageError: an image cannot be read.

    """
    paths = {sha256: path for path, sha256 in reversed(list(hashes.items()))}
    with progress_bar("comparing images", len(paths)) as bar:

        def opened(sha256: str) -> Picture:
            bar.advance()
            return open_picture(folder / paths[sha256], name=paths[sha256])

        firsts = alike(paths, opened)
    found = connected(
        {
            item.id: connections(
                item.prompt,
                item.cluster,
                [firsts[hashes[path]] for path in (*item.images, *item.sources)],
                shared_prompt=shared_prompt,
            )
            for item in items
        }
    )
    return [found[item.id] for item in items]


def hold_out(groups: Sequence[str], *, share: float, seed: int) -> list[bool]:
    """Which items are held out: whole components in a seeded order until `share` of the items is reached.

    Raises:
        UsageError: there is one component only, so that nothing can be held out.

    """
    sizes = Counter(groups)
    if len(groups) == 1:
        raise UsageError("there is one item only, so that none can be held out: expected data of several prompts")
    if len(sizes) < 2:
        raise UsageError(
            f"all {len(groups)} items share a prompt or an image with each other, so that none can be held out: "
            "expected data of several prompts"
        )
    names = sorted(sizes)
    drawn: list[int] = np.random.default_rng(seed).permutation(len(names)).tolist()
    order = [names[place] for place in drawn]
    taken: set[str] = set()
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
