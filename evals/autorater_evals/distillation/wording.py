"""Rationales that are nearly the same: MinHash over three-word shingles (datasketch), Jaccard similarity above 0.8."""

from collections.abc import Iterable, Sequence
from importlib import import_module
from typing import Any

from autorater_evals.distillation.plan import Variant
from autorater_evals.distillation.prompts import normal

THRESHOLD, PERMUTATIONS, WORDS = 0.8, 128, 3
Name = tuple[str, Variant]


def repeated(rationales: Iterable[tuple[Name, Sequence[str]]]) -> dict[Name, str]:
    """(Item, variant) → the other item, kept before, that has nearly one of its rationales; only those that repeat one.

    A pair has two rationales, one for each order: either may be exported.
    """
    library: Any = import_module("datasketch")
    index = library.MinHashLSH(threshold=THRESHOLD, num_perm=PERMUTATIONS)
    kept: dict[tuple[str, Variant, int], Any] = {}
    found: dict[Name, str] = {}
    for name, texts in rationales:
        hashes: list[Any] = []
        for text in texts:
            made = library.MinHash(num_perm=PERMUTATIONS, seed=1)
            made.update_batch([shingle.encode() for shingle in shingles(text)])
            hashes.append(made)
        near = sorted(
            one[0]
            for made in hashes
            for one in index.query(made)
            if one[0] != name[0] and made.jaccard(kept[one]) > THRESHOLD
        )
        if near:
            found[name] = near[0]
            continue
        for number, made in enumerate(hashes):
            kept[(*name, number)] = made
            index.insert((*name, number), made)
    return found


def shingles(text: str) -> set[str]:
    """Every run of three words; of a shorter text, all of it."""
    words = normal(text).split()
    return {" ".join(words[place : place + WORDS]) for place in range(max(1, len(words) - WORDS + 1))}
