"""What a toolbox and a server of specialists say to each other over HTTP.

    GET  /about         → About: the specialists, their cards, code, options and device
    POST /look/{name}   Batch → Looked

A batch is one line of JSON, then the bytes of each distinct image once, one after the other, as the line tells. The
answer is JSON. No pickle: neither side can make the other run anything. Both sides name the terms under which a
specialist measures (card, code, options, kind of device, and weights whose sha256 nobody publishes); where they differ
the server refuses, because the results would not be those that the log names.
"""

import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import accumulate, pairwise
from typing import Annotated

from pydantic import BaseModel, Field, ValidationError

from autorater.assessment import Failed, Outcome
from autorater.cache import code_digest
from autorater.canonical import Record, digest
from autorater.card import Card, Value
from autorater.errors import ImageError, UsageError
from autorater.image import Picture, open_picture
from autorater.specialist import View
from autorater.store import pinned_weights

WIRE = 2
"""The version of this language."""
CONTENT = "application/x-autorater-views"
"""The media type of a batch. No web page can send it to a server unasked."""
LIMIT = 512 * 2**20
"""Bytes of one batch at most."""


class Blob(Record):
    """One image of a batch."""

    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    bytes: int = Field(ge=1)


class Seen(Record):
    """One view of a batch; images by their place in the list."""

    image: int = Field(ge=0)
    prompt: str | None = None
    sources: tuple[Annotated[int, Field(ge=0)], ...] = ()
    rival: int | None = Field(default=None, ge=0)


class Served(Record):
    """One specialist of a server."""

    name: str
    card: str
    code: str
    options: dict[str, Value]
    device: str
    weights: dict[str, str] = {}
    """The sha256, by path, of the files of a store that were pinned when they first came."""
    missing: tuple[str, ...] = ()


class Batch(Record):
    """The line that a batch begins with."""

    wire: int = WIRE
    terms: Served
    images: tuple[Blob, ...]
    views: tuple[Seen, ...]


class Looked(Record):
    """The answer to a batch: one outcome per view, in order."""

    device: str = Field(pattern=r"^[a-z][a-z0-9_]{0,31}(:[0-9]{1,4})?$")
    outcomes: tuple[Outcome, ...]


class Refusal(Record):
    """The answer to what a server does not do."""

    error: str


class Version(BaseModel):
    """The one field that every version of `About` has."""

    wire: int


class About(Record):
    """What a server says of itself."""

    wire: int
    version: str
    specialists: tuple[Served, ...]


def served(card: Card, options: Mapping[str, Value], device: str, missing: Sequence[str] = ()) -> Served:
    """The terms of one specialist here."""
    code = code_digest(card.meta.entry.partition(":")[0].partition(".")[0])
    return Served(
        name=card.name,
        card=card.digest,
        code=code,
        options=dict(options),
        device=device,
        weights=pinned_weights(card, options),
        missing=tuple(missing),
    )


def differences(ours: Served, theirs: Served) -> str:
    """In words how their specialist differs from ours; "" when it measures the same."""
    if ours.card != theirs.card:
        return f"its card is {theirs.card[:12]}…, here it is {ours.card[:12]}…: install the same version on both sides"
    if ours.code != theirs.code:
        return f"its code is {theirs.code[:12]}…, here it is {ours.code[:12]}…: install the same version on both sides"
    for name, value in ours.options.items():
        if theirs.options.get(name) != value:
            return (
                f"its option {name} is {theirs.options.get(name)!r}, here it is {value!r}: set the same on both sides"
            )
    for path, sha256 in ours.weights.items():  # a side that has none of them has nothing to compare
        if theirs.weights.get(path, sha256) != sha256:
            return (
                f"its {path} is {theirs.weights[path][:12]}…, here it is {sha256[:12]}…: bring the same to both sides"
            )
    there, here = theirs.device.split(":")[0], ours.device.split(":")[0]
    if there != here:
        return f"it runs on {there}, and the log would say {here}: end the place with #{there}"
    return ""


