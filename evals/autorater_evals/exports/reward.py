"""Reward-model pairs (JSONL): `prompt`, `chosen_image`, `rejected_image`, `margin`, and `source_images` of edits.

For Bradley-Terry and other pairwise heads. Here alone the human label is exported: it is what is learned. One row for
each item that people decided, whatever its orders and variants; `prompt` is the request's, as it is.
"""

from collections import Counter
from collections.abc import Iterable, Iterator

from autorater_evals.exports.note import COLUMN, note_of, written
from autorater_evals.exports.shelf import Shelf
from autorater_evals.exports.shown import Row
from autorater_evals.trainset import Example


def reward_row(example: Example, shelf: Shelf) -> Row:
    """`{"prompt", "source_images", "chosen_image", "rejected_image", "margin", "autorater"}`.

    `margin` is how far apart people find the two, on the benchmark's scale, 0 or more; null where it is not known.
    The note's order says which candidate was chosen: the first of it.
    """
    better = 0 if example.label.preferred == "a" else 1
    images = (*example.sources, *example.candidates)
    note = note_of(example, changed=shelf.changed(images)).model_copy(update={"order": (better, 1 - better)})
    return {
        "prompt": example.prompt,
        "source_images": [shelf.reference(sha256) for sha256 in example.sources],
        "chosen_image": shelf.reference(example.candidates[better]),
        "rejected_image": shelf.reference(example.candidates[1 - better]),
        "margin": None if example.label.gap is None else abs(example.label.gap),
        COLUMN: written(note),
    }


def decided(examples: Iterable[Example], skipped: Counter[str]) -> Iterator[Example]:
    """The first example of each comparison that people decided."""
    seen = set[tuple[str, str]]()
    for example in examples:
        if example.task != "compare":
            skipped["examples that are no comparison"] += 1
        elif example.label.preferred not in ("a", "b"):
            skipped["comparisons that people did not decide"] += 1
        elif (example.benchmark, example.item) in seen:
            skipped["other orders and variants of an item"] += 1
        else:
            seen.add((example.benchmark, example.item))
            yield example
