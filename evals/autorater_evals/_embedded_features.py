"""What the shipped specialists read of each picture, in the form that the fit needs; kept on disk between runs."""

import io
import os
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import platformdirs
import torch
from numpy.typing import NDArray

from autorater.assessment import Measured
from autorater.cache import code_digest
from autorater.canonical import digest_of
from autorater.card import find_cards
from autorater.errors import MissingExtraError
from autorater.image import ImageSource, Picture, open_picture
from autorater.progress import progress_bar
from autorater.toolbox import View, load_specialist
from autorater_evals.statistics.resampling import Array
from autorater_tools.generated_quality import GeneratedQuality

PLAIN = ("niqe", "brisque")
MATCHES = ("prompt_match", "concept_match")
"""The quantities of `content_labels` that enter the model."""


@dataclass(frozen=True)
class Read:
    """One picture. `statistics`: (5, 1568) float32. `plain`: NIQE and BRISQUE; `matches`: prompt → quantity → value."""

    statistics: NDArray[np.float32]
    plain: Mapping[str, float]
    matches: Mapping[str, Mapping[str, float]]


class Reader:
    """Reads pictures through the shipped specialists. `folder` keeps what was read; default: the user's cache."""

    def __init__(self, folder: Path | None = None) -> None:
        self.folder = folder or Path(platformdirs.user_cache_dir("autorater")) / "embedded"
        cards = find_cards()
        names = ("generated_quality", *PLAIN, "content_labels")
        for name in names:
            if missing := cards[name].missing():
                raise MissingExtraError(f"the fit (missing: {', '.join(missing)})", extra=cards[name].meta.extra)
        # The heads are not read, so their card may change without new statistics.
        self.code = digest_of([code_digest("autorater_tools"), *(cards[name].digest for name in names[1:])])
        self.heads = GeneratedQuality()
        self.specialists = {name: load_specialist(cards[name]) for name in names[1:]}

    def read_all(self, views: Sequence[tuple[ImageSource, Sequence[str]]], *, what: str) -> list[Read]:
        """Each picture with each of its prompts, with a progress bar."""

        def one(view: tuple[ImageSource, Sequence[str]]) -> Read:
            return self.read(open_picture(view[0]), view[1])

        found: list[Read] = []
        torch.set_num_threads(1)  # pictures side by side are faster than one picture on several cores
        with progress_bar(what, len(views)) as bar, ThreadPoolExecutor(os.cpu_count()) as pool:
            for read in pool.map(one, views):
                found.append(read)
                bar.advance()
        return found

    def read(self, picture: Picture, prompts: Sequence[str]) -> Read:
        """One picture with each of the prompts; from the folder when it was read before with the same code."""
        name = digest_of({"picture": picture.sha256, "code": self.code, "prompts": list(prompts)})
        path = self.folder / f"{name}.npz"
        if path.is_file():
            with np.load(path) as stored:
                return _unpack(stored["statistics"], stored["plain"], stored["matches"], prompts)
        plain = np.array([self._values(name, View(picture)).get(name, np.nan) for name in PLAIN])
        matched = [self._values("content_labels", View(picture, prompt)) for prompt in prompts]
        matches = np.array([[values.get(name, np.nan) for name in MATCHES] for values in matched])
        statistics = self.heads.look(picture)
        self.folder.mkdir(parents=True, exist_ok=True)
        buffer = io.BytesIO()
        np.savez(buffer, statistics=statistics, plain=plain, matches=matches)
        path.write_bytes(buffer.getvalue())
        return _unpack(statistics, plain, matches, prompts)

    def readings(self, read: Read, prompt: str | None) -> dict[str, float]:
        """What the judge is given: `specialist.quantity` → value, by the heads as they are shipped."""
        values = {f"generated_quality.{name}": value for name, value in self.heads.rate(read.statistics).items()}
        values |= {f"{name}.{name}": value for name, value in read.plain.items()}
        if prompt is not None:
            values |= {f"content_labels.{name}": value for name, value in read.matches[prompt].items()}
        return {name: value for name, value in values.items() if not np.isnan(value)}

    def _values(self, name: str, view: View) -> dict[str, float]:
        outcome = self.specialists[name]([view])[0]
        return {item.quantity: item.value for item in outcome.readings} if isinstance(outcome, Measured) else {}


def _unpack(statistics: NDArray[np.float32], plain: Array, matches: Array, prompts: Sequence[str]) -> Read:
    return Read(
        statistics,
        dict(zip(PLAIN, plain.tolist(), strict=True)),
        {prompt: dict(zip(MATCHES, row.tolist(), strict=True)) for prompt, row in zip(prompts, matches, strict=True)},
    )
