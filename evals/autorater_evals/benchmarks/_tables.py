"""Read the tables that benchmarks come as: JSON Lines, JSON, CSV (gzipped or not), Parquet, each row with its place."""

import csv
import gzip
import io
import json
import zlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TextIO, cast

from autorater.errors import MissingExtraError, UsageError

Row = Mapping[str, Any]


def find(folder: Path, *names: str) -> Path:
    """The first of `names` that lies in `folder`, or `folder` itself when it is a file.

    Raises UsageError that tells all names that were looked for.
    """
    if folder.is_file():
        return folder
    for name in names:
        if (folder / name).is_file():
            return folder / name
    raise UsageError(f"expected {' or '.join(names)} in {str(folder)!r}, found none of them: check the folder")


def find_parts(folder: Path, names: Mapping[str, Sequence[str]]) -> dict[str, Path]:
    """Part → its file, for the parts of which one of the names lies in `folder`, or is the file `folder` itself.

    Raises UsageError that tells all names when there is none.
    """
    if folder.is_file():
        found = {part: folder for part, files in names.items() if folder.name in files}
    else:
        there = {part: [folder / name for name in files if (folder / name).is_file()] for part, files in names.items()}
        found = {part: files[0] for part, files in there.items() if files}
    if not found:
        wanted = "; ".join(f"{part}: {' or '.join(files)}" for part, files in names.items())
        raise UsageError(f"expected one of these files in {str(folder)!r}, found none ({wanted}): check the folder")
    return found


def rows(path: Path, *, needs: Sequence[str] = ()) -> Iterator[tuple[int, dict[str, Any]]]:
    """(number, row) of a table of any kind, told by its name: the number of the line, in JSON and Parquet of the row.

    Raises UsageError that names the place, or the columns of `needs` that a CSV lacks.
    """
    kind = Path(path.name.removesuffix(".gz")).suffix
    if kind == ".csv":
        return csv_rows(path, needs=needs)
    if kind == ".parquet":
        return parquet_rows(path)
    return json_rows(path)


