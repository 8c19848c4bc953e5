"""Open what is to be distilled: a benchmark, a .jsonl file of one's own, or an evaluated run."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from autorater.errors import ImageError, RecordError, UsageError, one_line, without_folders
from autorater.events import PictureRecord, Requested
from autorater.image import Picture, open_picture
from autorater.runlog import RunLog, record_of
from autorater_evals.benchmark import Benchmark, Part, get_benchmark
from autorater_evals.distillation.labels import Scale, label_of
from autorater_evals.distillation.plan import Origin, Plan, Subject
from autorater_evals.item import Item
from autorater_evals.recorded import NAME as RECORDED
from autorater_evals.recorded import digest_of_items, open_run
from autorater_evals.running import sample

Opener = Callable[[str], Picture]
Keeper = Callable[[Picture], PictureRecord]


@dataclass(frozen=True)
class Source:
    """Labelled items, and how to open their images."""

    origin: Origin
    items: Sequence[Item]
    parts: Mapping[str, Part]
    open: Callable[[Item], Sequence[Picture]]
    """All images of an item, candidates first."""


def open_source(
    data: str,
    *,
    folder: Path | None = None,
    parts: Sequence[str] = (),
    limit: int | None = None,
    research: bool = False,
) -> Source:
    """`data` is a benchmark's name (then `folder` has its files), a .jsonl file, or the folder of an evaluated run.

    `research` says that what is trained is for research only, which some data ask for.

    Raises UsageError when there is no such thing, or its licence forbids training.
    """
    if (Path(data) / RECORDED).is_file():
        return _recorded(Path(data), parts, limit, research)
    if data.endswith((".jsonl", ".jsonl.gz")):
        data, folder = "jsonl", Path(data)
    if data != "jsonl" and Path(data).is_dir():
        raise UsageError(
            f"no evaluated run at {data!r}: expected {RECORDED} in it, as `autorater eval BENCHMARK` writes; "
            "of a benchmark give the name, and the folder as --data"
        )
    found = get_benchmark(data)
    used = found.permit(research=research)
    if folder is None:
        raise UsageError(f"expected --data DIR with the files of {data}: {found.where()}")
    loaded = found.load(folder, parts=parts, any_count=True)
    beside = folder if folder.is_dir() else folder.parent

    def opened(item: Item) -> list[Picture]:
        return [open_picture(beside / path, name=path) for path in (*item.images, *item.sources)]

    return Source(
        origin=_origin(found, data=loaded.digest, limit=limit, research=used),
        items=[item for items in loaded.items.values() for item in sample(items, limit)],
        parts={part.name: part for part in found.meta.parts},
        open=opened,
    )


def _origin(found: Benchmark, *, data: str, limit: int | None, research: bool) -> Origin:
    return Origin(
        benchmark=found.name,
        title=found.meta.title,
        licence=found.meta.licence,
        training=found.meta.training,
        training_note=found.meta.training_note,
        research=research,
        shared_prompt=found.meta.shared_prompt,
        data=data,
        limit=limit,
    )


def _recorded(folder: Path, parts: Sequence[str], limit: int | None, research: bool) -> Source:
    run = open_run(folder)
    found = get_benchmark(run.header.benchmark)
    used = found.permit(research=research)
    if found.meta.training_allowed and not run.header.training_allowed:
        raise UsageError(
            f"the run {str(folder)!r} was recorded when its data might not be trained on (licence: "
            f"{run.header.licence}): give the data instead, {found.name} --data DIR"
        )
    named = {part.name: part for part in run.header.parts}
    if unknown := sorted(set(parts) - set(named)):
        raise UsageError(f"the run {str(folder)!r} has no part {', '.join(unknown)}; it has {', '.join(named)}")
    with RunLog(folder) as log:
        requests = {request.id: request for request in log.requests()}

    def opened(item: Item) -> list[Picture]:
        return list(_pictures(folder, requests.get(item.id)))

    return Source(
        origin=_origin(found, data=digest_of_items(run.items.values()), limit=limit, research=used),
        items=[item for name in parts or named for item in sample(run.part(name), limit)],
        parts=named,
        open=opened,
    )


def _pictures(folder: Path, request: Requested | None) -> Iterator[Picture]:
    if request is None:
        raise ImageError("the run did not record its images")
    for record in (*request.candidates, *request.sources):
        try:
            data = (folder / "blobs" / record.sha256).read_bytes()
        except OSError as error:
            raise RecordError(f"the blob {record.sha256[:12]}… is missing from {str(folder)!r}") from error
        yield open_picture(data, name=f"the recorded image {record.sha256[:12]}")


def check_labels(source: Source, *, plan: Plan, dimension: str = "", scale: Scale | None = None) -> None:
    """Raise UsageError when a scale is needed and not known, or people said nothing of any item."""
    told = [
        label_of(item, source.parts[item.part], dimension=dimension, scale=scale, plan=plan) for item in source.items
    ]
    if not any(told):
        known = sorted({name for item in source.items for name in (*item.opinions, *item.preferences)})
        raise UsageError(
            f"people said nothing of any item in {dimension or 'any dimension'}; "
            f"dimensions of {source.origin.benchmark}: {', '.join(known) or 'none'}"
        )


def subjects_of(
    source: Source,
    *,
    plan: Plan,
    dimension: str = "",
    scale: Scale | None = None,
    keep: Keeper = record_of,
) -> Iterator[Subject]:
    """Every item as a subject, in order; one that cannot be used says why. `keep` stores a picture.

    Raises UsageError when a scale is needed and not known.
    """
    for item in source.items:
        common = partial(
            Subject,
            item=item.id,
            benchmark=source.origin.benchmark,
            task=item.task,
            prompt=item.prompt.strip(),
            cluster=item.cluster,
            questions=item.questions,
        )
        told = label_of(item, source.parts[item.part], dimension=dimension, scale=scale, plan=plan)
        if not item.prompt.strip():
            yield common(problem="it has no prompt")
            continue
        if told is None:
            yield common(problem=f"people said nothing of it in {dimension or 'any dimension'}")
            continue
        try:
            records = [keep(picture) for picture in source.open(item)]
        except ImageError as error:
            yield common(problem=one_line(without_folders(str(error))))
            continue
        name, label, numbers = told
        count = len(item.images)
        if label.preferred in ("a", "b") and records[0].sha256 == records[1].sha256:
            yield common(problem="its two images are the same file, and one of them is preferred")
            continue
        yield common(
            dimension=name,
            label=label,
            numbers=numbers,
            candidates=tuple(records[:count]),
            sources=tuple(records[count:]),
        )
