"""A benchmark: a loader, and a card with its licence, its parts, the counts they must have, and published figures.

Each is a module with `load(folder)` and a Markdown card of the same name in `autorater_evals.benchmarks`; adding the
two files adds the benchmark.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import import_module, resources
from pathlib import Path
from typing import Literal, Self, TypeAlias, cast

from pydantic import Field, ValidationError, model_validator

from autorater.canonical import Record, digest_of
from autorater.document import Document, describe_errors, read_document
from autorater.errors import UsageError
from autorater.suggest import did_you_mean
from autorater_evals.item import Item

Kind: TypeAlias = Literal["points", "pairs", "groups", "questions"]
"""One image with a mean opinion; two with a preference; pairs that are right only together; one with questions."""
Training: TypeAlias = Literal["allowed", "research", "forbidden"]
"""Whether a judge may be trained on data. "research" is where the owners state no licence or say research only;
"forbidden" where the licence forbids it or the set exists for evaluation alone."""
Loader: TypeAlias = Callable[[Path], Iterable[Item]]
"""The items of a data folder, in a fixed order. Raises UsageError that names file and line of what is wrong."""


class Dimension(Record):
    """Something that people judged."""

    name: str
    meaning: str
    low: float | None = None
    """Ends of the scale of opinions; null for preferences that come without numbers."""
    high: float | None = None
    better: Literal["higher", "lower"] = "higher"
    reads: tuple[str, ...] = ("overall",)
    """What of a judgment answers to it, the first that is there: "overall" (its score or preference),
    "dimension:NAME" (the embedded judge's predicted mean), or "attribute:NAME" (its level)."""


class Part(Record):
    """One part of a benchmark, with a protocol of its own."""

    name: str
    kind: Kind
    dimensions: tuple[Dimension, ...]
    """Of questions: none."""
    expect: dict[str, int]
    """What must be counted: items, clusters, images, groups, ties, …; see `count`. An empty one is for any number."""
    figures: tuple[str, ...] = ()
    """Headline measures, in order, as the protocol scores them; see `autorater_evals.scoring`."""

    @model_validator(mode="after")
    def _has_dimensions(self) -> Self:
        if bool(self.dimensions) == (self.kind == "questions"):
            raise ValueError("points, pairs and groups have dimensions, and questions have none")
        return self


class Hub(Record):
    """Where a benchmark stands on the Hugging Face hub."""

    repository: str
    configurations: tuple[str, ...] = ()
    """Those that are read; empty for the only one."""
    splits: tuple[str, ...] = Field(min_length=1)
    revision: str | None = None
    """A commit, where one is known."""


class Published(Record):
    """A figure that somebody published, to stand beside ours."""

    part: str
    judge: str
    measure: str
    value: float
    """A share or a coefficient, -1 to 1."""
    dimension: str = "overall"
    source: str


class BenchmarkMeta(Record):
    """The front matter of a benchmark's card."""

    title: str
    source: str
    """Where the data come from."""
    paper: str = ""
    licence: str
    """Of the labels and images, as their owners say."""
    training: Training
    training_note: str
    """Why, in one sentence."""
    shared_prompt: bool = False
    """Whether all items have the same words in place of a prompt: sharing these connects no two items."""
    edit: bool = False
    """Whether there are source images."""
    counts: Literal["exact", "most"] = "exact"
    """Whether data must have the registered counts, or may be a part of them where parts circulate."""
    hub: Hub | None = None
    parts: tuple[Part, ...] = Field(min_length=1)
    published: tuple[Published, ...] = ()

    @property
    def training_allowed(self) -> bool:
        """Whether a judge may be trained on it for any purpose."""
        return self.training == "allowed"


@dataclass(frozen=True)
class Loaded:
    """The items of a data folder, part by part. `complete` says whether all registered counts are met."""

    items: Mapping[str, tuple[Item, ...]]
    counts: Mapping[str, Mapping[str, int]]
    complete: bool

    @property
    def digest(self) -> str:
        """The sha256 of all items and labels."""
        return digest_of([item.model_dump(mode="json") for items in self.items.values() for item in items])


@dataclass(frozen=True)
class Benchmark:
    """A card and its loader."""

    name: str
    card: Document[BenchmarkMeta]
    loader: Loader

    @property
    def meta(self) -> BenchmarkMeta:
        """The front matter of the card."""
        return self.card.meta

    def part(self, name: str) -> Part:
        """The part of this name. Raises UsageError when there is none."""
        parts = {part.name: part for part in self.meta.parts}
        if name not in parts:
            raise UsageError(f"{self.name} has no part {name!r}; {did_you_mean(name, parts)}")
        return parts[name]

    def load(self, folder: Path, *, parts: Sequence[str] = (), any_count: bool = False) -> Loaded:
        """The items of `folder` (`parts`: only these), counted.

        Raises:
            UsageError: files are missing or malformed, two items share an id, or a count differs from the registered
                one and `any_count` does not allow that.

        """
        wanted = [self.part(name) for name in parts] or list(self.meta.parts)
        if not folder.exists():
            raise UsageError(f"no data of {self.name} at {str(folder)!r}: {self.where()}")
        found: dict[str, list[Item]] = {part.name: [] for part in self.meta.parts}
        last = ""
        try:
            for item in self.loader(folder):
                found[item.part].append(item)
                last = f" after {item.id!r}"
        except ValidationError as error:
            raise UsageError(
                f"{self.name} at {str(folder)!r}: the item{last} is not as expected: {describe_errors(error)}; "
                f"`autorater eval describe {self.name}` tells the files that are read"
            ) from error
        items = {part.name: tuple(found[part.name]) for part in wanted}
        _check_ids(self.name, items)
        counts = {part.name: count(items[part.name]) for part in wanted}
        differing = [text for part in wanted for text in _differences(part, counts[part.name], self.meta.counts)]
        if differing and not any_count:
            raise UsageError(
                f"{self.name} at {str(folder)!r} does not have its registered counts ({'; '.join(differing)}): "
                f"get the whole set, {_instead(items)}or say --any-count to evaluate what is there"
            )
        complete = all(counts[part.name].get(name, 0) == want for part in wanted for name, want in part.expect.items())
        return Loaded(items, counts, complete)

    def permit(self, *, research: bool) -> bool:
        """Whether training on it takes an allowance for research, which `research` grants.

        Raises UsageError when a judge may not be trained on it.
        """
        terms = f"{self.meta.training_note} (licence: {self.meta.licence})"
        if self.meta.training == "forbidden":
            raise UsageError(
                f"{self.name} may not be trained on: {terms}; choose data whose card allows it (autorater eval list)"
            )
        if self.meta.training == "research" and not research:
            raise UsageError(
                f"{self.name} may be trained on for research only: {terms}; say --research if you train for nothing "
                "else, or choose data whose card allows more (autorater eval list)"
            )
        return self.meta.training == "research"

    def where(self) -> str:
        """How to get the data, in one sentence."""
        hub = self.meta.hub
        return (
            f"it comes from {self.meta.source}"
            + (f", or with --download from {hub.repository} of the Hugging Face hub" if hub else "")
            + f"; `autorater eval describe {self.name}` tells the files that are read"
        )


def count(items: Iterable[Item]) -> dict[str, int]:
    """What a part holds: items, clusters (prompts), images, sources, groups, ties (in any dimension), questions."""
    listed = list(items)
    found = {
        "items": len(listed),
        "clusters": len({item.cluster for item in listed}),
        "prompts": len({item.prompt for item in listed}),
        "images": len({image for item in listed for image in item.images}),
        "sources": len({image for item in listed for image in item.sources}),
        "groups": len({item.group for item in listed if item.group}),
        "ties": sum(any(one.preferred == "tie" for one in item.preferences.values()) for item in listed),
        "questions": sum(len(item.questions.items) for item in listed if item.questions),
    }
    return {name: number for name, number in found.items() if number or name in ("items", "clusters")}


def _check_ids(name: str, items: Mapping[str, Sequence[Item]]) -> None:
    repeated = [id for id, number in Counter(item.id for part in items.values() for item in part).items() if number > 1]
    if repeated:
        raise UsageError(f"{name}: {len(repeated)} ids stand twice, the first is {repeated[0]!r}: ids must be unique")
    if not any(items.values()):
        raise UsageError(f"{name}: the data hold no item of {', '.join(items)}: check the folder")


def _instead(items: Mapping[str, Sequence[Item]]) -> str:
    """What to ask for where some parts are there and others are not."""
    there = [f"--part {name}" for name, found in items.items() if found]
    return f"ask for what is there ({' '.join(there)}), " if len(there) < len(items) else ""


def _differences(part: Part, counts: Mapping[str, int], allowed: str) -> list[str]:
    if not counts["items"] and part.expect.get("items") and allowed == "exact":
        return [f"{part.name}: {part.expect['items']:,} items expected, none found"]
    return [
        f"{part.name}: {want:,} {name} expected, {counts.get(name, 0):,} found"
        for name, want in part.expect.items()
        if counts.get(name, 0) > want or (counts.get(name, 0) < want and allowed == "exact")
    ]


def benchmark_names() -> dict[str, str]:
    """The name of every benchmark → that of its module and card, sorted. No card is read."""
    files = [file.name for file in resources.files("autorater_evals.benchmarks").iterdir()]
    modules = sorted(name.removesuffix(".md") for name in files if name.endswith(".md"))
    return {module.replace("_", "-"): module for module in modules}


@cache
def find_benchmarks() -> dict[str, Benchmark]:
    """Every benchmark by name, sorted. No loader is imported before it is used."""
    folder = resources.files("autorater_evals.benchmarks")
    found: dict[str, Benchmark] = {}
    for name, module in benchmark_names().items():
        text = (folder / f"{module}.md").read_text(encoding="utf-8")
        found[name] = Benchmark(name, read_document(text, BenchmarkMeta, name=f"{module}.md"), _loader(module))
    return found


def get_benchmark(name: str) -> Benchmark:
    """The benchmark of this name. Raises UsageError that names the nearest."""
    known = find_benchmarks()
    if name not in known:
        raise UsageError(f"no benchmark is called {name!r}; {did_you_mean(name, known)}")
    return known[name]


def _loader(module: str) -> Loader:
    def load(folder: Path) -> Iterable[Item]:
        return cast(Loader, import_module(f"autorater_evals.benchmarks.{module}").load)(folder)

    return load
