"""Look at data before anything is judged: counts of a benchmark, every wrong line of one's own file."""

from pathlib import Path

from autorater.canonical import Record
from autorater.errors import AutoRaterError, one_line
from autorater.image import open_picture
from autorater_evals.benchmark import get_benchmark


class Checked(Record):
    """What was found. `problems` are lines for a person, each with file, place and what to do."""

    benchmark: str
    counts: dict[str, dict[str, int]] = {}
    registered: dict[str, dict[str, int]] = {}
    complete: bool = False
    images_there: int = 0
    images_missing: int = 0
    problems: tuple[str, ...] = ()
    licence: str = ""
    training_allowed: bool = False


def check_data(name: str, data: Path | None, *, images: bool) -> Checked:
    """Load and count a benchmark, or one's own file (`name` is its path), whose images are opened.

    `images`: open every image of a benchmark too.

    Raises UsageError when there is no such benchmark or file.
    """
    if data is None:
        data, name = Path(name), "jsonl"
    benchmark = get_benchmark(name)
    problems: list[str] = []
    if name == "jsonl":
        from autorater_evals.benchmarks.jsonl import validate

        problems += [problem.text for problem in validate(data, images=True)]  # all of it is the user's to mend
    registered = {part.name: dict(part.expect) for part in benchmark.meta.parts}
    found = Checked(
        benchmark=name,
        registered=registered,
        licence=benchmark.meta.licence,
        training_allowed=benchmark.meta.training_allowed,
    )
    try:
        loaded = benchmark.load(data, any_count=True)
    except AutoRaterError as error:
        return found.model_copy(update={"problems": tuple(problems or [one_line(error)])})
    if name != "jsonl":
        try:
            benchmark.load(data)
        except AutoRaterError as error:
            problems.append(one_line(error))
    folder = data if data.is_dir() else data.parent
    wanted = {path for items in loaded.items.values() for item in items for path in (*item.images, *item.sources)}
    missing = sorted(path for path in wanted if not (folder / path).is_file())
    if images and name != "jsonl":
        for path in sorted(wanted - set(missing)):
            try:
                open_picture(folder / path, name=path).rgb()
            except AutoRaterError as error:
                problems.append(one_line(error))
    return found.model_copy(
        update={
            "counts": {part: dict(counts) for part, counts in loaded.counts.items()},
            "complete": loaded.complete,
            "images_there": len(wanted) - len(missing),
            "images_missing": len(missing),
            "problems": tuple(problems),
        }
    )
