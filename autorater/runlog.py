"""The run log: `events.jsonl` (append-only, one writer) and `blobs/<sha256>`, the one durable format.

Every event is one write to the file, so that a killed process loses no finished call; data reach the disk in groups (an
fsync about once a second), so that a power cut loses about a second. A torn last line is ignored; any other damage is
an error that names the line.
"""

import errno
import os
import re
import threading
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, TypeVar

from filelock import FileLock, Timeout
from pydantic import ValidationError

from autorater._image_pixels import decode
from autorater.canonical import Record, digest
from autorater.document import describe_errors
from autorater.errors import RecordError
from autorater.events import SCHEMA, Asked, Event, PictureRecord, Requested, Started, event_adapter
from autorater.image import MAX_PIXELS, Picture
from autorater.offsets import Index

_HEAD = re.compile(rb'\{"kind":"([a-z]+)","key":"([0-9a-f]{16})[0-9a-f]{48}"(?:,"cost":([0-9.eE+-]+))?')
_KEY_AT = len('{"kind":"","key":"')
_REMEMBERED = 10_000
"""Blobs that a log knows to be there without asking the disk; more would make the memory grow with the run."""
E_ = TypeVar("E_", bound=Record)


@cache
def _kind_of(form: type[Record]) -> str:
    return str(form.model_fields["kind"].default)


