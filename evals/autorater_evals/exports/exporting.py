"""Export a set: every row checked against its example as it is written, the folder whole or not at all."""

import json
import re
import shutil
from collections import Counter
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any, get_args

from autorater.errors import RecordError, UsageError
from autorater_evals.exports.checking import checked_rows
from autorater_evals.exports.exported import MANIFEST, Exported
from autorater_evals.exports.formats import Format, Told, file_of, get_format
from autorater_evals.exports.pairs import KINDS, Kind
from autorater_evals.exports.shelf import FOLDER, Mode, Shelf
from autorater_evals.exports.trl import trl_features
from autorater_evals.exports.writers import require_tables, write_json_list, write_jsonl, write_parquet, write_shards
from autorater_evals.trainset import TrainSet
from autorater_evals.trainset.example import Split

SPLITS: tuple[Split, ...] = get_args(Split)
SHARD_BYTES = 500_000_000
"""Bytes of a WebDataset shard at most."""
_SPLIT = f"(?:{'|'.join(SPLITS)})"
_OWN = re.compile(
    rf"{re.escape(MANIFEST)}|dataset_info\.json|meta_{_SPLIT}\.json|{_SPLIT}(?:\.jsonl?|\.parquet|-\d+\.tar)"
    rf"|{FOLDER}(?:/[0-9a-f]{{64}}\.\w+)?"
)
"""What an export holds; a folder with anything else in it is not replaced."""


def export(
    trainset: TrainSet,
    format: str,
    out: str | Path,
    *,
    splits: Sequence[Split] = ("train", "validation"),
    images: Mode | None = None,
    pairs: Collection[Kind] = KINDS,
    metadata: bool = True,
    shard_bytes: int = SHARD_BYTES,
) -> Exported:
    """Write the examples of `splits` into the folder `out`, in the set's order; equal sets give equal bytes.

    `images` is "path" (files in `out/images`, hard-linked where the disk can), "embedded" or "hash"; None is the
    format's default. `pairs` are the kinds that pairs for DPO are made of. The folder is built beside `out` and then
    takes its place: a killed export is begun again, an older export is replaced whole, unless other files were put
    into it.

    Raises:
        UsageError: an unknown format, split or kind, images that the format cannot give, no example, or a folder in the
            way that is no export or holds something else too.
        RecordError: a row would not say what its example says; the message names the example.

    """
    found, folder = get_format(format), Path(out).resolve()  # a link stays, and what it points to is replaced
    mode = _check(found, splits, images, pairs, shard_bytes)
    _check_place(folder, str(out))
    part = folder.with_name(f".{folder.name}.part")
    try:
        shutil.rmtree(part, ignore_errors=True)
        part.mkdir(parents=True)
        told = Told(Shelf(trainset, part, mode), tuple(pairs))
        exported = _write(found, trainset, part, told, splits, metadata=metadata, shard_bytes=shard_bytes)
        _take_place(part, folder)
    except OSError as error:
        raise RecordError(f"cannot write the export to {str(out)!r}: {error.strerror or error}") from error
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return exported


def _check(found: Format, splits: Sequence[str], images: str | None, pairs: Collection[str], shard_bytes: int) -> Mode:
    for names, known, what in ((splits, SPLITS, "split"), (pairs, KINDS, "kind of pairs")):
        if unknown := [name for name in names if name not in known]:
            raise UsageError(f"no {what} is called {unknown[0]!r}; known: {', '.join(known)}")
    if not splits or len(set(splits)) != len(splits):
        raise UsageError(f"expected one or more splits, each once, got {', '.join(splits) or 'none'}")
    if found.pairs and not pairs:
        raise UsageError(f"expected one or more kinds of pairs ({', '.join(KINDS)}), got none")
    if shard_bytes < 1:
        raise UsageError(f"expected shards of 1 byte or more, got {shard_bytes}")
    if found.writing == "parquet":
        require_tables()
    for mode in found.modes:
        if images in (None, mode):
            return mode
    raise UsageError(f"{found.name} takes images by {' or '.join(found.modes)}, not {images!r}: choose one of these")


def _check_place(folder: Path, named: str) -> None:
    """Whether the folder may be replaced: nothing is there, or an export and nothing else."""
    if Path.cwd().is_relative_to(folder):
        raise UsageError(f"{named!r} is the folder you are in, or one above it: name a folder for the export alone")
    if not folder.exists():
        return
    if not folder.is_dir() or (any(folder.iterdir()) and not (folder / MANIFEST).is_file()):
        raise UsageError(f"{named!r} is there and is no export: name another folder, or move it away")
    held = [path.relative_to(folder).as_posix() for path in (*folder.iterdir(), *(folder / FOLDER).glob("*"))]
    if foreign := sorted(name for name in held if not _OWN.fullmatch(name)):
        raise UsageError(f"{named!r} holds {foreign[0]!r}, which is of no export: name another folder, or move it away")


def _write(
    found: Format,
    trainset: TrainSet,
    part: Path,
    told: Told,
    splits: Sequence[Split],
    *,
    metadata: bool,
    shard_bytes: int,
) -> Exported:
    counted, rows = Counter[str](), dict[str, int]()
    for split in splits:
        checked = checked_rows(found, trainset, split, told, counted, metadata=metadata)
        path = file_of(found, part, split)
        if found.writing == "jsonl":
            rows[split] = write_jsonl(path, checked)
        elif found.writing == "json":
            rows[split] = write_json_list(path, checked)
        elif found.writing == "parquet":
            features = trl_features(*found.answers, mode=told.shelf.mode, metadata=metadata)
            rows[split] = write_parquet(path, checked, features)
        else:
            rows[split] = write_shards(part, split, checked, shard_bytes=shard_bytes)
    if not any(rows.values()):
        reasons = "; ".join(f"{count} {reason}" for reason, count in sorted(told.skipped.items()))
        raise UsageError(f"no row of {', '.join(splits)} for {found.name}: {reasons or 'the set has no such example'}")
    shipped, source = told.shelf.shipped.values(), trainset.card.get("source", {})
    exported = Exported(
        format=found.name,
        images=told.shelf.mode,
        rows=rows,
        skipped=dict(sorted(told.skipped.items())),
        reencoded=sum(one.sha256 != one.original for one in shipped) if told.shelf.mode != "hash" else 0,
        escaped=counted["escaped"],
        metadata=metadata,
        **{name: source[name] for name in ("licence", "training_note", "research") if name in source},
    )
    name = re.sub(r"[^A-Za-z0-9_-]+", "_", trainset.folder.resolve().name) or "set"
    held = {split: count for split, count in rows.items() if count}
    beside: dict[str, Any] = found.described(name, held) if found.described else {}
    for file, content in {**beside, MANIFEST: exported.model_dump(mode="json")}.items():
        (part / file).write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return exported


def _take_place(part: Path, folder: Path) -> None:
    old = folder.with_name(f".{folder.name}.old")
    shutil.rmtree(old, ignore_errors=True)
    if folder.exists():
        folder.rename(old)
    part.rename(folder)
    shutil.rmtree(old, ignore_errors=True)
