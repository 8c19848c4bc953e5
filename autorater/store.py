"""The weights store: where the weights lie that no package ships, and whether they are whole.

One folder for each specialist under the root: `AUTORATER_WEIGHTS`, or the user's data folder. Nothing is
downloaded here and nothing is searched elsewhere: `autorater tools pull` fills it.
"""

import logging
import os
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path

import platformdirs

from autorater.card import Card, Value, Weights
from autorater.errors import SpecialistError
from autorater.manifest import (
    NAME,
    Kept,
    Manifest,
    add_to_manifest,
    inside,
    kept_as,
    read_manifest,
    sha256_of,
    unchanged,
)

_log = logging.getLogger(__name__)
ROOM = "free some room, or put the store elsewhere with AUTORATER_WEIGHTS, and run the same command again"
"""What to do about a full disk."""
FOUND = "found in the store"
"""The origin of a file that nobody pulled."""


def store_root() -> Path:
    """The folder that holds all weights: the environment variable AUTORATER_WEIGHTS, or the user's data folder."""
    given = os.environ.get("AUTORATER_WEIGHTS")
    return Path(given).expanduser() if given else Path(platformdirs.user_data_dir("autorater")) / "weights"


def folder_of(card: Card) -> Path:
    """The folder of a specialist's weights, there or not."""
    return store_root() / (card.meta.store or card.name)


def wanted(card: Card, options: Mapping[str, Value]) -> list[Weights]:
    """The weights that must be in the store under these options."""
    return [one for one in card.files(options) if not one.package]


def missing_files(card: Card, options: Mapping[str, Value]) -> list[Weights]:
    """The weights that are not in the store; looks at names only."""
    folder = folder_of(card)
    return [one for one in wanted(card, options) if not is_there(folder / one.file)]


def missing_weights(card: Card, options: Mapping[str, Value]) -> list[str]:
    """What is not in the store, by name; looks at names only."""
    return [one.file for one in missing_files(card, options)]


def pull_command(card: Card, options: Mapping[str, Value]) -> str:
    """The command that fetches the weights that are needed under these options."""
    chosen = {name for entry in card.meta.weights for name in entry.when}
    words = [f"--option {name}={options[name]}" for name in sorted(chosen) if options[name] != card.options()[name]]
    return " ".join([f"autorater tools pull {card.name}", *words])


def how_to_get(card: Card, options: Mapping[str, Value]) -> str:
    """What to do for the weights that are needed under these options, in words."""
    command = pull_command(card, options)
    made = next((one.made_by for one in wanted(card, options) if one.made_by), "")
    return f"make one with `{made}`, then run `{command} --from {made.split()[-1]}`" if made else f"run `{command}`"


def weights_folder(card: Card, options: Mapping[str, Value]) -> Path | None:
    """The folder with the weights of this specialist, checked; None when packages ship all that it needs.

    Raises:
        SpecialistError: a file is missing, truncated, or is not the one that the card or the manifest names.

    """
    files = wanted(card, options)
    if not files:
        return None
    folder = folder_of(card)
    if missing := missing_weights(card, options):
        raise SpecialistError(
            f"the weights of {card.name} are not here ({', '.join(missing)}): {how_to_get(card, options)}"
        )
    manifest = read_manifest(folder)
    fresh: dict[str, Kept] = {}
    for entry in files:
        for path in paths_of(entry, folder, manifest):
            again = f"run `{pull_command(card, options)}` to fetch it again"
            kept = verified(card, folder, path, entry, manifest.files.get(path), again=again)
            if kept != manifest.files.get(path):
                fresh[path] = kept
    if fresh:
        try:
            add_to_manifest(folder, fresh)
        except (OSError, SpecialistError) as error:  # a store that cannot be written is only slower: hashed next time
            _log.info("the manifest of %s cannot be written: %s", card.name, error)
    return folder