def now() -> str:
    """UTC time as ISO 8601 with milliseconds."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")


class RunLog:
    """A log opened for reading, or (with `write=True`) for appending by this process alone.

    Raises:
        RecordError: the folder cannot be used, another process writes to it, or the log is damaged or newer.

    """

    def __init__(self, folder: str | Path, *, write: bool = False) -> None:
        self.folder = Path(folder)
        self.path = self.folder / "events.jsonl"
        self._blobs = self.folder / "blobs"
        self._index = Index()
        self._kept: set[str] = set()
        self._lock = threading.Lock()
        self._flusher: _Flusher | None = None
        self._owner: FileLock | None = None
        self.spent = 0.0
        """US dollars of all recorded calls with a known price."""
        self._writer: BinaryIO | None = None
        if write:
            self._claim()
        elif not self.path.is_file():
            raise RecordError(f"no run log at {str(folder)!r}: expected a folder that holds events.jsonl")
        self._reader: BinaryIO = self.path.open("rb")
        try:
            self._end = self._read_index()
            if write:
                self._writer = self.path.open("r+b", buffering=0)
                self._writer.truncate(self._end)
                self._writer.seek(self._end)
                self._flusher = _Flusher(self._writer.fileno())
        except BaseException:
            self.close()
            raise

    def _claim(self) -> None:
        try:
            self._blobs.mkdir(parents=True, exist_ok=True)
            self._owner = FileLock(self.folder / "writer.lock")
            self._owner.acquire(blocking=False)
            self.path.touch()
        except Timeout:
            raise RecordError(
                f"another process is writing to {str(self.folder)!r}: wait for it, or choose another --log"
            ) from None
        except OSError as error:
            raise RecordError(f"cannot write a run log in {str(self.folder)!r}: {error.strerror or error}") from error

    def _read_index(self) -> int:
        """Index every whole line; return the offset after the last one."""
        offset = 0
        match, note = _HEAD.match, self._index.note
        for number, line in enumerate(self._reader, 1):
            if not line.endswith(b"\n"):
                break  # a torn last line: the writer was killed while writing it
            head = match(line)
            if head is None:
                raise RecordError(f"{self.path.name}, line {number} is not an event: the log is damaged there")
            kind, prefix, cost = head.groups()
            if kind == b"started":
                self._check_schema(line, number)
            note(kind.decode(), int(prefix, 16), offset)
            if cost is not None:
                self.spent += float(cost)
            offset += len(line)
        return offset

    def _check_schema(self, line: bytes, number: int) -> None:
        started = self._parse(line, number)
        if isinstance(started, Started) and started.schema_number > SCHEMA:
            raise RecordError(
                f"{self.path.name} has event schema {started.schema_number}, this version reads up to {SCHEMA}: "
                "upgrade autorater-vision"
            )

    def _parse(self, line: bytes, number: int | str) -> Event:
        try:
            return event_adapter().validate_json(line)
        except ValidationError as error:
            raise RecordError(f"{self.path.name}, line {number}: {describe_errors(error)}") from error

    def count(self, kind: str) -> int:
        """How many different keys of this kind are recorded."""
        return self._index.count(kind)

    def append(self, event: Event) -> None:
        """Write one event. Raises RecordError when the disk is full or the log was opened for reading."""
        if self._writer is None or self._flusher is None:
            raise RecordError("this run log was opened for reading")
        line = event.model_dump_json().encode() + b"\n"
        with self._lock:
            try:
                written = self._writer.write(line)
                if written != len(line):
                    raise OSError(errno.ENOSPC, "the disk took only a part of the line")
                if self._flusher.failure is not None:
                    raise self._flusher.failure
            except OSError as error:
                self._writer.truncate(self._end)
                self._writer.seek(self._end)
                raise RecordError(
                    f"cannot write to {self.path.name}: {error.strerror}; everything before is kept: "
                    "free some space and run the same command again to resume"
                ) from error
            self._index.note(event.kind, int(event.key[:16], 16), self._end)
            self._end += len(line)
        if isinstance(event, Asked):
            self.spent += event.cost or 0
        self._flusher.dirty.set()

    def has(self, kind: str, key: str) -> bool:
        """Whether an event of this kind and key is recorded."""
        return self._index.has(kind, key)

    def line(self, kind: str, key: str) -> bytes | None:
        """The raw line of the last event of this kind with this key, or None."""
        offset = self._index.find(kind, key)
        if offset is None:
            return None
        with self._lock:
            self._reader.seek(offset)
            line = self._reader.readline()
        head = _HEAD.match(line)
        if head is None:
            raise RecordError(f"{self.path.name}, at byte {offset} is not an event: the log was changed meanwhile")
        if not line.startswith(key.encode(), len(kind) + _KEY_AT):
            raise RecordError(f"{self.path.name}: two keys share the prefix {key[:16]}; judge these items in two logs")
        return line

    def find(self, form: type[E_], key: str) -> E_ | None:
        """The last event of this form with this key, or None."""
        line = self.line(_kind_of(form), key)
        if line is None:
            return None
        try:
            return form.model_validate_json(line)
        except ValidationError as error:
            raise RecordError(f"{self.path.name}, the event {key[:12]}: {describe_errors(error)}") from error

    def events(self) -> Iterator[Event]:
        """All events in order, a torn last line left out."""
        with self.path.open("rb") as file:
            offset = 0
            for number, line in enumerate(file, 1):
                if offset >= self._end:
                    return
                offset += len(line)
                yield self._parse(line, number)

    def lines(self, kind: str) -> Iterator[bytes]:
        """The raw lines of one kind, in order; nothing is parsed."""
        return (line for _, line in self._lines(kind))

    def _lines(self, kind: str) -> Iterator[tuple[int, bytes]]:
        head = f'{{"kind":"{kind}"'.encode()
        with self.path.open("rb") as file:
            offset = 0
            for line in file:
                if offset >= self._end:
                    return
                if line.startswith(head):
                    yield offset, line
                offset += len(line)

    def requests(self) -> Iterator[Requested]:
        """Every item that was taken up, each once, in order."""
        for offset, line in self._lines("requested"):
            item = Requested.model_validate_json(line)
            if not self._index.repeats(item.key, offset):
                yield item

    def keep(self, data: bytes, *, sha256: str | None = None) -> str:
        """Store bytes as a blob (once) and return their sha256."""
        name = sha256 or digest(data)
        path = self._blobs / name
        if self._writer is None or path.exists():
            return name
        temporary = path.with_suffix(f".{os.getpid()}.{threading.get_ident()}")
        try:
            temporary.write_bytes(data)
            temporary.replace(path)
        except OSError as error:
            with suppress(OSError):
                temporary.unlink(missing_ok=True)
            raise RecordError(
                f"cannot write a blob to {str(self._blobs)!r}: {error.strerror}; everything before is kept"
            ) from error
        return name

    def keep_text(self, text: str) -> str:
        """Store a text that recurs (a system text, a schema) as a blob; cheap when it was stored before."""
        name = digest(text.encode())
        if name not in self._kept:
            self.keep(text.encode(), sha256=name)
            if len(self._kept) < _REMEMBERED:
                self._kept.add(name)
        return name

    def blob(self, sha256: str) -> bytes:
        """The bytes of a blob. Raises RecordError when it is absent or its content is not what its name says."""
        try:
            data = (self._blobs / sha256).read_bytes()
        except OSError as error:
            raise RecordError(f"the blob {sha256[:12]}… is missing from {str(self._blobs)!r}") from error
        if digest(data) != sha256:
            raise RecordError(f"the blob {sha256[:12]}… is damaged: its content has another sha256")
        return data

    def keeps(self, picture: Picture) -> bool:
        """Whether this log was given the picture since it was opened."""
        return picture.sha256 in self._kept

    def keep_picture(self, picture: Picture) -> PictureRecord:
        """Store a picture's original bytes and return its record."""
        if self._writer is not None and not self.keeps(picture):
            if not (self._blobs / picture.sha256).exists():
                self.keep(picture.data, sha256=picture.sha256)
            if len(self._kept) < _REMEMBERED:
                self._kept.add(picture.sha256)
        return record_of(picture)

    def picture(self, record: PictureRecord) -> Picture:
        """A recorded picture; its bytes are read from the blob when they are asked for."""

        def load() -> bytes:
            return self.blob(record.sha256)

        return Picture(
            sha256=record.sha256,
            media_type=record.media_type,
            width=record.width,
            height=record.height,
            plain=record.plain,
            origin=f"the recorded image {record.sha256[:12]}",
            notes=record.notes,
            size=record.size,
            _load=load,
            _pixels=lambda: decode(load(), record.sha256[:12], MAX_PIXELS).pixels,
        )

    def close(self) -> None:
        """Bring everything to the disk and let others write."""
        if self._flusher is not None:
            self._flusher.stop()
            self._flusher = None
        for file in (self._writer, self._reader):
            if file is not None:
                file.close()
        self._writer = None
        if self._owner is not None:
            self._owner.release()

    def __enter__(self) -> "RunLog":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def record_of(picture: Picture) -> PictureRecord:
    """What a log says of a picture."""
    return PictureRecord(
        sha256=picture.sha256,
        media_type=picture.media_type,
        width=picture.width,
        height=picture.height,
        plain=picture.plain,
        size=picture.size,
        notes=picture.notes,
    )


class _Flusher:
    """A thread that brings the log to the disk about once a second while it is written to."""

    def __init__(self, descriptor: int) -> None:
        self.dirty = threading.Event()
        self.failure: OSError | None = None
        """Why what was written did not reach the disk."""
        self._descriptor = descriptor
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="autorater-log", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        while not self._over.wait(1.0):
            if self.dirty.is_set():
                self.dirty.clear()
                try:
                    os.fsync(self._descriptor)
                except OSError as error:
                    self.failure = error

    def stop(self) -> None:
        self._over.set()
        self._thread.join()
        os.fsync(self._descriptor)
