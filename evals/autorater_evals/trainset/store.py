"""A set on disk: `examples.jsonl`, `images/<sha256><suffix>`, `card.json`, `card.md`; written whole or not at all."""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from autorater.canonical import digest
from autorater.document import describe_errors
from autorater.errors import RecordError
from autorater_evals.files import put_whole
from autorater_evals.trainset.example import Example, Split

EXAMPLES, IMAGES, CARD = "examples.jsonl", "images", "card.json"
SUFFIXES = {"image/png": ".png", "image/jpeg": ".jpg", "image/webp": ".webp", "image/gif": ".gif", "image/bmp": ".bmp"}
"""Media type → suffix of an image's file; its bytes are the original's."""
_NO_TYPE = ".img"
_IMAGE = re.compile(rf"[0-9a-f]{{64}}(?:{'|'.join(re.escape(one) for one in (*SUFFIXES.values(), _NO_TYPE))})")
"""The name of an image's file, as `write_set` gives it."""


@dataclass(frozen=True)
class TrainSet:
    """A set, read lazily: examples are parsed as they pass by."""

    folder: Path

    def examples(self, split: Split | None = None) -> Iterator[Example]:
        """Every example, or those of one split, in order. Raises RecordError that names a damaged or repeated line."""
        path, seen = self.folder / EXAMPLES, dict[str, int]()
        with path.open("rb") as file:  # by bytes: a line that is no UTF-8 is damaged as any other
            for number, line in enumerate(file, 1):
                try:
                    example = Example.model_validate_json(line)
                except ValidationError as error:
                    raise RecordError(f"{path.name}, line {number}: {describe_errors(error)}") from error
                first = seen.setdefault(example.id, number)
                if first != number:
                    raise RecordError(f"{path.name}, line {number}: the id {example.id!r} is that of line {first}")
                if split is None or example.split == split:
                    yield example

    @cached_property
    def card(self) -> Mapping[str, Any]:
        """The set's card: sources, licences, counts at each filter, balance, digests; see `card.md` for people.

        Raises RecordError when it cannot be read.
        """
        try:
            return json.loads((self.folder / CARD).read_bytes())
        except (OSError, ValueError) as error:
            raise RecordError(f"cannot read {CARD} of {str(self.folder)!r}: {error}; make the set again") from error

    @cached_property
    def files(self) -> Mapping[str, Path]:
        """sha256 → file of every image; empty where the folder is gone."""
        return {path.stem: path for path in sorted((self.folder / IMAGES).glob("*")) if len(path.stem) == 64}

    def image(self, sha256: str) -> Path:
        """The file of an image. Raises RecordError when it is missing."""
        if sha256 not in self.files:
            raise RecordError(f"the image {sha256[:12]}… is not in {str(self.folder / IMAGES)!r}: make the set again")
        return self.files[sha256]


def open_set(folder: str | Path) -> TrainSet:
    """Open a set. Raises RecordError when the folder holds none."""
    path = Path(folder)
    if not (path / EXAMPLES).is_file() or not (path / CARD).is_file():
        raise RecordError(f"no training set at {str(folder)!r}: expected {EXAMPLES} and {CARD} of `autorater distill`")
    return TrainSet(path)


def write_set(
    folder: str | Path,
    examples: Iterable[Example],
    images: Mapping[str, tuple[str, bytes]],
    card: Mapping[str, Any],
    *,
    described: str,
) -> TrainSet:
    """Write a set. `images` are sha256 → (media type, bytes); `card` is for machines, `described` the same in Markdown.

    Images of an older set in this folder go, where no example uses them any more; files of other names stay.

    Raises RecordError when an image's bytes are not what its sha256 says, or the disk does not take the set.
    """
    path = Path(folder)
    try:
        (path / IMAGES).mkdir(parents=True, exist_ok=True)
        for sha256, (media_type, data) in images.items():
            if digest(data) != sha256:
                raise RecordError(f"the bytes of the image {sha256[:12]}… have another sha256: nothing more is written")
            file = path / IMAGES / f"{sha256}{SUFFIXES.get(media_type, _NO_TYPE)}"
            if not file.exists():
                put_whole(file, data)
        held = list(examples)
        lines = "".join(f"{example.model_dump_json()}\n" for example in held)
        put_whole(path / EXAMPLES, lines.encode())
        put_whole(path / "card.md", described.encode())
        put_whole(path / CARD, (json.dumps(card, indent=1, sort_keys=True) + "\n").encode())
        for file in unused_images(path, held, images):  # last: a set that is there is whole until the new one is
            file.unlink()
    except OSError as error:
        raise RecordError(f"cannot write the set to {str(folder)!r}: {error.strerror or error}") from error
    return TrainSet(path)


def unused_images(folder: Path, examples: Iterable[Example], more: Iterable[str] = ()) -> list[Path]:
    """The files of a set's images that no example shows; `more` are sha256 that count as shown."""
    used = {image for one in examples for image in (*one.candidates, *one.sources, *one.images)} | set(more)
    files = sorted((folder / IMAGES).glob("*"))
    return [file for file in files if _IMAGE.fullmatch(file.name) and file.stem not in used]
