"""Measures through the package pyiqa (PolyForm Noncommercial): built from a folder of the store, nothing downloaded.

The package keeps its checkpoints where its loader looks, under the names of its Hugging Face repository; networks that
it takes from torchvision lie in `checkpoints/`, those of CLIP in `clip/`. Backbones of timm are not loaded apart: the
checkpoint of the measure holds them, which loading it strictly proves.
"""

import functools
import logging
import warnings
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any
from urllib.parse import ParseResult, unquote, urlparse

import numpy as np
import torch
from torch import Tensor

from autorater.assessment import Declined, Outcome
from autorater.errors import SpecialistError
from autorater.image import Picture
from autorater.toolbox import View
from autorater.vision_ops import allow_torchvision
from autorater_tools._checkpoints import in_batches
from autorater_tools._llama import llama_as_before
from autorater_tools._offline import loading_from, missing, silent
from autorater_tools._pairs import compare
from autorater_tools._pixels import Pixels, measured, pixels_at_most

LONGER_SIDE = 1024
SHORTER_SIDE = 32
BATCH = 8
DIGITS = 5
"""Readings are rounded to so many decimals: beyond them the size of the batch shows."""


def load_metric(
    name: str, *, card: str, weights: Path | None = None, files: Sequence[str] = (), device: str = "cpu", **options: Any
) -> Any:
    """The package's metric `name`, built from `files` in `weights`; a metric without weights needs neither.

    Raises:
        SpecialistError: a file is missing or damaged, or holds other tensors than the metric needs.

    """
    for file in files:
        if weights is None or not (weights / file).is_file():
            raise SpecialistError(f"{file} is not among the weights of {card}: run `autorater tools pull {card}`")
    with building(card, weights):
        return import_module("pyiqa.models.inference_model").InferenceModel(
            name, device=torch.device(device), **options
        )


@contextmanager
def building(card: str, weights: Path | None) -> Generator[None]:
    """While the package builds: its folders are `weights`, it fetches nothing and is silent."""
    allow_torchvision()
    folder = weights or Path("no weights")
    fetch = functools.partial(missing, folder, card)
    with llama_as_before():  # the package imports all of its networks, Q-Align's among them, whatever is built
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of what the package imports
            download, networks, names, backbones, clip = (
                import_module(f"{part}")
                for part in (
                    "pyiqa.utils.download_util",
                    "pyiqa.archs.arch_util",
                    "pyiqa.archs",
                    "timm.models._builder",
                    "pyiqa.archs.clip_model",
                )
            )
        with loading_from(
            folder,
            card,
            (download, {"DEFAULT_CACHE_DIR": str(folder), "download_url_to_file": fetch, "urlparse": _parsed}),
            (networks, {"print": silent}),
            (names, {"get_root_logger": lambda: logging.getLogger("autorater.silent")}),
            (backbones, {"load_pretrained": silent}),
            (clip, {"_download": _in_folder}),
        ):
            yield


def require(path: Path, names: Sequence[str], *, card: str) -> None:
    """Raise SpecialistError unless the checkpoint holds tensors of these names; the package would pass over a lack."""
    with loading_from(path.parent, card):
        state: Mapping[str, Any] = torch.load(path, map_location="cpu")
        lacking = sorted(set(names) - set(state))
    if lacking:
        raise SpecialistError(
            f"{path.name} of {card} lacks {', '.join(lacking)}: it is another model; run `autorater tools pull {card}`"
        )


def rate(metric: Any, views: Sequence[View], *, quantity: str, **call: Any) -> list[Outcome]:
    """One outcome per view of a measure that looks at the picture alone; pictures of one size go together."""
    found: list[Outcome | None] = [_too_small(view.image) for view in views]
    groups: dict[tuple[int, ...], list[int]] = {}
    for index, view in enumerate(views):
        if found[index] is None:
            groups.setdefault(pixels_at_most(view.image, LONGER_SIDE).shape, []).append(index)
    for group in groups.values():
        run = functools.partial(_values, metric, call)
        values = in_batches([views[index].image for index in group], run, size=BATCH)
        for index, value in zip(group, values, strict=True):
            found[index] = measured({quantity: round(value, DIGITS)})
    return [outcome for outcome in found if outcome is not None]


def differ(metric: Any, views: Sequence[View], *, quantity: str, shorter: int = SHORTER_SIDE) -> list[Outcome]:
    """One outcome per view of a measure that compares the picture with its first source; never below 0."""

    def measure(before: Pixels, after: Pixels) -> dict[str, float]:
        with torch.inference_mode():
            value = float(metric(to_tensor(after), to_tensor(before)))
        return {quantity: max(0.0, round(value, DIGITS))}

    return [compare(view, measure, shorter=shorter) for view in views]


def to_tensor(pixels: Pixels) -> Tensor:
    """Pixels 0 to 1, shape (1, 3, height, width), float32, RGB."""
    return torch.as_tensor(pixels.astype(np.float32) / 255).permute(2, 0, 1)[None].contiguous()


def _parsed(url: str) -> ParseResult:
    """Files lie under their names in the repository; the package would take those of the address, "+" as "%2B"."""
    return urlparse(unquote(url))


def _in_folder(url: str, root: str) -> str:
    """Where a network of CLIP lies; the package would check and, failing that, fetch it."""
    return str(Path(root) / Path(url).name)


@torch.inference_mode()
def _values(metric: Any, call: Mapping[str, Any], pictures: Sequence[Picture]) -> list[float]:
    batch = torch.cat([to_tensor(pixels_at_most(picture, LONGER_SIDE)) for picture in pictures])
    values: Tensor = metric(batch, **call)
    return [float(value) for value in values.reshape(len(pictures))]


def _too_small(picture: Picture) -> Declined | None:
    height, width = pixels_at_most(picture, LONGER_SIDE).shape[:2]
    if min(height, width) >= SHORTER_SIDE:
        return None
    return Declined(reason=f"the picture is {width}x{height} at its working size; {SHORTER_SIDE} a side are needed")
