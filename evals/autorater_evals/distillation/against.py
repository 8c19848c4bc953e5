"""The index of benchmarks that a student will be measured on: digests of their prompts and images."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations
from pathlib import Path

from autorater.canonical import digest
from autorater.errors import UsageError
from autorater_evals.benchmark import Loaded, find_benchmarks, get_benchmark
from autorater_evals.distillation.plan import Index
from autorater_evals.distillation.prompts import prompt_digest
from autorater_evals.distillation.source import Source

OWN = "jsonl"
"""What reads any data in the layout of one's own; only tried where no other benchmark reads a folder."""


def index_folders(words: Sequence[str], *, source: Source | None = None) -> tuple[Index, ...]:
    """One index for each benchmark that `words` lead to: NAME=DIR, or DIR alone.

    DIR alone, and each folder directly in it, every registered benchmark tries to read; a folder that another word
    names is left to that word. What is distilled (`source`) is not held against itself.

    Raises UsageError when a benchmark cannot read the folder that it is named with, none reads anything in a DIR, or
    two of them read the very same there.
    """
    told = [_told(word) for word in words]
    named = {folder.resolve() for name, folder in told if name}
    found: dict[str, Index] = {}
    for name, folder in told:
        reads = {name: get_benchmark(name).load(folder, any_count=True)} if name else None
        for place, loaded in [(folder, reads)] if reads else _all_that_read(folder, named):
            for one, data in loaded.items():
                if source is None or not _is_source(one, data, source):
                    found[one] = _joined(found.get(one), _index(one, data, place))
        if name in found and not _holds(found[name]):
            raise UsageError(
                f"--against: {name} at {str(folder)!r} has neither prompts nor images to compare with: "
                f"put its images there; {get_benchmark(name).where()}"
            )
    return tuple(one for one in found.values() if _holds(one))


def _holds(index: Index) -> bool:
    """Whether there is anything to compare with: labels alone, without prompts and images, are no check."""
    return bool(index.prompts or index.images)


def _told(word: str) -> tuple[str, Path]:
    """(name, folder); the name is "" where the word is a folder alone."""
    name, sign, folder = word.partition("=")
    return (name, Path(folder)) if sign and not Path(word).exists() else ("", Path(word))


def _all_that_read(folder: Path, named: set[Path]) -> Iterator[tuple[Path, Mapping[str, Loaded]]]:
    """(Folder, benchmark → its items) of the folder and of those directly in it, where there is any."""
    if not folder.exists():
        raise UsageError(f"--against: there is no folder {str(folder)!r}")
    try:
        inner = sorted(one for one in folder.iterdir() if one.is_dir()) if folder.is_dir() else []
    except OSError as error:
        raise UsageError(f"--against: {str(folder)!r} cannot be read ({error.strerror})") from error
    some = False
    for place in (folder, *inner):
        if place.resolve() in named:
            some = True
        elif loaded := _readers(place):
            some = True
            yield place, loaded
    if not some:
        raise UsageError(
            f"--against: no registered benchmark reads {str(folder)!r} or a folder in it: name it, as in "
            f"genai-bench={folder.name}, to be told what it lacks"
        )


def _readers(place: Path) -> dict[str, Loaded]:
    found: dict[str, Loaded] = {}
    for name in [*(one for one in find_benchmarks() if one != OWN), OWN]:
        if name == OWN and found:
            break
        try:
            found[name] = get_benchmark(name).load(place, any_count=True)
        except (UsageError, OSError):  # not this benchmark's files, or none that may be read
            continue
    for one, other in combinations(found, 2):
        if found[one].items == found[other].items:
            raise UsageError(
                f"--against: {str(place)!r} may be {one} or {other}, which read the same there: say which besides, "
                f"as in --against {one}={place}"
            )
    return found


def _is_source(name: str, loaded: Loaded, source: Source) -> bool:
    """Whether data are what is distilled: the benchmark of the same name, or one's own file with all of its items."""
    if name != source.origin.benchmark:
        return False
    there = {item.model_dump_json() for items in loaded.items.values() for item in items} if name == OWN else set[str]()
    return name != OWN or all(item.model_dump_json() in there for item in source.items)


def _index(name: str, loaded: Loaded, data: Path) -> Index:
    folder = data if data.is_dir() else data.parent
    items = [item for items in loaded.items.values() for item in items]
    paths = sorted({path for item in items for path in (*item.images, *item.sources)})
    there = [path for path in paths if (folder / path).is_file()]
    prompts = set[str]() if get_benchmark(name).meta.shared_prompt else {item.prompt for item in items}
    return Index(
        benchmark=name,
        prompts=tuple(sorted({prompt_digest(prompt) for prompt in prompts if prompt.strip()})),
        images=tuple(sorted({digest((folder / path).read_bytes()) for path in there})),
        missing=len(paths) - len(there),
        complete=loaded.complete,
    )


def _joined(one: Index | None, other: Index) -> Index:
    """Two parts of one benchmark, from two folders."""
    if one is None:
        return other
    return Index(
        benchmark=one.benchmark,
        prompts=tuple(sorted({*one.prompts, *other.prompts})),
        images=tuple(sorted({*one.images, *other.images})),
        missing=one.missing + other.missing,
        complete=one.complete or other.complete,
    )
