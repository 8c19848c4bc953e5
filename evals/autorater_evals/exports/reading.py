"""The way back: from one exported row, and the images that it names, to the request and the verdict it came from."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from autorater.checklist import Checklist
from autorater.errors import RecordError, ReplyError
from autorater.prompting import fence
from autorater.request import LETTERS, Task
from autorater.verdict import Verdict, parse_verdict
from autorater_evals.exports.escaping import unescape
from autorater_evals.exports.formats import Format, get_format
from autorater_evals.exports.note import Note, read_note
from autorater_evals.exports.questions import checklist_of
from autorater_evals.exports.shelf import hash_of
from autorater_evals.exports.shown import Pieces, Shown

_FENCED = re.compile(r"<<<(prompt|instruction|request) ([0-9a-f]{12,64})\n(.*?)\n\1 \2>>>", re.DOTALL)
_NAMED = re.compile(r"(Source image|Image)(?: (\d+))?(?:, before the edit|, the result of the edit)?:")
_CANDIDATES = {"rate": 1, "check": 1, "compare": 2}


@dataclass(frozen=True)
class ReadBack:
    """A request, the order in which its candidates were shown, and the verdict, as one row tells them.

    Images are sha256 of the set's originals, candidates in the request's order. `prompt` is the text as the judge reads
    it (`shown_prompt`). `rejected` and `rejected_candidates` are the other side of a pair.
    """

    id: str
    task: Task
    prompt: str
    candidates: tuple[str, ...]
    sources: tuple[str, ...]
    questions: Checklist | None
    order: tuple[int, ...]
    verdict: Verdict
    rejected: Verdict | None = None
    rejected_candidates: tuple[str, ...] = ()


def read_back(format: str, row: Mapping[str, Any], *, folder: str | Path = ".") -> ReadBack:
    """Read one row of an export of `format`; `folder` is the export's, where relative paths begin.

    Prompt, images, their order and the answer are read from the fields that the trainer reads; only what these cannot
    hold (the task, the order of the request, its own questions) comes from the column `autorater`.

    Raises:
        RecordError: images and placeholders differ in number, an image or a text is not where it belongs, or the answer
            is no verdict; the message names the example.

    """
    found, note = get_format(format), read_note(row)
    if found.read is None:
        return _reward_pair(row, note, Path(folder))
    shown = take(found, row, note, Path(folder))
    sources, candidates = _request_images(shown.pieces, shown.images, note)
    rejected_candidates: tuple[str, ...] = ()
    if shown.rejected_images:
        rejected_candidates = _request_images(shown.pieces, shown.rejected_images, note)[1]
    return ReadBack(
        id=note.id,
        task=note.task,
        prompt=_prompt(shown.pieces, note),
        candidates=candidates,
        sources=sources,
        questions=note.questions,
        order=note.order,
        verdict=_verdict(shown.completion, shown.pieces, note, edit=bool(sources)),
        rejected=_verdict(shown.rejected, shown.pieces, note, edit=bool(sources)) if shown.rejected else None,
        rejected_candidates=rejected_candidates,
    )


def take(found: Format, row: Mapping[str, Any], note: Note, folder: Path) -> Shown:
    """The training fields with texts as they were and images by the sha256 of their originals; counts are checked."""
    assert found.read is not None
    shown = found.read(dict(row))
    places = shown.pieces.count(None)
    for images in (shown.images, shown.rejected_images or shown.images):
        if places != len(images):
            raise RecordError(f"example {note.id}: {places} places for images and {len(images)} images")

    def originals(references: tuple[Any, ...]) -> tuple[str, ...]:
        hashes = [hash_of(reference, folder) for reference in references]
        return tuple(note.changed.get(sha256, sha256) for sha256 in hashes)

    return replace(
        shown,
        pieces=tuple(piece if piece is None else unescape(piece) for piece in shown.pieces),
        images=originals(shown.images),
        completion=unescape(shown.completion),
        rejected=unescape(shown.rejected),
        rejected_images=originals(shown.rejected_images),
    )


def shown_prompt(prompt: str) -> str:
    """A request's prompt as the judge reads it inside its fence: line ends as one, control characters replaced."""
    return fence(prompt, "prompt").partition("\n")[2].rpartition("\n")[0]


def _prompt(pieces: Pieces, note: Note) -> str:
    """The text in the first fence, which is the prompt's: nothing from outside stands before it."""
    found = _FENCED.search("".join(piece or "" for piece in pieces))
    if found is None:
        raise RecordError(f"example {note.id}: no prompt between <<< and >>> in the text")
    return found[3]


def _request_images(pieces: Pieces, images: tuple[str, ...], note: Note) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Sources and candidates, by the words before each image; others are drawings of specialists' findings."""
    sources: list[str] = []
    shown: dict[int, str] = {}
    left = iter(images)
    before = ""
    for piece in pieces:
        if piece is not None:
            before = piece.rstrip().rpartition("\n")[2]
            continue
        image, named = next(left), _NAMED.fullmatch(before)
        before = ""
        if named and named[1] == "Image" and named[2]:
            shown.setdefault(int(named[2]), image)
        elif named and named[1] == "Source image":
            sources.append(image)
    wanted = _CANDIDATES.get(note.task, len(note.order))
    if sorted(shown) != list(range(1, wanted + 1)) or sorted(note.order) != list(range(wanted)):
        raise RecordError(
            f"example {note.id}: expected Image 1 to {wanted} of a {note.task} in the order {list(note.order)}, "
            f"got {', '.join(f'Image {place}' for place in sorted(shown)) or 'none'}"
        )
    placed = {index: shown[place] for place, index in enumerate(note.order, 1)}
    return tuple(sources), tuple(placed[index] for index in range(wanted))


def _verdict(completion: str, pieces: Pieces, note: Note, *, edit: bool) -> Verdict:
    checklist = checklist_of(note.questions, pieces, edit=edit)
    bare = note.protocol == "autorater-paper" and note.task != "check"
    try:
        return parse_verdict(completion, task=note.task, checklist=checklist, order=note.order, bare=bare)
    except ReplyError as error:
        raise RecordError(f"example {note.id}: its answer is no verdict: {error}") from error


def _reward_pair(row: Mapping[str, Any], note: Note, folder: Path) -> ReadBack:
    def original(reference: object) -> str:
        sha256 = hash_of(reference, folder)
        return note.changed.get(sha256, sha256)

    better, worse = note.order
    placed = {better: original(row["chosen_image"]), worse: original(row["rejected_image"])}
    return ReadBack(
        id=note.id,
        task=note.task,
        prompt=row["prompt"],
        candidates=(placed[0], placed[1]),
        sources=tuple(original(reference) for reference in row["source_images"]),
        questions=note.questions,
        order=note.order,
        verdict=Verdict(preference="a" if LETTERS[better] == "a" else "b"),
    )
