"""Fetch a benchmark from the Hugging Face hub, when asked to, as JSON Lines and image files that its loader reads."""

import io
import json
import math
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date
from hashlib import sha256
from importlib import import_module
from itertools import product
from pathlib import Path
from typing import Any, cast

from autorater.errors import MissingExtraError, UsageError, one_line, without_folders
from autorater.progress import progress_bar
from autorater_evals.benchmark import Benchmark, Hub

IMAGES = "images"
_EXTENSIONS = {"JPEG": ".jpg", "PNG": ".png", "WEBP": ".webp", "GIF": ".gif", "BMP": ".bmp", "TIFF": ".tiff"}
Keep = Callable[[bytes, str], str]
"""Bytes and the name that they came with → path within the folder."""


def fetch(benchmark: Benchmark, folder: Path) -> tuple[Path, ...]:
    """Write each configuration and split that the card names as `<folder>/<configuration or "default">-<split>.jsonl`.

    Images, also in lists, are kept with their own bytes under `images/`, named by the first 16 digits of their sha256,
    and stand as paths in the rows. What is there already is not fetched again, and an interrupted fetch goes on after
    the last row (the rows before are streamed once more). A file without ".part" is whole. Where the card names no
    revision, what changes on the hub between two tries would be mixed: remove the ".part" to begin anew.

    Raises:
        UsageError: the benchmark is not on the hub, or the hub does not give it.
        MissingExtraError: the package `datasets` is not installed.

    """
    hub = benchmark.meta.hub
    if hub is None:
        raise UsageError(f"{benchmark.name} cannot be fetched from the hub: get it from {benchmark.meta.source}")
    try:
        datasets: Any = import_module("datasets")
    except ImportError as error:
        raise MissingExtraError(f"fetching {benchmark.name}", extra="datasets") from error
    files: list[Path] = []
    for configuration, split in product(hub.configurations or ("",), hub.splits):
        target = folder / f"{configuration or 'default'}-{split}.jsonl"
        files.append(target)
        if target.exists():
            continue
        try:
            with _quiet(datasets):
                _write(
                    _rows(datasets, hub, configuration, split), target, what=f"{benchmark.name} {configuration}".strip()
                )
        except (OSError, ValueError, RuntimeError) as error:
            raise UsageError(
                f"cannot fetch {benchmark.name} from {hub.repository} ({without_folders(one_line(error))[:300]}): "
                f"try again (what is there is kept), or get it from {benchmark.meta.source}"
            ) from error
    return tuple(files)


def _rows(datasets: Any, hub: Hub, configuration: str, split: str) -> Any:
    """The stream of rows; only the files of this split are read, and nothing is decoded."""
    stream = datasets.load_dataset(
        hub.repository, configuration or None, split=split, revision=hub.revision, streaming=True
    )
    return stream.decode(False)


@contextmanager
def _quiet(datasets: Any) -> Generator[None]:
    """Without the package's own bars beside ours."""
    shown = datasets.are_progress_bars_disabled() is False
    datasets.disable_progress_bars()
    try:
        yield
    finally:
        if shown:
            datasets.enable_progress_bars()


def _write(rows: Any, target: Path, *, what: str) -> None:
    folder = target.parent
    (folder / IMAGES).mkdir(parents=True, exist_ok=True)
    part = target.with_name(f"{target.name}.part")
    done = _whole_lines(part)
    splits: Mapping[str, Any] = rows.info.splits or {}
    total = splits[str(rows.split)].num_examples if str(rows.split) in splits else None

    def keep(data: bytes, name: str) -> str:
        return _keep(folder, data, name)

    with progress_bar(what, total) as bar, part.open("a", encoding="utf-8") as file:
        for _ in range(done):
            bar.advance()
        for row in rows.skip(done):
            file.write(json.dumps(_plain(row, keep), ensure_ascii=False, allow_nan=False, default=str) + "\n")
            file.flush()
            bar.advance()
    part.replace(target)


def _whole_lines(part: Path) -> int:
    """How many rows were written before; a last one that was cut is removed."""
    if not part.exists():
        return 0
    data = part.read_bytes()
    whole = data[: data.rfind(b"\n") + 1]
    if whole != data:
        part.write_bytes(whole)
    return whole.count(b"\n")


def _plain(value: Any, keep: Keep) -> Any:
    """A value as JSON can hold it: images as paths, dates as text, NaN as null."""
    if isinstance(value, bytes):
        return keep(value, "")
    if isinstance(value, Mapping):
        fields = cast(Mapping[str, Any], value)
        if set(fields) == {"bytes", "path"}:
            return _image(fields["bytes"], fields["path"], keep)
        return {name: _plain(one, keep) for name, one in fields.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_plain(one, keep) for one in cast(Sequence[Any], value)]
    if isinstance(value, float) and math.isnan(value):
        return None
    return value.isoformat() if isinstance(value, date) else value


def _image(data: bytes | None, name: str | None, keep: Keep) -> str | None:
    """The path of an image that is not decoded; its bytes are in the row, or in a file beside the rows."""
    if data is None and name:
        files: Any = import_module("fsspec")  # which the package itself opens them with
        with files.open(name, "rb") as file:
            data = cast(bytes, file.read())
    return None if data is None else keep(data, name or "")


def _keep(folder: Path, data: bytes, name: str) -> str:
    """Write an image once, whole or not at all."""
    path = folder / IMAGES / f"{sha256(data).hexdigest()[:16]}{_extension(data, name)}"
    if not path.exists():
        part = path.with_name(f"{path.name}.part")
        part.write_bytes(data)
        part.replace(path)
    return f"{IMAGES}/{path.name}"


def _extension(data: bytes, name: str) -> str:
    """By what the bytes are, else by the name that they came with."""
    from PIL import Image

    try:
        with Image.open(io.BytesIO(data)) as image:
            return _EXTENSIONS.get(image.format or "", Path(name).suffix or ".bin")
    except (OSError, Image.DecompressionBombError):
        return Path(name).suffix or ".bin"
