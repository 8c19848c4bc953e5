"""The manifest of a specialist's folder in the weights store: what lies there, where it came from, which terms stand.

A file that was verified is not hashed again while its size and time of change stay the same: some have 16 GB. Where
nobody publishes a sha256, the one of the first file that came is written down here, and later ones must have it too.
"""

import os
import threading
from collections.abc import Collection, Generator, Mapping
from contextlib import contextmanager, suppress
from hashlib import file_digest
from pathlib import Path, PurePosixPath

from pydantic import ValidationError

from autorater.canonical import Record
from autorater.errors import SpecialistError

NAME = "manifest.json"
STAGE = ".pull"
"""The folder, inside a specialist's, of what is on its way."""
_PATIENCE = 20.0
"""Seconds to wait for another process that writes the same manifest."""


class Kept(Record):
    """One file of the store, as it was when it was last verified."""

    sha256: str
    bytes: int
    mtime_ns: int
    origin: str = ""
    """Where the card says it is from: an address without its query, a repository, a package; or that it was found."""
    also: tuple[str, ...] = ()
    """Other places that gave the same bytes: variants of a specialist may share a file."""
    revision: str = ""
    """The commit of the repository."""
    pinned: bool = False
    """Nobody publishes its sha256: this one is that of the first file that came."""


class Manifest(Record):
    """What `manifest.json` holds. Paths are relative to the folder, with "/" between their parts."""

    files: dict[str, Kept] = {}
    accepted: dict[str, str] = {}
    """Terms that a person accepted → the day."""


def read_manifest(folder: Path) -> Manifest:
    """The manifest of this folder; an empty one when there is none.

    Raises:
        SpecialistError: it is damaged.

    """
    try:
        text = (folder / NAME).read_bytes()
    except FileNotFoundError:
        return Manifest()
    except OSError as error:
        raise SpecialistError(f"the manifest of {folder.name} cannot be read ({error.strerror})") from error
    try:
        return Manifest.model_validate_json(text)
    except ValidationError as error:
        raise SpecialistError(
            f"the manifest of {folder.name} in the weights store is damaged: delete {folder.name}/{NAME} there and run "
            f"`autorater tools pull {folder.name}`"
        ) from error


def add_to_manifest(
    folder: Path, files: Mapping[str, Kept], *, accepted: Mapping[str, str] | None = None, gone: Collection[str] = ()
) -> None:
    """Write down verified files and accepted terms beside what the manifest holds, but for the files that are `gone`.

    Raises:
        OSError: it cannot be written.

    """
    folder.mkdir(parents=True, exist_ok=True)
    with locked(folder, ".manifest.lock", patience=_PATIENCE):
        old = read_manifest(folder)
        left = {path: kept for path, kept in old.files.items() if path not in gone}
        new = Manifest(files=dict(sorted({**left, **files}.items())), accepted={**old.accepted, **(accepted or {})})
        temporary = folder / f".{NAME}.{os.getpid()}.{threading.get_ident()}"
        try:
            temporary.write_text(new.model_dump_json(indent=2) + "\n", encoding="utf-8")
            temporary.replace(folder / NAME)
        finally:
            with suppress(OSError):
                temporary.unlink(missing_ok=True)


@contextmanager
def locked(folder: Path, name: str, *, patience: float) -> Generator[None]:
    """Alone among all processes, for as long as it is held.

    Raises:
        TimeoutError: another process held it for `patience` seconds.

    """
    from filelock import FileLock, Timeout

    try:
        with FileLock(folder / name, timeout=patience):
            yield
    except Timeout as error:
        raise TimeoutError(f"another process works on {folder.name}") from error


def inside(folder: Path, path: str) -> Path:
    """The file of this relative path in the folder, which neither the path nor a link may leave.

    Raises:
        SpecialistError: it leads elsewhere.

    """
    parts = PurePosixPath(path.replace("\\", "/"))
    target = folder / path
    leaves = parts.is_absolute() or ".." in parts.parts or ":" in path
    if leaves or not target.resolve().is_relative_to(folder.resolve()):
        raise SpecialistError(
            f"{path!r} leads out of the folder {folder.name} of the weights store: bring the file itself in with "
            f"`autorater tools pull {folder.name} --from FOLDER`"
        )
    return target


def sha256_of(path: Path) -> str:
    """The sha256 of a file's bytes."""
    with path.open("rb") as file:
        return file_digest(file, "sha256").hexdigest()


def kept_as(
    path: Path,
    sha256: str,
    *,
    origin: str = "",
    also: tuple[str, ...] = (),
    revision: str = "",
    pinned: bool = False,
) -> Kept:
    """The entry of a file that was just verified."""
    stat = path.stat()
    return Kept(
        sha256=sha256,
        bytes=stat.st_size,
        mtime_ns=stat.st_mtime_ns,
        origin=origin,
        also=also,
        revision=revision,
        pinned=pinned,
    )


def unchanged(path: Path, kept: Kept) -> bool:
    """Whether the file has the size and the time of change that it had when it was verified."""
    stat = path.stat()
    return (stat.st_size, stat.st_mtime_ns) == (kept.bytes, kept.mtime_ns)
