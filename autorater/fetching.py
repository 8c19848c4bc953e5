"""One file over HTTP: continued where it stopped, never taken for whole before it is.

While it comes it is `NAME.part`, and `NAME.part.json` says of which version of the file. A server that ignores Range or
has another version by now is asked from the start again. Called by `autorater tools pull` only.
"""

import errno
import http.client
import json
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urlsplit

from autorater.errors import SpecialistError
from autorater.store import check_room

_CHUNK = 2**18
_TIMEOUT = 60.0
"""Seconds without one byte after which a connection is given up."""
_TRIES = 4
"""How often in a row a connection may break without a new byte."""
_AGAIN = (408, 425, 429, 500, 502, 503, 504)


class Watch(Protocol):
    """Who is told how far a download is."""

    def begin(self, what: str, total: int | None, done: int) -> None:
        """A file of `total` bytes (None: not known) begins, or begins anew, with `done` of them here."""
        ...

    def advance(self, count: int) -> None:
        """So many bytes more are here."""
        ...


@dataclass(frozen=True, slots=True)
class Address:
    """Where one file is: its URL, the headers to send to that host only, and its size where it is known."""

    url: str
    headers: Mapping[str, str] = field(default_factory=dict[str, str], repr=False)
    size: int | None = None

    @property
    def shown(self) -> str:
        """The URL without its query, which may hold a secret."""
        return self.url.partition("?")[0]


class FetchRefused(SpecialistError):
    """The server answered, and has nothing for us. `status` is the HTTP status."""

    def __init__(self, message: str, *, status: int) -> None:
        super().__init__(message)
        self.status = status


class _Broken(Exception):
    """The connection broke, or the server is busy: worth another try."""


class _Careful(urllib.request.HTTPRedirectHandler):
    """Follows no redirect to a less safe scheme, and leaves the Authorization header behind at another host."""

    def redirect_request(self, req: Any, fp: Any, code: int, msg: str, headers: Any, newurl: str) -> Any:
        old_scheme, new_scheme = urlsplit(str(req.full_url)).scheme, urlsplit(newurl).scheme
        if new_scheme not in ("http", "https") or (old_scheme == "https" and new_scheme == "http"):
            fp.close()
            raise SpecialistError(f"{req.full_url.partition('?')[0]} leads to {new_scheme}: that is not followed")
        new = super().redirect_request(req, fp, code, msg, headers, newurl)
        if new is not None and urlsplit(newurl)[:2] != urlsplit(str(req.full_url))[:2]:
            new.headers.pop("Authorization", None)
            new.headers.pop("Cookie", None)
        return new


def fetch(address: Address, target: Path, watch: Watch, *, wait: float = 1.0) -> None:
    """Download `address` to `target`, continuing what an earlier call left in `target`.part.

    A broken connection is taken up again, with `wait` seconds before the first try and twice as many before each next.

    Raises:
        FetchRefused: there is no such file, or we may not have it.
        SpecialistError: the server cannot be reached, the connection breaks again and again, or the disk is full; what
            came is kept.

    """
    if urlsplit(address.url).scheme not in ("http", "https"):
        raise SpecialistError(f"{address.shown}: expected an address that begins with http:// or https://")
    target.parent.mkdir(parents=True, exist_ok=True)
    part = part_of(target)
    failures, furthest = 0, size_of(part)
    while True:
        try:
            _continue(address, part, watch)
            break
        except _Broken as error:
            failures = failures + 1 if size_of(part) <= furthest else 1
            furthest = max(furthest, size_of(part))
            if failures >= _TRIES:
                raise SpecialistError(
                    f"{address.shown}: {error} ({failures} times in a row, {size_of(part)} bytes are here and kept): "
                    "run the same command again to continue"
                ) from error
            time.sleep(wait * 2 ** (failures - 1))
        except OSError as error:
            raise disk_error(error, target, kept=True) from error
    part.replace(target)
    _notes_of(part).unlink(missing_ok=True)


def part_of(target: Path) -> Path:
    """Where the file is while it comes."""
    return target.with_name(f"{target.name}.part")


def size_of(path: Path) -> int:
    """Bytes of a file; 0 when it is not there."""
    try:
        return path.stat().st_size
    except OSError:
        return 0


def discard(target: Path) -> None:
    """Forget a file and what came of it: it is wrong, and continuing it would be too."""
    for path in (target, part_of(target), _notes_of(part_of(target))):
        path.unlink(missing_ok=True)


