"""The subsets of specialists that a grid tries, and the prompts that choose among them."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import combinations
from math import comb

import numpy as np

from autorater.canonical import digest
from autorater.card import Card
from autorater.errors import UsageError
from autorater.selection import parse_selection
from autorater.suggest import did_you_mean
from autorater_evals.item import Item
from autorater_evals.statistics.resampling import Mask, cluster_numbers

Names = tuple[str, ...]
_LONGEST = 120
"""Characters of a folder's name that is made of the specialists' names."""


def subsets_of(pool: Sequence[str], *, most: int) -> list[Names]:
    """None, every single, pair, … up to `most` specialists (paper 001: three), and all of them; sorted within."""
    names = sorted(set(pool))
    found = [tuple(some) for size in range(min(most, len(names)) + 1) for some in combinations(names, size)]
    return found if len(names) <= most else [*found, tuple(names)]


def count_subsets(specialists: int, *, most: int) -> int:
    """How many `subsets_of` so many specialists has."""
    return sum(comb(specialists, size) for size in range(min(most, specialists) + 1)) + (specialists > most)


def label(names: Iterable[str]) -> str:
    """A subset in words."""
    return "+".join(names) or "none"


def short_label(names: Iterable[str], pool: Sequence[str]) -> str:
    """A subset in words; all of more than three specialists as "all (15)", so that a table stays readable."""
    listed = tuple(names)
    return f"all ({len(listed)})" if len(listed) > 3 and listed == tuple(pool) else label(listed)


def folder_name(names: Iterable[str]) -> str:
    """The name of the folder that holds the run log of a subset."""
    text = label(names)
    return text if len(text) <= _LONGEST else f"{text.count('+') + 1}-specialists-{digest(text.encode())[:12]}"


def choose_pool(
    tools: str, ready: Mapping[str, Card], items: Iterable[Item], *, reads: Names | None = None
) -> tuple[Names, tuple[str, ...]]:
    """The specialists to choose from, sorted, and in words which were left out and why.

    `tools` are names, or "all" for every one that is ready, or "auto" for those among them that the judge `reads`
    (None: it reads all). One that can look at none of the items (it needs a source image, or a rival) is left out.

    Raises:
        UsageError: a name is unknown or not ready, or nothing is left to choose from.

    """
    selection = parse_selection(tools)
    if selection.how in ("none", "agent"):
        raise UsageError(f"--tools of a grid are the specialists to choose from, as in a,b,c, or all; got {tools!r}")
    if unknown := [name for name in selection.names if name not in ready]:
        raise UsageError(f"no specialist that is ready is called {unknown[0]!r}; {did_you_mean(unknown[0], ready)}")
    unread = () if reads is None or selection.how != "auto" else tuple(name for name in ready if name not in reads)
    named = selection.names or tuple(name for name in ready if name not in unread)
    given = _given(items)
    kept = tuple(sorted(name for name in named if set(ready[name].meta.needs) <= given))
    if not kept:
        raise UsageError(
            f"none of the specialists that are ready applies to these items ({', '.join(named) or 'none'})"
        )
    left_out = [f"{name} applies to none of the items and is left out" for name in selection.names if name not in kept]
    if unread:
        left_out.append(
            f"this judge reads {', '.join(kept)} alone: {len(unread)} more that are ready are left out "
            "(--tools all tries them too)"
        )
    return kept, tuple(left_out)


def _given(items: Iterable[Item]) -> set[str]:
    """What views of these items can have beside the image."""
    given = {"prompt"}
    for item in items:
        given |= ({"source"} if item.sources else set()) | ({"rival"} if len(item.images) == 2 else set())
    return given


def choosing(clusters: Sequence[str], *, share: float, seed: int = 0) -> Mask:
    """True for the items (n,) whose cluster (prompt) is among the `share` that chooses; the others report.

    Raises:
        UsageError: the share is not between 0 and 1, or there are fewer than two clusters.

    """
    if not 0 < share < 1:
        raise UsageError(f"--choose-share is the share of prompts that choose, between 0 and 1; got {share}")
    numbers, count = cluster_numbers(clusters, n=len(clusters))
    if count < 2:
        raise UsageError(
            f"some prompts choose and others report, so a grid needs two at least; got {count}: use more data"
        )
    some = min(max(round(share * count), 1), count - 1)
    return (np.random.default_rng(seed).permutation(count) < some)[numbers]
