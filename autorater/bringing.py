"""Weights from a folder of this machine: where in it a file may lie, and how it gets into the store."""

import os
import shutil
from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path
from urllib.parse import urlsplit

from autorater.card import Card, Weights
from autorater.errors import SpecialistError


def find_in(base: Path, card: Card, entry: Weights) -> Path:
    """Where `entry` lies in the folder that a person named: itself, or the archive that holds it.

    It may lie there under its path in the store, its own name, its name in the archive, or in a folder named as the
    specialist or the repository is; a folder of weights may be `base` itself when the card wants no other.

    Raises:
        SpecialistError: it is not there.

    """
    for path in _candidates(base, card, entry):
        if path.is_dir() if entry.is_folder else path.is_file():
            return path
    archive = archive_name(entry)
    if archive and (base / archive).is_file():
        return base / archive
    folders = {one.file for one in card.meta.weights if one.is_folder and one.when == entry.when}
    if entry.is_folder and folders == {entry.file} and any(path.is_file() for path in base.iterdir()):
        return base
    also = f" (or the archive {archive})" if archive else ""
    raise SpecialistError(f"{base} holds no {entry.file}{also}, which {card.name} needs: put it there under that name")


def archive_name(entry: Weights) -> str:
    """The name of the archive that holds the entry; "" when it is in none."""
    if entry.npm:
        name, _, version = entry.npm.rpartition("@")
        return f"{name.removeprefix('@').replace('/', '-')}-{version}.tgz"
    if entry.pypi:
        name, _, version = entry.pypi.partition("==")
        return f"{name.replace('-', '_')}-{version}-py3-none-any.whl"
    return urlsplit(entry.url).path.rpartition("/")[2] if entry.url and (entry.member or entry.is_folder) else ""


def files_of(source: Path, entry: Weights) -> Iterator[tuple[Path, str]]:
    """The files that `source` gives to the entry, with their paths in the specialist's folder of the store."""
    if source.is_file():
        yield source, entry.file
        return
    for path in sorted(source.rglob("*")):
        inner = path.relative_to(source).as_posix()
        hidden = any(part.startswith(".") for part in path.relative_to(source).parts)
        if path.is_file() and not hidden and (not entry.patterns or any(fnmatch(inner, one) for one in entry.patterns)):
            yield path, entry.file + inner


def bring(source: Path, target: Path) -> None:
    """A hard link to `source` where that is possible, else a copy; a link of the folder is followed.

    Raises:
        OSError: it cannot be read, or the store cannot be written.

    """
    target.parent.mkdir(parents=True, exist_ok=True)
    target.unlink(missing_ok=True)
    real = source.resolve()
    try:
        os.link(real, target)
    except OSError:  # another disk, or a file system without hard links
        copy = target.with_name(f"{target.name}.copy")
        shutil.copyfile(real, copy)
        copy.replace(target)


def _candidates(base: Path, card: Card, entry: Weights) -> Iterator[Path]:
    name = entry.file.rstrip("/").rpartition("/")[2]
    repository = entry.hub.rpartition("/")[2]
    yield base / (card.meta.store or card.name) / entry.file
    yield base / entry.file
    yield base / name
    if entry.member not in ("", "."):
        yield base / entry.member
        yield base / entry.member.rstrip("/").rpartition("/")[2]
    if repository:
        yield base / repository if entry.is_folder else base / repository / name
