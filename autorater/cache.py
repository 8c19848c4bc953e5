"""A content-addressed store of what specialists said, so that the same image is not measured twice."""

import os
import threading
from functools import cache
from importlib import resources
from pathlib import Path

import platformdirs
from pydantic import ValidationError

from autorater.assessment import Outcome, Provenance
from autorater.canonical import Record, digest, digest_of
from autorater.card import Card
from autorater.errors import RecordError


class Entry(Record):
    """One remembered outcome."""

    outcome: Outcome
    provenance: Provenance


class Cache:
    """JSON files under `folder`, named by the call's key and the digest of the specialist's code."""

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)

    def _path(self, key: str, card: Card) -> Path:
        name = digest_of({"call": key, "code": code_digest(card.meta.entry.partition(":")[0].partition(".")[0])})
        return self.folder / name[:2] / f"{name}.json"

    def find(self, key: str, card: Card) -> Entry | None:
        """The remembered outcome, marked as cached, or None. Raises RecordError when the entry is damaged."""
        path = self._path(key, card)
        try:
            text = path.read_bytes()
        except FileNotFoundError:
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
            temporary.unlink(missing_ok=True)


def default_cache() -> Cache:
    """The user's own cache folder for this program."""
    return Cache(Path(platformdirs.user_cache_dir("autorater")) / "assessments")


@cache
def code_digest(package: str) -> str:
    """The sha256 over the Python files of a package, so that changed code never answers from old entries."""
    files = sorted((item for item in resources.files(package).iterdir() if item.name.endswith(".py")), key=str)
    return digest(b"".join(digest(item.read_bytes()).encode() for item in files))
