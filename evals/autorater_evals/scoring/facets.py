"""What figures are also given for apart: facets of items and generators, where they are few enough to be read."""

from collections.abc import Iterator, Sequence

from autorater_evals.item import Item

MOST_VALUES = 60
"""Values of a facet at most for figures of each."""
MOST_WITHOUT = 40
"""Generators at most for figures without each."""
MOST_RANKED = 100
"""Generators at most for a ranking of them."""


def facets_of(items: Sequence[Item]) -> list[tuple[str, str]]:
    """Every kind and value of facets that splits the items, sorted; a value that all of them have splits nothing."""
    return [
        (kind, value)
        for kind, values in sorted(_values(items).items())
        if len(values) <= MOST_VALUES
        for value in sorted(values)
        if values[value] < len(items)
    ]


def generators_of(items: Sequence[Item]) -> list[str]:
    """The generators that were compared with another one, sorted."""
    return sorted({name for item in items if len(set(item.generators)) == 2 for name in item.generators})


def left_out(part: str, items: Sequence[Item], *, pairs: bool) -> Iterator[str]:
    """What is not told apart since there is too much of it, each in a sentence. `pairs`: of comparisons."""
    for kind, values in sorted(_values(items).items()):
        if len(values) > MOST_VALUES:
            yield f"{part}: no figures by {kind}, which has {len(values):,} values (more than {MOST_VALUES})"
    known = len({name for item in items if len(item.generators) == 2 for name in item.generators})
    if pairs and known > MOST_WITHOUT:
        yield f"{part}: no figures without each of {known:,} generators (more than {MOST_WITHOUT})"
    if pairs and (ranked := len(generators_of(items))) > MOST_RANKED:
        yield f"{part}: {ranked:,} generators are not ranked (more than {MOST_RANKED})"


def _values(items: Sequence[Item]) -> dict[str, dict[str, int]]:
    """Kind → value → items that have it."""
    found: dict[str, dict[str, int]] = {}
    for item in items:
        for kind, value in item.facets.items():
            told = found.setdefault(kind, {})
            told[value] = told.get(value, 0) + 1
    return found