def verified(card: Card, folder: Path, path: str, entry: Weights, kept: Kept | None, *, again: str = "") -> Kept:
    """The manifest's entry of one file after it was verified; hashed only when it changed or was never hashed.

    `again` says what to do when it is wrong.

    Raises:
        SpecialistError: it is missing, truncated or another one, or leads out of the folder.

    """
    target = inside(folder, path)
    if not target.is_file():
        raise SpecialistError(f"{path} of {card.name} is missing: {again}")
    expected = entry.sha256 or (kept.sha256 if kept else None)
    if kept is not None and kept.sha256 == expected and unchanged(target, kept):
        return kept
    size = target.stat().st_size
    if kept is not None and kept.sha256 == expected and size < kept.bytes:
        raise SpecialistError(f"{path} of {card.name} is cut off: it has {size} of {kept.bytes} bytes: {again}")
    actual = sha256_of(target)
    if expected is not None and actual != expected:
        short = f"{size} of {entry.bytes} bytes and " if entry.sha256 and size < (entry.bytes or 0) else ""
        who = "its card says" if entry.sha256 else "it came with"
        raise SpecialistError(
            f"{path} of {card.name} has {short}sha256 {actual[:12]}…, {who} {expected[:12]}…: {again}"
        )
    old = kept or Kept(sha256=actual, bytes=0, mtime_ns=0, origin=FOUND, pinned=entry.sha256 is None)
    return kept_as(target, actual, origin=old.origin, also=old.also, revision=old.revision, pinned=old.pinned)


def paths_of(entry: Weights, folder: Path, manifest: Manifest) -> list[str]:
    """The files of this entry: those of the manifest, and of a folder also what lies there besides."""
    if not entry.is_folder:
        return [entry.file]
    known = {path for path in manifest.files if path.startswith(entry.file)}
    root = inside(folder, entry.file)
    return sorted(known | {f"{entry.file}{path}" for path in files_below(root)})


def files_below(root: Path) -> Iterator[str]:
    """The files below a folder, relative to it, without hidden ones and caches of Python."""
    for path in sorted(root.rglob("*")):
        parts = path.relative_to(root).parts
        if path.is_file() and not any(part.startswith(".") or part == "__pycache__" for part in parts):
            yield "/".join(parts)


def belongs(path: str, entry: Weights) -> bool:
    """Whether the file of this path in the store is one of the entry's."""
    return path.startswith(entry.file) if entry.is_folder else path == entry.file


def is_there(path: Path) -> bool:
    """Whether a file, or a folder that is not empty, has this name."""
    return path.is_file() or (path.is_dir() and any(path.iterdir()))


def size_on_disk(folder: Path) -> int:
    """Bytes of all files below this folder, half-downloaded ones included; 0 when it is not there."""
    return sum(path.lstat().st_size for path in folder.rglob("*") if path.is_file() and not path.is_symlink())


def pinned_weights(card: Card, options: Mapping[str, Value] | None = None) -> dict[str, str]:
    """The sha256 of the weights that lie here, by path, of a card that does not say them all; else nothing.

    With `options` only of those that are needed under them.
    """
    if all(entry.package or entry.sha256 for entry in card.meta.weights):
        return {}
    try:
        kept = {path: kept.sha256 for path, kept in read_manifest(folder_of(card)).files.items()}
    except SpecialistError:  # told when they are loaded
        return {}
    if options is None:
        return kept
    needed = wanted(card, options)
    return {path: sha256 for path, sha256 in kept.items() if any(belongs(path, entry) for entry in needed)}


def unverified(folder: Path) -> list[str]:
    """Files that lie in this folder of the store and were never verified."""
    known = read_manifest(folder).files
    return [path for path in files_below(folder) if path != NAME and path not in known]


def check_room(count: int, folder: Path, what: str) -> None:
    """Raise SpecialistError when the disk of this folder has no room for so many bytes more."""
    free = shutil.disk_usage(folder).free
    if count > free:
        raise SpecialistError(f"{what} needs {in_words(count)} more, and the disk has {in_words(free)} free: {ROOM}")


def in_words(count: int) -> str:
    """A number of bytes as a person reads it: 1.4 GB is 1.4e9 bytes."""
    for unit, size in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if count >= size:
            return f"{count / size:.1f} {unit}" if count < 100 * size else f"{count / size:.0f} {unit}"
    return f"{count} bytes"
