"""How often two photographs of faces are told apart rightly, on the labelled pairs of `face-pairs`.

    python -m autorater_evals.face_pairs --data DIR [--model NAME --detector NAME] [--json]

Without --model the specialist `face_similarity` (Dlib on packaged weights) is asked, else `face_identity` with that
model and detector. A pair is called the same person when the specialist's own text says so: when its similarity reaches
the package's limit for the model. Pairs without a face in one of the photographs have no answer; they are counted apart
and are in no share. The interval is a 95 % bootstrap over the photographs that come first in a pair.
"""

import argparse
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from autorater.canonical import Record
from autorater.errors import AutoRaterError
from autorater.toolbox import Toolbox, View
from autorater_evals._pictures import folder, pictures, readings, rows
from autorater_evals.statistics.resampling import cluster_interval


class Accuracy(Record):
    """What was found over all pairs. Shares 0 to 1."""

    specialist: str
    limit: float
    pairs: int
    answered: int
    right: int
    accuracy: float
    interval: tuple[float, float]
    same_found: float
    """Share of the pairs of one person that are called one person."""
    different_found: float
    """Share of the pairs of two persons that are called two."""
    least_same: float
    greatest_different: float


def limit_of(model: str) -> float:
    """The cosine similarity from which on DeepFace calls two faces the same person."""
    from deepface.config.threshold import thresholds  # pyright: ignore[reportMissingTypeStubs]

    return 1 - float(thresholds[model]["cosine"])


def accuracy(data: Path, *, model: str, detector: str) -> Accuracy:
    """Ask the specialist about every pair."""
    root = folder(data, "face-pairs")
    pairs = rows(root / "pairs.jsonl")
    opened = pictures(root, [pair[key] for pair in pairs for key in ("image_a", "image_b")])
    views = [View(image=opened[pair["image_b"]], sources=(opened[pair["image_a"]],)) for pair in pairs]
    name = "face_identity" if model else "face_similarity"
    toolbox = Toolbox(options={name: {"model": model, "detector": detector}} if model else None)
    found = readings(toolbox, name, views)
    toolbox.close()
    words = f"{name} ({model}, {detector})" if model else f"{name} (Dlib, dlib)"
    return judged(words, pairs, found, limit=limit_of(model or "Dlib"))


def judged(
    name: str, pairs: Sequence[Mapping[str, Any]], found: Sequence[Mapping[str, float] | None], *, limit: float
) -> Accuracy:
    """The shares over the pairs with a face in both photographs: a similarity of 0 stands for no face in the second."""
    answered = [(pair, row) for pair, row in zip(pairs, found, strict=True) if row and row["faces_in_image"] > 0]
    return summary(
        name,
        [bool(pair["same_person"]) for pair, _ in answered],
        [row["worst_similarity"] for _, row in answered],
        clusters=[str(pair["image_a"]) for pair, _ in answered],
        limit=limit,
        pairs=len(pairs),
    )


def summary(
    name: str, same: Sequence[bool], similarity: Sequence[float], *, clusters: Sequence[str], limit: float, pairs: int
) -> Accuracy:
    """The shares of right answers at `limit`."""
    truth, values = np.array(same), np.array(similarity)
    right = (values >= limit) == truth
    return Accuracy(
        specialist=name,
        limit=limit,
        pairs=pairs,
        answered=len(values),
        right=int(right.sum()),
        accuracy=float(right.mean()),
        interval=cluster_interval(right.astype(np.float64), clusters),
        same_found=float(right[truth].mean()),
        different_found=float(right[~truth].mean()),
        least_same=float(values[truth].min()),
        greatest_different=float(values[~truth].max()),
    )


def main() -> None:
    """Print the figures, or JSON with --json."""
    parser = argparse.ArgumentParser(description="How often two faces are told apart rightly.")
    parser.add_argument("--data", type=Path, required=True, help="the folder that holds face-pairs")
    parser.add_argument("--model", default="", help="a model of face_identity; its weights must be here")
    parser.add_argument("--detector", default="yunet")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    try:
        found = accuracy(arguments.data, model=arguments.model, detector=arguments.detector)
    except AutoRaterError as error:
        sys.exit(str(error))
    if arguments.json:
        print(found.model_dump_json(indent=1))
        return
    low, high = found.interval
    share = f"{found.accuracy:.1%} [{low:.1%}, {high:.1%}]"
    print(f"{found.specialist}: {found.right} of {found.answered} pairs right, {share}")
    print(f"  {found.pairs - found.answered} of {found.pairs} pairs without an answer; limit {found.limit:.3f}")
    print(f"  same person found {found.same_found:.1%} (least {found.least_same:.3f})")
    print(f"  different person found {found.different_found:.1%} (greatest {found.greatest_different:.3f})")


if __name__ == "__main__":
    main()
