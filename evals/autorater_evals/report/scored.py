"""A run with its figures and with a name, as every part of the report takes it."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from types import TracebackType

from autorater.errors import RecordError, UsageError
from autorater.events import Drawn, Judged, PictureRecord, Requested
from autorater.image import Picture
from autorater.judgment import Judgment
from autorater.runlog import RunLog
from autorater_evals.benchmark import Dimension, Part
from autorater_evals.evaluation import Evaluation
from autorater_evals.item import Item
from autorater_evals.recorded import Evaluated, open_run


@dataclass(frozen=True)
class Scored:
    """One evaluated run. `name` says who judged and is unique among the runs of one benchmark that are shown."""

    name: str
    run: Evaluated
    evaluation: Evaluation

    @property
    def benchmark(self) -> str:
        """The benchmark's name."""
        return self.run.header.benchmark

    @cached_property
    def parts(self) -> Mapping[str, Part]:
        """Part → what its card says."""
        return {part.name: part for part in self.run.header.parts}

    @cached_property
    def known(self) -> Mapping[str, tuple[Dimension, ...]]:
        """Part → its dimensions: the card's, and others that the labels have."""
        from autorater_evals.scoring.scorer import dimensions_of

        return {name: dimensions_of(part, self.run.part(name)) for name, part in self.parts.items()}

    def dimensions(self, item: Item) -> tuple[Dimension, ...]:
        """What people judged of this item, in the order of the card."""
        labelled = {**item.opinions, **item.preferences}
        return tuple(one for one in self.known[item.part] if one.name in labelled)


def open_scored(folders: Sequence[Path]) -> tuple[Scored, ...]:
    """Read and score runs.

    Raises:
        UsageError: no run is given, one is given twice, or two runs of one benchmark have other items or labels.
        RecordError: a folder holds no evaluated run, or it is damaged.

    """
    from autorater_evals.scoring import score

    if not folders:
        raise UsageError("expected at least one evaluated run: give the folders that --log named")
    if len({folder.resolve() for folder in folders}) < len(folders):
        raise UsageError("a run is given twice: give each once")
    runs = [open_run(folder) for folder in folders]
    return name_runs(runs, [score(run) for run in runs])


def name_runs(runs: Sequence[Evaluated], evaluations: Sequence[Evaluation]) -> tuple[Scored, ...]:
    """Runs by their judge's words; where two on one benchmark share them, with the name of the folder."""
    said = [(run.header.benchmark, evaluation.judge) for run, evaluation in zip(runs, evaluations, strict=True)]
    often = Counter(said)
    named = [
        Scored(key[1] if often[key] == 1 else f"{key[1]} ({run.folder.resolve().name})", run, evaluation)
        for key, run, evaluation in zip(said, runs, evaluations, strict=True)
    ]
    again = Counter((one.benchmark, one.name) for one in named)
    found = [
        one if again[one.benchmark, one.name] == 1 else Scored(f"{one.name} [{place}]", one.run, one.evaluation)
        for place, one in enumerate(named, 1)
    ]
    _check_items(found)
    return tuple(found)


def by_benchmark(runs: Sequence[Scored]) -> dict[str, list[Scored]]:
    """Benchmark → its runs, both in the order in which the runs are given."""
    found: dict[str, list[Scored]] = {}
    for run in runs:
        found.setdefault(run.benchmark, []).append(run)
    return found


def all_items(runs: Sequence[Scored]) -> dict[str, Item]:
    """The items of runs of one benchmark by id: those of the first run, then those that only later runs have."""
    found: dict[str, Item] = {}
    for run in runs:
        for name, item in run.run.items.items():
            found.setdefault(name, item)
    return found


def _check_items(runs: Sequence[Scored]) -> None:
    for benchmark, some in by_benchmark(runs).items():
        items = all_items(some)
        for run in some:
            other = next((name for name, item in run.run.items.items() if items[name] != item), None)
            if other is not None:
                raise UsageError(
                    f"two runs of {benchmark} have different items or labels (the first is {other!r} of "
                    f"{run.run.folder.name!r}): report them apart, or evaluate both on the same data"
                )


class Recording:
    """The judgments and pictures of a run, found by item; nothing but where they stand is held in memory.

    Raises:
        RecordError: the log is missing or damaged.

    """

    def __init__(self, run: Evaluated) -> None:
        self._log = RunLog(run.folder)
        self._keys: dict[str, str] = {}
        self._pictures: dict[str, PictureRecord] = {}
        try:
            for line in self._log.lines("requested"):
                asked = Requested.model_validate_json(line)
                if self._log.has("judged", asked.key):
                    self._keys[asked.id] = asked.key
                self._pictures |= {picture.sha256: picture for picture in (*asked.candidates, *asked.sources)}
            for line in self._log.lines("drawn"):
                drawn = Drawn.model_validate_json(line).picture
                if drawn is not None:
                    self._pictures[drawn.sha256] = drawn
        except ValueError as error:
            self._log.close()
            raise RecordError(f"events.jsonl of {run.folder.name!r} is damaged: {error}") from error

    def judgment(self, item: str) -> Judgment | None:
        """The last judgment of this item, or None."""
        key = self._keys.get(item)
        found = self._log.find(Judged, key) if key else None
        return found.judgment if found else None

    def judgments(self, items: Sequence[str]) -> Iterator[Judgment | None]:
        """The judgment of each item, in their order."""
        return (self.judgment(item) for item in items)

    def picture(self, sha256: str) -> Picture | None:
        """A recorded picture, or None."""
        record = self._pictures.get(sha256)
        return self._log.picture(record) if record else None

    def __enter__(self) -> "Recording":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._log.close()
