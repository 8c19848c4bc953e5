"""A content-addressed store of what specialists said, so that the same image is not measured twice."""

import os
import threading
from contextlib import suppress
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import platformdirs
from pydantic import ValidationError

from autorater.assessment import Outcome, Provenance
from autorater.canonical import Record, digest, digest_of
from autorater.card import Card
from autorater.errors import RecordError, SpecialistError
from autorater.store import pinned_weights


class Entry(Record):
    """One remembered outcome."""

    outcome: Outcome
    provenance: Provenance


class Cache:
    """JSON files under `folder`, named by the call's key and the digests of the specialist's code and its weights."""

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)

    def _path(self, key: str, card: Card) -> Path:
        package = card.meta.entry.partition(":")[0].partition(".")[0]
        told: dict[str, object] = {"call": key, "code": code_digest(package)}
        if pinned := pinned_weights(card):  # the card's own digest, in the key, says nothing of them
            told["weights"] = pinned
        name = digest_of(told)
        return self.folder / name[:2] / f"{name}.json"

    def find(self, key: str, card: Card) -> Entry | None:
        """The remembered outcome, marked as cached, or None. Raises RecordError when the entry is damaged."""
        path = self._path(key, card)
        try:
            text = path.read_bytes()
        except OSError:  # it is not there, or the cache cannot be read: nothing is lost but time
            return None
        try:
            entry = Entry.model_validate_json(text)
        except ValidationError as error:
            raise RecordError(
                f"the cache entry {path.name} is damaged: delete the folder {str(self.folder)!r}"
            ) from error
        told = entry.provenance.model_copy(update={"cached": True, "seconds": 0.0})
        return entry.model_copy(update={"provenance": told})

    def keep(self, key: str, card: Card, entry: Entry) -> None:
        """Remember an outcome. A cache that cannot be written is no reason to stop: nothing is lost but time."""
        path = self._path(key, card)
        temporary = path.with_suffix(f".{os.getpid()}.{threading.get_ident()}")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            temporary.write_text(entry.model_dump_json(), encoding="utf-8")
            temporary.replace(path)
        except OSError:
            with suppress(OSError):
                temporary.unlink(missing_ok=True)


def default_cache() -> Cache:
    """The user's own cache folder for this program."""
    return Cache(Path(platformdirs.user_cache_dir("autorater")) / "assessments")


@cache
def code_digest(name: str) -> str:
    """The sha256 over the Python files of a package or module, so that changed code never answers from old entries."""
    spec = find_spec(name)
    if spec is None:
        raise SpecialistError(f"no module is called {name!r}: see the entry of the specialist's card")
    folders = [Path(folder) for folder in spec.submodule_search_locations or ()]
    files = sorted(file for folder in folders for file in folder.glob("*.py")) or [Path(spec.origin or name)]
    return digest(b"".join(digest(file.read_bytes()).encode() for file in files if file.is_file()))