def json_lines(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """(line number, object) of every line that is not empty. Raises UsageError that names the line."""
    with _open(path) as file:
        for number, line in _lines(path, file):
            if not line.strip():
                continue
            try:
                row = read_json(line)
            except (ValueError, RecursionError) as error:
                raise UsageError(f"{path.name}, line {number}: not JSON ({error}): repair or remove the line") from None
            if not isinstance(row, dict):
                raise UsageError(f"{path.name}, line {number}: expected an object in braces, got {line.strip()[:40]!r}")
            yield number, cast(dict[str, Any], row)


def read_json(text: str) -> Any:
    """`text` as JSON. Raises ValueError, also where an escape is half of a character, which no file could hold."""
    value = json.loads(text)
    if "\\ud" in text.lower():
        try:
            json.dumps(value, ensure_ascii=False).encode()
        except UnicodeEncodeError as error:
            raise ValueError(f"an escape \\u{ord(error.object[error.start]):04x} is half of a character") from None
    return value


def json_rows(path: Path, *, key: str = "", keyed: str = "") -> Iterator[tuple[int, dict[str, Any]]]:
    """(number from 1, object) of a JSON list, or of the list at `key` of a JSON object; JSON Lines are read as such.

    An object of objects is read where `keyed` is given: the field that each one's key becomes.
    Raises UsageError that names the file and what is wrong.
    """
    if ".json" not in path.suffixes:
        yield from json_lines(path)
        return
    with _open(path) as file:
        try:
            data: Any = read_json("".join(text for _, text in _lines(path, file)))
        except (ValueError, RecursionError) as error:
            raise UsageError(f"{path.name}: not JSON ({error}): get the file again") from None
    if keyed and isinstance(data, dict):
        given = cast(dict[str, Any], data)
        data = [{keyed: name} | row if isinstance(row, dict) else row for name, row in given.items()]
    rows: Any = cast(dict[str, Any], data).get(key) if key and isinstance(data, dict) else data
    if not isinstance(rows, list):
        raise UsageError(f"{path.name}: expected a list{f' at {key!r}' if key else ''}, got {str(rows)[:40]!r}")
    for number, row in enumerate(cast(list[Any], rows), 1):
        if not isinstance(row, dict):
            raise UsageError(f"{place(path, number)}: expected an object in braces, got {str(row)[:40]!r}")
        yield number, cast(dict[str, Any], row)


def parquet_rows(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """(row number, column → value) of every row. Raises UsageError when it is no Parquet, MissingExtraError."""
    try:
        import pyarrow  # pyright: ignore[reportMissingTypeStubs]
        from pyarrow import parquet  # pyright: ignore[reportMissingTypeStubs]
    except ImportError as error:
        raise MissingExtraError(f"reading {path.name}", extra="datasets") from error
    arrow: Any = pyarrow
    tables: Any = parquet
    try:
        batches = tables.ParquetFile(path).iter_batches()
        yield from enumerate((row for batch in batches for row in batch.to_pylist()), 1)
    except (arrow.ArrowException, OSError) as error:
        raise UsageError(f"{path.name} cannot be read as Parquet ({error}): get it again") from None


def csv_rows(path: Path, *, needs: Sequence[str] = ()) -> Iterator[tuple[int, dict[str, str]]]:
    """(line number, column → text) of every row. Raises UsageError when a column of `needs` is missing."""
    with _open(path) as file:
        reader = csv.DictReader(text for _, text in _lines(path, file))
        missing = [name for name in needs if name not in (reader.fieldnames or ())]
        if missing:
            found = ", ".join(reader.fieldnames or ()) or "nothing"
            raise UsageError(f"{path.name}: expected the columns {', '.join(needs)}, got {found}")
        try:
            for row in reader:
                if None in row or None in row.values():
                    where = f"{path.name}, line {reader.line_num}"
                    raise UsageError(f"{where}: another number of columns than in the heading: repair the line")
                yield reader.line_num, row
        except csv.Error as error:
            raise UsageError(f"{path.name}, line {reader.line_num}: not CSV ({error}): repair the line") from error


def place(path: Path, line: int) -> str:
    """Where a row stands, for a message: its line, or in a JSON list its number."""
    return f"{path.name}, {'entry' if '.json' in path.suffixes else 'line'} {line}"


def need(row: Row, name: str, kind: type | tuple[type, ...], *, path: Path, line: int) -> Any:
    """The field `name` of a row, which must be a `kind`. Raises UsageError that names file, line and field."""
    value = row.get(name)
    if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
        kinds = kind if isinstance(kind, tuple) else (kind,)
        wanted = " or ".join(one.__name__ for one in kinds)
        came = f"got {str(value)[:40]!r}" if name in row else "it is missing"
        raise UsageError(f"{place(path, line)}: expected {name} to be a {wanted}, {came}")
    return value


def number(text: object, *, path: Path, line: int, name: str) -> float:
    """`text` as a finite number. Raises UsageError that names file, line and field."""
    try:
        value = float(cast(Any, text))
    except (TypeError, ValueError):
        value = float("nan")
    if not abs(value) < float("inf"):  # so written that NaN fails too
        raise UsageError(f"{place(path, line)}: expected {name} to be a number, got {str(text)[:40]!r}")
    return value


def _open(path: Path) -> TextIO:
    try:
        if path.suffix == ".gz":
            return io.TextIOWrapper(gzip.open(path, "rb"), encoding="utf-8-sig", newline="")
        return path.open(encoding="utf-8-sig", newline="")
    except OSError as error:
        raise UsageError(f"cannot read {str(path)!r}: {error.strerror}; check the path") from error


def _lines(path: Path, file: TextIO) -> Iterator[tuple[int, str]]:
    try:
        yield from enumerate(file, 1)
    except UnicodeDecodeError as error:
        raise UsageError(f"{path.name}: expected text in UTF-8, got other bytes") from error
    except (OSError, EOFError, zlib.error) as error:
        raise UsageError(f"{path.name} cannot be read to its end ({error}): get it again") from error
