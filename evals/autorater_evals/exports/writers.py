"""Rows to files, one pass, with equal bytes for equal rows. Every writer makes no file where there is no row."""

import io
import json
import tarfile
from collections.abc import Iterable, Iterator
from importlib import import_module
from importlib.util import find_spec
from itertools import chain, islice
from pathlib import Path
from typing import Any

from autorater.errors import MissingExtraError
from autorater_evals.exports.shown import Row

GROUP = 100
"""Rows of a row group of parquet, as the Hugging Face hub advises for images."""
BLOCK, RECORD = tarfile.BLOCKSIZE, tarfile.RECORDSIZE


def write_jsonl(path: Path, rows: Iterable[Row]) -> int:
    """One object a line, UTF-8; the number of rows."""
    count = 0
    file = None
    try:
        for row in rows:
            file = file or path.open("w", encoding="utf-8", newline="\n")
            file.write(json_line(row) + "\n")
            count += 1
    finally:
        if file is not None:
            file.close()
    return count


def write_json_list(path: Path, rows: Iterable[Row]) -> int:
    """One JSON list, an element a line; the number of rows."""
    count = 0
    file = None
    try:
        for row in rows:
            file = file or path.open("w", encoding="utf-8", newline="\n")
            file.write(("," if count else "[") + "\n" + json_line(row))
            count += 1
        if file is not None:
            file.write("\n]\n")
    finally:
        if file is not None:
            file.close()
    return count


def json_line(row: Row) -> str:
    """A row as JSON; U+2028 and U+2029, at which some readers break lines, are written as escapes."""
    text = json.dumps(row, ensure_ascii=False, allow_nan=False)
    return text.replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")


def write_parquet(path: Path, rows: Iterable[Row], features: Any) -> int:
    """A parquet file with the `datasets.Features` in its schema; the number of rows."""
    arrow: Any = import_module("pyarrow")
    tables: Any = import_module("pyarrow.parquet")
    schema: Any = features.arrow_schema
    count, left = 0, iter(rows)
    first = next(left, None)
    if first is None:
        return 0
    left = chain([first], left)
    writer: Any = tables.ParquetWriter(path, schema, compression="zstd")
    with writer:
        while group := list(islice(left, GROUP)):
            writer.write_table(arrow.Table.from_pylist(group, schema=schema))
            count += len(group)
    return count


def require_tables() -> None:
    """Raise MissingExtraError unless parquet can be written; imports nothing."""
    if find_spec("datasets") is None or find_spec("pyarrow") is None:
        raise MissingExtraError("parquet", extra="datasets")


def write_shards(folder: Path, stem: str, rows: Iterable[Row], *, shard_bytes: int) -> int:
    """Tar files `<stem>-000000.tar`, … of at most `shard_bytes` bytes each, but for a sample that alone has more."""
    count = number = size = 0
    tar: tarfile.TarFile | None = None
    try:
        for row in rows:
            members = list(_members(row))
            needed = sum(BLOCK + -(-len(data) // BLOCK) * BLOCK for _, data in members)
            if tar is not None and _padded(size + needed) > shard_bytes:
                tar.close()
                tar, number, size = None, number + 1, 0
            if tar is None:
                tar = tarfile.open(folder / f"{stem}-{number:06d}.tar", "w", format=tarfile.USTAR_FORMAT)  # noqa: SIM115
            for name, data in members:
                _add(tar, name, data)
            size += needed
            count += 1
    finally:
        if tar is not None:
            tar.close()
    return count


def _padded(size: int) -> int:
    """The size of a tar file: two empty blocks end it, and it is filled up to whole records."""
    return -(-(size + 2 * BLOCK) // RECORD) * RECORD


def _members(row: Row) -> Iterator[tuple[str, bytes]]:
    key = row["__key__"]
    for name, data in row.items():
        if name != "__key__":
            yield f"{key}.{name}", data if isinstance(data, bytes) else json_line(data).encode()


def _add(tar: tarfile.TarFile, name: str, data: bytes) -> None:
    told = tarfile.TarInfo(name)  # no time, owner or group: equal samples give equal bytes
    told.size, told.mode = len(data), 0o644
    tar.addfile(told, io.BytesIO(data))


def read_shard(path: Path) -> Iterator[Row]:
    """The samples of a shard, in order, members as bytes."""
    sample: Row = {}
    with tarfile.open(path) as tar:
        for member in tar:
            key, _, name = member.name.partition(".")
            if sample and sample["__key__"] != key:
                yield sample
                sample = {}
            file = tar.extractfile(member)
            sample |= {"__key__": key, name: file.read() if file else b""}
    if sample:
        yield sample
