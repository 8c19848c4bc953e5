"""What the embedded judge, as it ships, says of pictures that it was not made for."""

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageFilter

from autorater.demo import jpeg, noisy, photographs
from autorater.embedded import Coefficients, Scores, score
from autorater.errors import SpecialistError
from autorater_evals._embedded_data import read_rows
from autorater_evals._embedded_features import Read, Reader
from autorater_evals.statistics.ranks import rank_correlation
from autorater_evals.statistics.resampling import cluster_interval, quantiles_95

REPEATS = 1000


def smaller(image: Image.Image, factor: float) -> Image.Image:
    """The picture with its sides divided by `factor`."""
    return image.resize((round(image.width / factor), round(image.height / factor)), Image.Resampling.BICUBIC)


def lossless(image: Image.Image) -> bytes:
    """The picture as PNG."""
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()


WORSE: dict[str, Callable[[Image.Image], Image.Image]] = {
    "blur, sigma 2": lambda image: image.filter(ImageFilter.GaussianBlur(2)),
    "JPEG 10": lambda image: jpeg(image, 10),
    "noise, sigma 25": lambda image: noisy(image, 25),
    "a quarter of the size, enlarged": lambda image: smaller(image, 4).resize(image.size, Image.Resampling.BICUBIC),
    "a third of the light": lambda image: image.point(lambda level: level * 0.35),
    "4 levels a channel": lambda image: Image.fromarray(np.asarray(image) // 64 * 64 + 32),
}
ALIKE: dict[str, Callable[[Image.Image], Image.Image]] = {
    "JPEG 95": lambda image: jpeg(image, 95),
    "JPEG 85": lambda image: jpeg(image, 85),
    "three quarters of the size": lambda image: smaller(image, 4 / 3),
    "half the size": lambda image: smaller(image, 2),
}
"""Copies that a person would hardly tell from the original on a page: the gap should be a tie."""


def judged(reader: Reader, coefficients: Coefficients, read: Read, prompt: str | None) -> Scores:
    """The scores of one picture by the judge as it ships."""
    found = score(coefficients, reader.readings(read, prompt), edit=False)
    if found is None:
        raise SpecialistError("generated_quality has no reading: the picture is too small or of one colour")
    return found


def degraded_photographs(reader: Reader, coefficients: Coefficients) -> list[dict[str, Any]]:
    """Overall score of photographs minus that of their copies; no prompt is given."""
    originals = list(photographs().values())
    copies = {name: [change(image) for image in originals] for name, change in {**WORSE, **ALIKE}.items()}
    pictures = [lossless(image) for images in (originals, *copies.values()) for image in images]
    reads = reader.read_all([(picture, ()) for picture in pictures], what="degraded photographs")
    values = [judged(reader, coefficients, read, None).values["overall"] for read in reads]
    rows: list[dict[str, Any]] = []
    for place, name in enumerate(copies, 1):
        start = place * len(originals)
        gaps = [values[index] - values[start + index] for index in range(len(originals))]
        rows.append(
            {
                "copy": name,
                "worse": name in WORSE,
                "pictures": len(gaps),
                "original_preferred": sum(gap > coefficients.overall_tau / 2 for gap in gaps),
                "copy_preferred": sum(gap < -coefficients.overall_tau / 2 for gap in gaps),
                "mean_gap": round(float(np.mean(gaps)), 3),
            }
        )
    return rows


def inpainted(reader: Reader, coefficients: Coefficients, data: Path) -> dict[str, Any]:
    """mjbench-artifacts: how often the picture without the badly inpainted part scores higher."""
    root = data / "mjbench-artifacts"
    pairs = read_rows(root / "pairs.jsonl")
    views = [(root / pair[f"image_{side}"], (pair["caption"],)) for pair in pairs for side in "ab"]
    reads = reader.read_all(views, what="mjbench-artifacts")
    right: dict[str, list[float]] = {}
    for index, pair in enumerate(pairs):
        one, other = (
            judged(reader, coefficients, read, pair["caption"]).values for read in reads[2 * index : 2 * index + 2]
        )
        for name in one:
            gap = (one[name] - other[name]) * (1 if pair["preferred"] == "a" else -1)
            right.setdefault(name, []).append((gap > 0) + 0.5 * (gap == 0))
    names = [pair["id"] for pair in pairs]
    told = {name: (np.mean(values), *cluster_interval(np.array(values), names)) for name, values in right.items()}
    return {"pairs": len(pairs), "agree": {name: [round(float(x), 3) for x in item] for name, item in told.items()}}


def rated_photographs(reader: Reader, coefficients: Coefficients, data: Path) -> dict[str, Any]:
    """biq2021-subset: rank correlation with the mean opinions of photographs; no prompt is given."""
    root = data / "biq2021-subset"
    rows = read_rows(root / "items.jsonl")
    reads = reader.read_all([(root / row["image"], ()) for row in rows], what="biq2021-subset")
    found = [judged(reader, coefficients, read, None).values for read in reads]
    opinions = np.array([float(row["human"]["mos"]) for row in rows])
    draw = np.random.default_rng(0).integers(0, len(rows), (REPEATS, len(rows)))
    told: dict[str, list[float]] = {}
    for name in found[0]:
        values = np.array([item[name] for item in found])
        low, high = quantiles_95(np.array([rank_correlation(values[some], opinions[some]) for some in draw]))
        told[name] = [round(x, 3) for x in (rank_correlation(values, opinions), low, high)]
    return {"photographs": len(rows), "rho": told}
