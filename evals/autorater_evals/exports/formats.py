"""Every format by its name: how its rows are made, read and written, and how its images may be given."""

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass, field
from difflib import get_close_matches
from functools import partial
from pathlib import Path
from typing import Literal, TypeAlias

from autorater.errors import UsageError
from autorater_evals.exports import internvl, preference, reward, sharegpt, trl, webdataset
from autorater_evals.exports.llava import llava_row
from autorater_evals.exports.openai_chat import openai_row, read_openai
from autorater_evals.exports.pairs import KINDS, Kind, Pair, pairs_of
from autorater_evals.exports.shelf import Mode, Shelf
from autorater_evals.exports.shown import Row, Shown
from autorater_evals.trainset import Example

Writing: TypeAlias = Literal["jsonl", "json", "parquet", "tar"]
Pairs: TypeAlias = Iterator[tuple[Example, Row]]


@dataclass(frozen=True)
class Told:
    """What the rows of one split are made with. `skipped` counts, in words, what makes no row."""

    shelf: Shelf
    kinds: Collection[Kind] = KINDS
    skipped: Counter[str] = field(default_factory=Counter[str])


@dataclass(frozen=True)
class Format:
    """One format. `modes` are how it can give images, its default first."""

    name: str
    trainer: str
    writing: Writing
    modes: tuple[Mode, ...]
    rows: Callable[[Iterable[Example], Told], Pairs]
    read: Callable[[Row], Shown] | None
    """A row's training fields; None of reward-model pairs, whose rows hold no conversation."""
    with_system: bool = False
    """Whether the system text begins the user's turn."""
    answers: tuple[str, ...] = ("completion",)
    """Of parquet: the columns of the answers."""
    described: Callable[[str, dict[str, int]], dict[str, Row]] | None = None
    """Files beside the rows: (name, split → rows) → file name → content."""

    @property
    def pairs(self) -> bool:
        """Whether `rejected` answers are exported."""
        return self.name.endswith("-dpo") and self.name != "ms-swift-image-dpo"


def _one_each(row: Callable[[Example, Shelf], Row], examples: Iterable[Example], told: Told) -> Pairs:
    return ((example, row(example, told.shelf)) for example in examples)


def _numbered(row: Callable[..., Row], examples: Iterable[Example], told: Told) -> Pairs:
    return ((example, row(example, told.shelf, number=number)) for number, example in enumerate(examples))


def _paired(row: Callable[[Example, Pair, Shelf], Row], examples: Iterable[Example], told: Told) -> Pairs:
    for example in examples:
        for pair in pairs_of(example, told.kinds, told.skipped):
            yield example, row(example, pair, told.shelf)


def _image_pairs(examples: Iterable[Example], told: Told) -> Pairs:
    for example in examples:
        row = preference.swift_image_pair(example, told.shelf, told.skipped)
        if row is not None:
            yield example, row


def _reward_pairs(examples: Iterable[Example], told: Told) -> Pairs:
    return _one_each(reward.reward_row, reward.decided(examples, told.skipped), told)


def _info(name: str, splits: dict[str, int]) -> dict[str, Row]:
    return {"dataset_info.json": sharegpt.dataset_info(name, splits)}


def _pair_info(name: str, splits: dict[str, int]) -> dict[str, Row]:
    return {"dataset_info.json": preference.pair_info(name, splits)}


def _meta(name: str, splits: dict[str, int]) -> dict[str, Row]:
    return {f"meta_{split}.json": internvl.internvl_meta(name, split, rows) for split, rows in splits.items()}


_TABLE: tuple[Mode, ...] = ("embedded", "path", "hash")
_FILES: tuple[Mode, ...] = ("path", "hash")
_ANY: tuple[Mode, ...] = ("path", "embedded", "hash")
_sft = partial(_one_each, sharegpt.sharegpt_row)
_ALL = (
    Format("trl", "TRL 1.16, SFTTrainer", "parquet", _TABLE, partial(_one_each, trl.trl_row), trl.read_trl),
    Format(
        "trl-dpo",
        "TRL 1.16, DPOTrainer",
        "parquet",
        _TABLE,
        partial(_paired, preference.trl_pair),
        preference.read_trl_pair,
        answers=("chosen", "rejected"),
    ),
    Format("llamafactory", "LLaMA-Factory 0.9.5, SFT", "jsonl", _FILES, _sft, sharegpt.read_sharegpt, described=_info),
    Format(
        "llamafactory-dpo",
        "LLaMA-Factory 0.9.5, DPO, ORPO and SimPO",
        "jsonl",
        _FILES,
        partial(_paired, preference.llamafactory_pair),
        preference.read_llamafactory_pair,
        described=_pair_info,
    ),
    Format("ms-swift", "ms-swift 4.6.0, SFT", "jsonl", _ANY, _sft, sharegpt.read_sharegpt, described=_info),
    Format(
        "ms-swift-dpo",
        "ms-swift 4.6.0, DPO and ORPO",
        "jsonl",
        _ANY,
        partial(_paired, preference.swift_pair),
        preference.read_swift_pair,
    ),
    Format(
        "ms-swift-image-dpo",
        "ms-swift 4.6.0, DPO on images",
        "jsonl",
        _ANY,
        _image_pairs,
        preference.read_swift_image_pair,
    ),
    Format(
        "internvl",
        "InternVL, SFT",
        "jsonl",
        _FILES,
        partial(_numbered, internvl.internvl_row),
        internvl.read_internvl,
        with_system=True,
        described=_meta,
    ),
    Format(
        "internvl-dpo",
        "InternVL, MPO",
        "jsonl",
        _FILES,
        partial(_paired, preference.internvl_pair),
        preference.read_internvl_pair,
        with_system=True,
        described=_meta,
    ),
    Format("llava", "LLaVA", "json", _FILES, partial(_one_each, llava_row), internvl.read_internvl, with_system=True),
    Format(
        "openai",
        "chat services",
        "jsonl",
        ("embedded", "path", "hash"),
        partial(_one_each, openai_row),
        read_openai,
    ),
    Format(
        "webdataset",
        "streaming loaders",
        "tar",
        ("embedded",),
        partial(_numbered, webdataset.webdataset_row),
        webdataset.read_webdataset,
    ),
    Format("reward", "pairwise reward models", "jsonl", _ANY, _reward_pairs, None),
)
FORMATS = {each.name: each for each in _ALL}


def get_format(name: str) -> Format:
    """The format of this name. Raises UsageError when there is none."""
    if name not in FORMATS:
        near = get_close_matches(name, FORMATS, n=1)
        hint = f"did you mean {near[0]!r}? " if near else ""
        raise UsageError(f"no format is called {name!r}; {hint}known: {', '.join(sorted(FORMATS))}")
    return FORMATS[name]


def file_of(found: Format, folder: Path, split: str) -> Path:
    """The file of a split; of WebDataset the first shard."""
    suffix = {"jsonl": ".jsonl", "json": ".json", "parquet": ".parquet", "tar": "-000000.tar"}[found.writing]
    return folder / f"{split}{suffix}"