def pack(views: Sequence[View], *, terms: Served) -> bytes:
    """The batch as bytes."""
    pictures: dict[str, tuple[int, Picture]] = {}

    def place(picture: Picture) -> int:
        return pictures.setdefault(picture.sha256, (len(pictures), picture))[0]

    seen = [
        Seen(
            image=place(view.image),
            prompt=view.prompt,
            sources=tuple(place(source) for source in view.sources),
            rival=None if view.rival is None else place(view.rival),
        )
        for view in views
    ]
    blobs = [picture.data for _, picture in pictures.values()]
    images = [Blob(sha256=sha256, bytes=len(data)) for sha256, data in zip(pictures, blobs, strict=True)]
    line = Batch(terms=terms, images=tuple(images), views=tuple(seen)).model_dump_json().encode()
    return b"".join([line, b"\n", *blobs])


def unpack(body: bytes, remembered: "Pictures") -> tuple[Batch, list[View | Failed]]:
    """The batch and its views; a view whose image cannot be opened is a Failed.

    Raises:
        UsageError: it is no batch.

    """
    end = body.find(b"\n")
    try:
        batch = Batch.model_validate_json(body[: max(end, 0)])
    except ValidationError as error:
        raise UsageError("the first line of the batch cannot be read: see autorater.places.wire") from error
    if batch.wire != WIRE:
        raise UsageError(f"the batch is of version {batch.wire}, this server reads version {WIRE}: install the same")
    rest = memoryview(body)[end + 1 :]
    if len(rest) != sum(blob.bytes for blob in batch.images):
        raise UsageError("the batch is cut short, or longer than it says")
    ends = [*accumulate((blob.bytes for blob in batch.images), initial=0)]
    parts = [bytes(rest[start:stop]) for start, stop in pairwise(ends)]
    with ThreadPoolExecutor(max_workers=min(8, len(parts) or 1)) as pool:  # decoding leaves Python to other threads
        found = list(pool.map(remembered.open, batch.images, parts))
    try:
        return batch, [_view(one, found) for one in batch.views]
    except IndexError:
        raise UsageError("a view names an image that the batch does not hold") from None


def _view(one: Seen, found: Sequence[Picture | Failed]) -> View | Failed:
    named = [one.image, *one.sources, *([] if one.rival is None else [one.rival])]
    pictures: list[Picture] = []
    for number in named:
        picture = found[number]
        if isinstance(picture, Failed):
            return picture
        pictures.append(picture)
    sources = tuple(pictures[1 : 1 + len(one.sources)])
    return View(
        image=pictures[0], prompt=one.prompt, sources=sources, rival=None if one.rival is None else pictures[-1]
    )


def _opened(data: bytes) -> Picture | Failed:
    try:
        return open_picture(data)
    except ImageError as error:
        return Failed(error=str(error))


class Pictures:
    """The pictures that a server saw last, so that what several specialists share is computed once.

    Together at most `pixels` of them; the one that was asked for the longest ago goes first.
    """

    def __init__(self, pixels: int = 64_000_000) -> None:
        self.pixels = pixels
        self.kept: dict[str, Picture] = {}
        self._lock = threading.Lock()

    def open(self, blob: Blob, data: bytes) -> Picture | Failed:
        """The picture of these bytes. Raises UsageError when they are not those that were named."""
        with self._lock:
            picture = self.kept.pop(blob.sha256, None)
        if picture is None:
            opened = _opened(data)
            sha256 = digest(data) if isinstance(opened, Failed) else opened.sha256
            if sha256 != blob.sha256:
                raise UsageError("the bytes of an image are not those that the batch names")
            if isinstance(opened, Failed):
                return opened
            picture = opened
        with self._lock:
            self.kept[blob.sha256] = picture
            while sum(one.width * one.height for one in self.kept.values()) > self.pixels:
                del self.kept[next(iter(self.kept))]
        return picture

    def forget(self) -> None:
        """Drop them all."""
        with self._lock:
            self.kept.clear()
