"""The images of an export: as files beside the rows, inside the rows, or by hash."""

import base64
import binascii
import os
import shutil
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, TypeAlias, cast

from autorater.canonical import digest
from autorater.errors import RecordError
from autorater.image import Fit, Picture, fit, open_picture
from autorater_evals.trainset import TrainSet

Mode: TypeAlias = Literal["path", "embedded", "hash"]
FOLDER = "images"
HASH = "sha256:"
SUFFIXES = {"image/png": ".png", "image/jpeg": ".jpg", "image/webp": ".webp"}
"""Media type → suffix of what every trainer opens."""
_ANY_SIZE = 2**40
_LIMITS = Fit(tuple(SUFFIXES), max_side=_ANY_SIZE, max_pixels=_ANY_SIZE, max_bytes=_ANY_SIZE)
_KEPT = 16
"""Encoded images kept at hand; neighbouring examples show the same ones."""


@dataclass(frozen=True)
class Shipped:
    """One image as it is exported; sizes in pixels of the file."""

    original: str
    sha256: str
    media_type: str
    width: int
    height: int

    @property
    def name(self) -> str:
        """Its file name."""
        return f"{self.sha256}{SUFFIXES[self.media_type]}"


@dataclass
class Shelf:
    """Images of a set, exported into `folder` by `mode`.

    The original bytes are exported where any decoder sees in them what the judge saw. Others (an orientation that only
    some loaders apply, transparency that some turn black, a format that some cannot open) are re-encoded as PNG by the
    rule of `autorater.image.fit`, never resized.
    """

    trainset: TrainSet
    folder: Path
    mode: Mode
    shipped: dict[str, Shipped] = field(default_factory=dict[str, Shipped])
    _recent: OrderedDict[str, bytes] = field(default_factory=OrderedDict[str, bytes], repr=False)

    def ship(self, sha256: str) -> Shipped:
        """Export an image once. Raises RecordError when its file is missing or is not what its name says."""
        if sha256 not in self.shipped:
            picture = self._open(sha256)
            sent = fit(picture, _LIMITS)
            known = Shipped(sha256, sent.sha256, sent.media_type, sent.width, sent.height)
            self.shipped[sha256] = known
            self._keep(sha256, sent.data)
            if self.mode == "path":
                self._place(known, sent.data)
        return self.shipped[sha256]

    def reference(self, sha256: str, *, inside: str = f"{FOLDER}/") -> str:
        """What a row says: a path with `inside` before the file's name, a data URL, or "sha256:" and the original's."""
        if self.mode == "hash":
            self.trainset.image(sha256)
            return f"{HASH}{sha256}"
        known = self.ship(sha256)
        if self.mode == "path":
            return f"{inside}{known.name}"
        return f"data:{known.media_type};base64,{base64.b64encode(self.data(sha256)).decode('ascii')}"

    def data(self, sha256: str) -> bytes:
        """The exported bytes."""
        known = self.ship(sha256)
        if sha256 not in self._recent:
            same = known.sha256 == sha256
            self._keep(sha256, self.trainset.image(sha256).read_bytes() if same else self._encoded(sha256))
        return self._recent[sha256]

    def changed(self, hashes: tuple[str, ...]) -> dict[str, str]:
        """Exported sha256 → the original's, of those that were re-encoded."""
        if self.mode == "hash":
            return {}
        shipped = [self.ship(sha256) for sha256 in hashes]
        return {one.sha256: one.original for one in shipped if one.sha256 != one.original}

    def _open(self, sha256: str) -> Picture:
        path = self.trainset.image(sha256)
        picture = open_picture(path, name=f"the image {path.name}")
        if picture.sha256 != sha256:
            raise RecordError(f"the image {path.name} of the set has another sha256: make the set again")
        return picture

    def _encoded(self, sha256: str) -> bytes:
        return fit(self._open(sha256), _LIMITS).data

    def _keep(self, sha256: str, data: bytes) -> None:
        self._recent[sha256] = data
        while len(self._recent) > _KEPT:
            self._recent.popitem(last=False)

    def _place(self, known: Shipped, data: bytes) -> None:
        """Hard-link the set's own file where the disk can, else copy; write what was re-encoded."""
        target = self.folder / FOLDER / known.name
        target.parent.mkdir(parents=True, exist_ok=True)
        if target.exists():  # two originals can have one re-encoding
            return
        if known.sha256 != known.original:
            target.write_bytes(data)
            return
        source = self.trainset.image(known.original)
        try:
            os.link(source, target)
        except OSError:  # another disk, or one without links
            shutil.copyfile(source, target)


def hash_of(reference: object, folder: Path) -> str:
    """The sha256 of the bytes that a row refers to; `folder` is where its relative paths begin.

    Raises RecordError when there is no such file, or the reference is of no known kind.
    """
    if isinstance(reference, bytes):
        return digest(reference)
    if isinstance(reference, Mapping):  # a cell of an image column
        cell = cast("Mapping[str, Any]", reference)
        return hash_of(cell.get("bytes") or cell.get("path"), folder)
    if not isinstance(reference, str):
        raise RecordError(f"expected an image by path, data URL, hash or bytes, got {type(reference).__name__}")
    if reference.startswith(HASH):
        return reference.removeprefix(HASH)
    try:
        if reference.startswith("data:"):
            return digest(base64.b64decode(reference.partition(",")[2], validate=True))
        return digest((folder / reference).read_bytes())
    except (OSError, binascii.Error) as error:
        raise RecordError(f"cannot read the image {reference[:100]!r} of a row: keep the rows beside theirs") from error
