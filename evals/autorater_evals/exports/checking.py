"""Every row compared with its example as it is written: what a trainer would read, against what was meant."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from autorater.errors import RecordError
from autorater_evals.exports.formats import Format, Told
from autorater_evals.exports.note import COLUMN, holder, read_note
from autorater_evals.exports.reading import read_back, take
from autorater_evals.exports.shown import Row, pieces_of
from autorater_evals.trainset import Example, TrainSet
from autorater_evals.trainset.example import Split


def checked_rows(
    found: Format, trainset: TrainSet, split: Split, told: Told, counted: Counter[str], *, metadata: bool
) -> Iterator[Row]:
    """The rows of a split, each read back as a trainer reads it and compared with its example."""
    for example, row in found.rows(_whole(trainset.examples(split)), told):
        if found.read is None:
            _check_reward(found, example, row, told.shelf.folder)
        else:
            counted["escaped"] += _escaped(found, example, row, told.shelf.folder)
        if not metadata:
            holder(row).pop(COLUMN)
        yield row


def _whole(examples: Iterator[Example]) -> Iterator[Example]:
    """Examples that show the images of their request, and in its order."""
    for example in examples:
        known = sorted(example.order) == list(range(len(example.candidates)))
        wanted = (*example.sources, *(example.candidates[index] for index in example.order)) if known else ()
        if not known or example.images[: len(wanted)] != wanted:
            raise RecordError(
                f"example {example.id}: its text shows {len(example.images)} images, which do not begin with its "
                f"{len(example.sources)} sources and {len(example.candidates)} candidates in their order"
            )
        yield example


def _escaped(found: Format, example: Example, row: Row, folder: Path) -> bool:
    """Whether marks in the text were broken. Raises RecordError unless the row says what the example says."""
    shown = take(found, row, read_note(row), folder)
    if shown.images != example.images:
        raise RecordError(f"example {example.id}: the row's images are not the example's, or in another order")
    if shown.pieces != pieces_of(example, with_system=found.with_system) or shown.completion != example.completion:
        raise RecordError(f"example {example.id}: the row's text is not the example's")
    if found.pairs and shown.rejected not in {one.completion for one in example.rejected}:
        raise RecordError(f"example {example.id}: what the row rejects is no rejected answer of the example")
    turned = Counter(shown.rejected_images) == Counter(shown.images) and shown.rejected_images != shown.images
    if shown.rejected_images and not turned:
        raise RecordError(f"example {example.id}: the images it rejects are not its own in other places")
    assert found.read is not None
    raw = found.read(row)
    return (raw.pieces, raw.completion, raw.rejected) != (shown.pieces, shown.completion, shown.rejected)


def _check_reward(found: Format, example: Example, row: Row, folder: Path) -> None:
    """Raise RecordError unless the row holds the example's request, and people's label is what it chooses."""
    back = read_back(found.name, row, folder=folder)
    told = (back.prompt, back.candidates, back.sources, back.verdict.preference)
    if told != (example.prompt, example.candidates, example.sources, example.label.preferred):
        raise RecordError(f"example {example.id}: the row's request or choice is not the example's")
