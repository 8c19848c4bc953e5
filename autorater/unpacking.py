"""One file or folder out of an archive, written by us: no path of the archive is trusted, and no link is made."""

import bz2
import gzip
import lzma
import shutil
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Generator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, Any

from autorater.errors import SpecialistError
from autorater.store import ROOM, check_room, in_words

_SINGLE: dict[bytes, Any] = {b"\x1f\x8b": gzip.open, b"BZh": bz2.open, b"\xfd7zXZ\x00": lzma.open}
"""First bytes → how to read a file that is compressed and no archive."""
_DAMAGED = (
    zipfile.BadZipFile,
    tarfile.TarError,
    lzma.LZMAError,
    zlib.error,
    EOFError,
    RuntimeError,  # of zipfile: encrypted, or an unknown compression
)


@dataclass(frozen=True, slots=True)
class _Entry:
    """One entry of an archive."""

    name: str
    size: int | None
    """Bytes; None when that is told by reading all of it only."""
    plain: bool
    """A file; neither a link nor a device."""
    open: Callable[[], IO[bytes]]


def unpack(archive: Path, member: str, target: Path, *, folder: bool, size: int | None = None) -> None:
    """Write `member` of an archive (zip, tar, or one compressed file) to `target`; "." is everything.

    With `folder` the member is a folder, else one file. A folder "package/" or "./" around everything may be left out
    of the member's name. `size` is what its card says that it has, in bytes: of one compressed file no more is written.

    Raises:
        SpecialistError: it is no archive, it is damaged, it has no such member, an entry would leave the folder or is
            a link, or there is no room for what it holds.
        OSError: the disk cannot be written.

    """
    try:
        with _entries(archive) as entries:
            chosen = _choose([entry for entry in entries if not entry.name.endswith("/")], member, archive.name)
            if not folder and len(chosen) != 1:
                raise SpecialistError(
                    f"{archive.name}: {member!r} is a folder of {len(chosen)} files, expected one file"
                )
            check_room(sum(entry.size or 0 for _, entry in chosen), archive.parent, f"unpacking {archive.name}")
            for path, entry in chosen:
                to = target / path if folder and path else target
                if entry.size is None:
                    _write_at_most(size, entry, to, archive)
                else:
                    _write(entry, to)
    except (*_DAMAGED, OSError) as error:
        if isinstance(error, OSError) and error.errno is not None:  # the disk's; bz2's own about its data have none
            raise
        raise SpecialistError(f"{archive.name} is a damaged archive ({error}): fetch it again") from error


def _choose(entries: list[_Entry], member: str, archive: str) -> list[tuple[str, _Entry]]:
    """The entries of this member with their paths below it; "" for the member itself."""
    for wanted in dict.fromkeys((member, f"package/{member}", f"./{member}")):
        prefix = "" if member in (".", "") else wanted.rstrip("/") + "/"
        chosen = [
            (entry.name.removeprefix(prefix) if entry.name != wanted else "", entry)
            for entry in entries
            if entry.name == wanted or entry.name.startswith(prefix)
        ]
        if chosen:
            for path, entry in chosen:
                _refuse_unsafe(path, entry, archive)
            return chosen
    names = ", ".join(entry.name for entry in entries[:5])
    raise SpecialistError(f"{archive} has no {member!r}; it holds {names or 'nothing'}{' …' * (len(entries) > 5)}")


def _refuse_unsafe(path: str, entry: _Entry, archive: str) -> None:
    parts = PurePosixPath(path.replace("\\", "/"))
    if parts.is_absolute() or ".." in parts.parts or ":" in path:
        raise SpecialistError(f"{archive} holds {entry.name!r}, which leads out of its folder: nothing was unpacked")
    if not entry.plain:
        raise SpecialistError(f"{archive} holds {entry.name!r}, which is a link and no file: nothing was unpacked")


def _write(entry: _Entry, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    with entry.open() as source, target.open("wb") as file:
        shutil.copyfileobj(source, file, 2**20)


def _write_at_most(most: int | None, entry: _Entry, target: Path, archive: Path) -> None:
    """Write what may be a thousand times as large as the archive: no more than its card says, or than leaves room."""
    room = shutil.disk_usage(archive.parent).free // 10 * 9
    limit = room if most is None else min(most, room)
    written = 0
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        with entry.open() as source, target.open("wb") as file:
            while part := source.read(2**20):
                written += len(part)
                if written > limit:
                    raise SpecialistError(
                        f"{archive.name} holds more than the {in_words(limit)} that "
                        + ("its card says: fetch it again" if limit == most else f"the disk has room for: {ROOM}")
                    )
                file.write(part)
    except BaseException:
        target.unlink(missing_ok=True)
        raise


@contextmanager
def _entries(archive: Path) -> Generator[list[_Entry]]:
    if zipfile.is_zipfile(archive):
        with zipfile.ZipFile(archive) as zipped:
            yield [_zipped(zipped, info) for info in zipped.infolist()]
    elif tarfile.is_tarfile(archive):
        with closing(tarfile.open(archive)) as tarred:
            yield [_tarred(tarred, info) for info in tarred if not info.isdir()]
    else:
        with archive.open("rb") as file:
            start = file.read(6)
        read = next((read for sign, read in _SINGLE.items() if start.startswith(sign)), None)
        if read is None:
            raise SpecialistError(f"{archive.name} is no archive that can be read (zip, tar, gz, bz2, xz)")
        yield [_Entry(archive.stem, None, True, lambda: read(archive))]


def _zipped(zipped: zipfile.ZipFile, info: zipfile.ZipInfo) -> _Entry:
    link = stat.S_ISLNK(info.external_attr >> 16)
    return _Entry(info.filename, info.file_size, not link, lambda: zipped.open(info))


def _tarred(tarred: tarfile.TarFile, info: tarfile.TarInfo) -> _Entry:
    def read() -> IO[Any]:
        file = tarred.extractfile(info)
        if file is None:
            raise SpecialistError(f"{info.name!r} of the archive is no file")
        return file

    return _Entry(info.name, info.size, info.isfile(), read)
