"""The index of benchmarks that a student will be measured on: digests of their prompts and images."""

from collections.abc import Sequence
from pathlib import Path

from autorater.canonical import digest
from autorater.errors import UsageError
from autorater_evals.benchmark import Loaded, find_benchmarks, get_benchmark
from autorater_evals.distillation.plan import Index
from autorater_evals.distillation.prompts import prompt_digest


def index_folders(words: Sequence[str]) -> tuple[Index, ...]:
    """One index for each word: NAME=DIR, or DIR alone, which every registered benchmark then tries to read.

    Raises UsageError when a benchmark cannot read its folder, or none can.
    """
    found: list[Index] = []
    for word in words:
        name, sign, place = word.partition("=")
        if sign:
            loaded = get_benchmark(name).load(Path(place), any_count=True)
            found.append(_index(name, loaded, Path(place)))
        else:
            found.extend(_all_that_read(Path(word)))
    return tuple(found)


def _all_that_read(folder: Path) -> list[Index]:
    if not folder.exists():
        raise UsageError(f"--against: there is no folder {str(folder)!r}")
    found: list[Index] = []
    for name, benchmark in find_benchmarks().items():
        try:
            found.append(_index(name, benchmark.load(folder, any_count=True), folder))
        except UsageError:  # not this benchmark's files
            continue
    if not found:
        raise UsageError(
            f"--against: no registered benchmark reads {str(folder)!r}: name it, as in genai-bench={folder.name}, "
            "to be told what it lacks"
        )
    return found


def _index(name: str, loaded: Loaded, data: Path) -> Index:
    folder = data if data.is_dir() else data.parent
    items = [item for items in loaded.items.values() for item in items]
    paths = sorted({path for item in items for path in (*item.images, *item.sources)})
    there = [path for path in paths if (folder / path).is_file()]
    return Index(
        benchmark=name,
        prompts=tuple(sorted({prompt_digest(item.prompt) for item in items if item.prompt.strip()})),
        images=tuple(sorted({digest((folder / path).read_bytes()) for path in there})),
        missing=len(paths) - len(there),
    )
