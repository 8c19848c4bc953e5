"""What the embedded judge is fitted on: the rated pictures of avt-ai-images, the photographs' scale of biq2021."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from autorater.canonical import digest
from autorater.errors import UsageError
from autorater_evals.statistics.resampling import Array

DIMENSIONS = ("appeal", "realism", "prompt_matching", "quality")
_RATED = {
    "appeal": "appeal_mean",
    "realism": "realism_mean",
    "prompt_matching": "prompt_matching_mean",
    "quality": "quality_mean_study2",
}
LOWER_IS_BETTER = ("BRISQUE", "NIQE", "ILNIQE")
CLEAR = 0.5
"""Pairs whose human means differ by less are left out: raters hardly agree on them."""

DEVELOPMENT, PHOTOGRAPHS = "avt-ai-images", "biq2021-features"


@dataclass(frozen=True, eq=False)
class Development:
    """Rated pictures. `means`: dimension, and "overall", → human means of 1 to 5, shape (n,)."""

    files: Sequence[Path]
    prompts: NDArray[np.str_]
    prompt_ids: Sequence[str]
    generators: NDArray[np.str_]
    means: Mapping[str, Array]
    published: Mapping[str, Array]
    """Measure → the scores that the data's authors released, higher is better."""
    digest: str
    """The sha256 of the list of items, with which these means come."""

    def __len__(self) -> int:
        return len(self.files)

    @cached_property
    def unique_prompts(self) -> list[str]:
        """The prompts, sorted."""
        return sorted(set(self.prompts.tolist()))

    def pairs(self, dimension: str) -> list[tuple[int, int]]:
        """(better, worse) rows of one prompt whose human means are at least `CLEAR` apart."""
        return self._pairs(dimension, self.prompts)

    def pairs_of_one_generator(self, dimension: str) -> list[tuple[int, int]]:
        """The same among pictures of one generator, across prompts."""
        return self._pairs(dimension, self.generators)

    def _pairs(self, dimension: str, groups: NDArray[np.str_]) -> list[tuple[int, int]]:
        mean, rows = self.means[dimension], range(len(self))
        alike = [(i, j) for i in rows for j in rows if i != j and groups[i] == groups[j]]
        return [(i, j) for i, j in alike if mean[i] - mean[j] >= CLEAR - 1e-9]

    def first(self, count: int) -> "Development":
        """The pictures of the first prompts only; for a quick look."""
        kept = np.isin(self.prompts, self.unique_prompts[:count])
        rows: list[int] = np.flatnonzero(kept).tolist()
        return Development(
            files=[self.files[row] for row in rows],
            prompts=self.prompts[kept],
            prompt_ids=[self.prompt_ids[row] for row in rows],
            generators=self.generators[kept],
            means={name: values[kept] for name, values in self.means.items()},
            published={name: values[kept] for name, values in self.published.items()},
            digest=self.digest,
        )


def read_development(data: Path) -> Development:
    """The rated pictures under `data`. Raises UsageError when they are absent."""
    root = data / DEVELOPMENT
    rows = read_rows(root / "items.jsonl")
    scores = {row["id"]: row["scores"] for row in read_rows(root / "published_iqa_scores.jsonl")}
    means = {name: np.array([float(row["human"][key]) for row in rows]) for name, key in _RATED.items()}
    published = {
        name: np.array([float(scores[row["id"]][name]) for row in rows]) * (-1 if name in LOWER_IS_BETTER else 1)
        for name in scores[rows[0]["id"]]
    }
    return Development(
        files=[root / row["image"] for row in rows],
        prompts=np.array([row["prompt"] for row in rows]),
        prompt_ids=[row["prompt_id"] for row in rows],
        generators=np.array([row["generator"] for row in rows]),
        means={**means, "overall": np.mean(list(means.values()), axis=0)},
        published=published,
        digest=digest((root / "items.jsonl").read_bytes()),
    )


@dataclass(frozen=True)
class PhotographScale:
    """Mean and deviation of each of the 1568 block statistics over photographs, both (1568,)."""

    mean: Array
    deviation: Array
    count: int
    digest: str


def read_photograph_scale(data: Path) -> PhotographScale:
    """The scale of the photographs under `data`. Raises UsageError when they are absent."""
    path = data / PHOTOGRAPHS / "features.npz"
    present(path)
    with np.load(path) as stored:
        features: Array = stored["features"].astype(np.float64)
    return PhotographScale(features.mean(0), features.std(0) + 1e-6, len(features), digest(path.read_bytes()))


def read_rows(path: Path) -> list[dict[str, Any]]:
    """The objects of a JSON-lines file. Raises UsageError when it is absent."""
    present(path)
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def present(path: Path) -> None:
    """Raise UsageError unless the file is there."""
    if not path.is_file():
        name = "/".join(path.parts[-2:])
        raise UsageError(
            f"expected {name} in the data folder, found none: give the folder that holds {path.parent.name} as --data "
            "(evals/README.md says where the data come from)"
        )