def disk_error(error: OSError, target: Path, *, kept: bool) -> SpecialistError:
    """What to tell when a file of the store cannot be written."""
    left = "what came is kept" if kept else "nothing of it was kept"
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        why = f"the disk is full: {left}; free some room, or put the store elsewhere with AUTORATER_WEIGHTS, and run"
        return SpecialistError(f"{target.name}: {why} the same command again")
    return SpecialistError(
        f"{target.name} cannot be written ({error.strerror or error}): {left}; mend that and run again"
    )


def _notes_of(part: Path) -> Path:
    return part.with_name(f"{part.name}.json")


def _continue(address: Address, part: Path, watch: Watch) -> None:
    """One connection: from where the part ends to the end of the file."""
    notes = _read_notes(part)
    start = size_of(part) if notes.get("url") == address.url else 0
    if start and start == (address.size or notes.get("total")):  # it was stopped between the last byte and its name
        watch.begin(part.stem, start, start)
        return
    response = _open(address, start, notes)
    if start and not _continues(response, start, notes):
        response.close()
        start, response = 0, _open(address, 0, {})
    with response:
        start = start if response.status == 206 else 0  # 200: the server ignores Range and sends all of it
        total = _total(response) or address.size
        _notes_of(part).write_text(
            json.dumps({"url": address.url, "version": _version(response), "total": total}), encoding="utf-8"
        )
        check_room((total or 0) - start, part.parent, part.stem)
        watch.begin(part.stem, total, start)
        with part.open("ab" if start else "wb") as file:
            while chunk := _read(response):
                file.write(chunk)
                watch.advance(len(chunk))
    here = size_of(part)
    if total is not None and here < total:
        raise _Broken(f"the connection broke after {here} of {total} bytes")


def _read_notes(part: Path) -> dict[str, Any]:
    with suppress(OSError, ValueError):
        notes = json.loads(_notes_of(part).read_text(encoding="utf-8"))
        if isinstance(notes, dict):
            return notes  # pyright: ignore[reportUnknownVariableType]
    return {}


def _open(address: Address, start: int, notes: Mapping[str, Any]) -> Any:
    request = urllib.request.Request(address.url, headers={"User-Agent": "autorater", **address.headers})
    if start:
        request.add_header("Range", f"bytes={start}-")
        if notes.get("version") and not str(notes["version"]).startswith("W/"):
            request.add_header("If-Range", str(notes["version"]))
    try:
        return urllib.request.build_opener(_Careful).open(request, timeout=_TIMEOUT)
    except urllib.error.HTTPError as error:
        with error:
            if error.code == 416 and start:  # it ends where our part ends, or before
                return _open(address, 0, {})
            if error.code in _AGAIN:
                raise _Broken(f"the server answered {error.code}") from None
            raise FetchRefused(f"{address.shown}: {_refusal(error.code)}", status=error.code) from None
    except (urllib.error.URLError, OSError, http.client.HTTPException) as error:
        reason = getattr(error, "reason", error)
        raise _Broken(f"{urlsplit(address.url).hostname} cannot be reached ({reason})") from error


def _refusal(status: int) -> str:
    if status in (401, 403):
        return f"the server refuses it ({status}): bring it in with --from FOLDER, or name a --mirror"
    if status in (404, 410):
        return f"there is no such file ({status}): name a --mirror that has it, or bring it in with --from FOLDER"
    return f"the server answered {status}: try later, name a --mirror, or bring it in with --from FOLDER"


def _continues(response: Any, start: int, notes: Mapping[str, Any]) -> bool:
    """Whether the answer goes on with the version of the file that the part is of, or sends all of it."""
    if response.status != 206:
        return True
    told = str(response.headers.get("Content-Range", ""))
    version, known = _version(response), notes.get("version")
    same_size = notes.get("total") in (None, _total(response))
    return told.startswith(f"bytes {start}-") and same_size and (version is None or known is None or version == known)


def _version(response: Any) -> str | None:
    """By what the server tells one version of the file from another; None when it does not."""
    return response.headers.get("ETag") or response.headers.get("Last-Modified")


def _total(response: Any) -> int | None:
    """Bytes of the whole file, as the server tells them."""
    if response.status == 206:
        told = str(response.headers.get("Content-Range", "")).rpartition("/")[2]
    else:
        told = str(response.headers.get("Content-Length", ""))
    return int(told) if told.isdigit() else None


def _read(response: Any) -> bytes:
    try:
        return response.read(_CHUNK)
    except (OSError, http.client.HTTPException) as error:  # the disk's own OSErrors come from writing, not from here
        raise _Broken(f"the connection broke ({type(error).__name__})") from error
