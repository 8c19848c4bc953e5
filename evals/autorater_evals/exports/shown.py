"""What a trainer is shown: texts with places for images, the images, and the answer; and as one text with `<image>`."""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import groupby
from typing import Any, TypeAlias

from autorater_evals.exports.escaping import IMAGE
from autorater_evals.trainset import Example

Row: TypeAlias = dict[str, Any]
Pieces: TypeAlias = tuple[str | None, ...]
"""Texts, and None where an image stands. No two texts stand side by side and none is empty."""


@dataclass(frozen=True)
class Shown:
    """The training fields of one row, read. In pairs `rejected` or `rejected_images` is what should lose."""

    pieces: Pieces
    images: tuple[Any, ...]
    """References to images, in order: a path, a data URL, "sha256:…", or bytes; once resolved, their sha256."""
    completion: str
    rejected: str = ""
    rejected_images: tuple[Any, ...] = ()


def merged(pieces: Iterable[str | None]) -> Pieces:
    """Texts side by side joined, empty ones left out."""
    found: list[str | None] = []
    for image, group in groupby(pieces, key=lambda piece: piece is None):
        if image:
            found.extend(group)
        elif text := "".join(piece or "" for piece in group):
            found.append(text)
    return tuple(found)


def pieces_of(example: Example, *, with_system: bool = False) -> Pieces:
    """The user's turn of an example; `with_system` begins it with the system text, for formats without that role."""
    system = [f"{example.system}\n\n"] if with_system and example.system else []
    return merged([*system, *(None if piece.image else piece.text for piece in example.pieces)])


def flat(pieces: Pieces, *, around: str = "") -> str:
    """One text with `<image>` for every image and `around` on both sides of it; `unflat` is its inverse."""
    return "".join(f"{around}{IMAGE}{around}" if piece is None else piece for piece in pieces)


def unflat(text: str, *, around: str = "") -> Pieces:
    """The pieces of a text that `flat` made."""
    found: list[str | None] = []
    texts = text.split(IMAGE)
    for place, piece in enumerate(texts):
        inner = piece.removeprefix(around) if place else piece
        found.append(inner.removesuffix(around) if place < len(texts) - 1 else inner)
        found.append(None)
    return merged(found[:-1])
