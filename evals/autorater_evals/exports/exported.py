"""What an export holds, and its rows as they are written."""

import json
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from autorater.canonical import Record
from autorater.document import describe_errors
from autorater.errors import RecordError
from autorater_evals.exports.formats import file_of, get_format
from autorater_evals.exports.shelf import Mode
from autorater_evals.exports.shown import Row
from autorater_evals.exports.writers import read_shard

MANIFEST = "export.json"


class Exported(Record):
    """What an export holds; also in `export.json` of its folder."""

    format: str
    images: Mode
    rows: dict[str, int]
    """Split → rows; a split without rows has no file."""
    skipped: dict[str, int] = {}
    """What makes no row in this format, in words → how often."""
    reencoded: int = 0
    """Images written as PNG because not every decoder sees in their bytes what the judge saw."""
    escaped: int = 0
    """Rows in whose text placeholders or control tokens were broken by a space."""
    metadata: bool = True
    """Whether the rows carry the column `autorater`, which `read_back` needs."""
    licence: str = ""
    """Of the data that the set was distilled from, as its card says."""
    training_note: str = ""
    """What that card says of training on them."""
    research: bool = False
    """Whether the data, and so what is trained on the export, are for research only."""


def read_export(folder: str | Path) -> Exported:
    """What an export holds. Raises RecordError when the folder is none."""
    path = Path(folder) / MANIFEST
    try:
        return Exported.model_validate_json(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise RecordError(f"no export at {str(folder)!r}: expected {MANIFEST} of `autorater export`") from error
    except ValidationError as error:
        raise RecordError(f"{MANIFEST} cannot be read: {describe_errors(error)}") from error


def read_rows(folder: str | Path, split: str) -> Iterator[Row]:
    """The rows of a split as they are written, for `read_back`. Raises RecordError when there is no export."""
    exported = read_export(folder)
    found, path = get_format(exported.format), file_of(get_format(exported.format), Path(folder), split)
    if not exported.rows.get(split):
        return
    if found.writing == "parquet":
        tables: Any = import_module("pyarrow.parquet")
        for batch in tables.ParquetFile(path).iter_batches(batch_size=64):
            yield from batch.to_pylist()
    elif found.writing == "tar":
        for shard in sorted(path.parent.glob(f"{split}-*.tar")):
            yield from read_shard(shard)
    elif found.writing == "json":
        yield from json.loads(path.read_text(encoding="utf-8"))
    else:
        with path.open(encoding="utf-8") as file:
            yield from (json.loads(line) for line in file)
