"""Labelled data for reward heads: read, checked for permission, and split."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from autorater.canonical import Record, digest_of
from autorater.errors import UsageError
from autorater_evals.benchmark import Benchmark, get_benchmark
from autorater_evals.heads.examples import Example, Labelled, halve, read_examples
from autorater_evals.heads.settings import Settings
from autorater_evals.heads.splitting import components, hash_images, hold_out
from autorater_evals.item import Item
from autorater_evals.seen import Fit, FittedOn, describe_training

PARTS = (("training", False), ("held-out", True))


class SplitTold(Record):
    """`split.json` of a trained head."""

    trained_on: FittedOn
    held_out: tuple[str, ...]
    """Ids of the items that were never trained on."""


@dataclass(frozen=True)
class Data:
    """Labelled items, split."""

    benchmark: Benchmark
    folder: Path
    items: tuple[Item, ...]
    hashes: Mapping[str, str]
    """Path of an image below `folder` → sha256 of its bytes."""
    groups: tuple[str, ...]
    """The component of each item."""
    out: tuple[bool, ...]
    """Whether each item is held out."""
    digest: str
    research: bool = False
    """Whether the data are for research only, and the caller said to train for nothing else."""

    def labelled(self, dimension: str, settings: Settings) -> tuple[Labelled, Labelled]:
        """The examples to train on and those held out."""
        both = list(zip(self.items, self.out, strict=True))
        parts = {name: [item for item, gone in both if gone is held] for name, held in PARTS}
        train, held = (
            read_examples(
                items, dimension=dimension, loss=settings.loss, folder=self.folder, seed=settings.seed, part=name
            )
            for name, items in parts.items()
        )
        return halve(train, held) if settings.loss == "ce" else (train, held)

    def split(self, trained: Iterable[Example], *, base: FittedOn | None = None) -> SplitTold:
        """What was seen in training and what was not, for whoever evaluates the head elsewhere.

        `base` is what the base was trained on before, where it says so.
        """
        by_path = self._by_path()
        looks = {look for example in trained for look in example.looks}
        prompts = [] if self.benchmark.meta.shared_prompt else [look.prompt for look in looks]
        return SplitTold(
            trained_on=describe_training(
                self.benchmark.name, [by_path[look.image] for look in looks], prompts, base=base
            ),
            held_out=tuple(item.id for item, gone in zip(self.items, self.out, strict=True) if gone),
        )

    def met(self, examples: Iterable[Example], base: FittedOn | None) -> int:
        """How many examples have a picture or the prompt in what the base was trained on before."""
        if base is None:
            return 0
        by_path, fit = self._by_path(), Fit.of(base)
        return sum(any(fit.knows(look.prompt, [by_path[look.image]]) for look in one.looks) for one in examples)

    def _by_path(self) -> dict[Path, str]:
        """File → sha256."""
        return {self.folder / path: sha256 for path, sha256 in self.hashes.items()}

    def component_of(self, examples: Sequence[Example]) -> list[str]:
        """The component of each example."""
        known = {item.cluster: group for item, group in zip(self.items, self.groups, strict=True)}
        return [known[example.cluster] for example in examples]


def read_data(
    data: str, *, folder: Path | None, settings: Settings, any_count: bool = False, research: bool = False
) -> Data:
    """The items of a benchmark (`folder` has its data), or of a .jsonl file, split by components.

    `research` says that what is trained is for research only, which some data ask for.

    Raises:
        UsageError: no such data, they may not be trained on, or they cannot be split.

    """
    name, place = ("jsonl", Path(data)) if folder is None else (data, folder)
    if folder is None and not data.endswith((".jsonl", ".jsonl.gz")):
        raise UsageError(f"expected a .jsonl file, or a benchmark with --data DIR, got {data!r}")
    benchmark = get_benchmark(name)
    used = benchmark.permit(research=research)
    if any(one.better == "lower" for part in benchmark.meta.parts for one in part.dimensions):
        raise UsageError(f"{name} has dimensions in which lower is better, which reward heads do not learn")
    loaded = benchmark.load(place, any_count=any_count)
    items = tuple(item for part in loaded.items.values() for item in part if item.questions is None)
    if not items:
        raise UsageError(f"{name} has neither preferences nor opinions: choose other data")
    where = place if place.is_dir() else place.parent
    hashes = hash_images(items, folder=where)
    groups = components(items, hashes, folder=where, shared_prompt=benchmark.meta.shared_prompt)
    out = hold_out(groups, share=settings.held_out, seed=settings.seed)
    digest = digest_of({"items": loaded.digest, "images": hashes})
    return Data(benchmark, where, items, hashes, tuple(groups), tuple(out), digest, research=used)
