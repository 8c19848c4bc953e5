"""Which similarity agrees with people: the votes on triplets of rendered materials of `material-similarity`.

    python -m autorater_evals.material_triplets --data DIR [--triplets N] [--json] [measure …]

A triplet asks which of two renderings looks more like a reference. A measure is right when the rendering that it finds
nearer is the one that most people chose; triplets with equal votes are left out, equal distances count half. Every
similarity whose weights are here is asked, beside the plain distance of pixels, computed in the same run. The interval
is a 95 % bootstrap over the reference materials. Triplets are taken from the start of the file, 600 unless told.
"""

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from autorater.canonical import Record
from autorater.errors import AutoRaterError, UsageError
from autorater.image import Picture
from autorater.suggest import did_you_mean
from autorater.toolbox import Toolbox, View
from autorater_evals._pictures import folder, pictures, readings, rows
from autorater_evals.statistics.resampling import cluster_interval

Pair = tuple[str, str]
Distances = Mapping[Pair, float | None]

PIXELS = "pixel distance"
SIMILARITIES: dict[str, tuple[str, str, bool]] = {
    "SSIM": ("pixel_change", "ssim", True),
    "PSNR": ("pixel_change", "psnr", True),
    "MS-SSIM": ("fidelity", "ms_ssim", True),
    "FSIM": ("fidelity", "fsim", True),
    "GMSD": ("fidelity", "gmsd", False),
    "VIF": ("iqa_vif", "fidelity", True),
    "LPIPS": ("iqa_lpips", "distance", False),
    "DISTS": ("iqa_dists", "distance", False),
    "ST-LPIPS": ("perceptual_similarity", "distance", False),
    "DreamSim": ("dreamsim", "distance", False),
}
"""Name → specialist, quantity, whether higher is more alike."""


class Agreement(Record):
    """How often a measure chooses as most people do. Shares 0 to 1."""

    measure: str
    triplets: int
    """Those that it answered."""
    unanswered: int
    agreement: float
    interval: tuple[float, float]
    unanimous: int
    unanimous_agreement: float | None
    """Where no vote was given to the other rendering; null when there is no such triplet."""


def pixel_distances(opened: Mapping[str, Picture], pairs: Sequence[Pair]) -> Distances:
    """The root mean square difference of the RGB pixels, at the reference's size."""
    arrays = {name: np.asarray(picture.rgb(), dtype=np.float64) for name, picture in opened.items()}
    return {(one, other): float(np.sqrt(((arrays[one] - arrays[other]) ** 2).mean())) for one, other in pairs}


def measured(
    toolbox: Toolbox, names: Sequence[str], opened: Mapping[str, Picture], pairs: Sequence[Pair]
) -> dict[str, Distances]:
    """Measure → distances; a specialist that gives several measures is asked once."""
    views = [View(image=opened[image], sources=(opened[reference],)) for reference, image in pairs]
    found: dict[str, Distances] = {}
    for specialist in dict.fromkeys(SIMILARITIES[name][0] for name in names):
        answers = readings(toolbox, specialist, views)
        for name in names:
            owner, quantity, higher = SIMILARITIES[name]
            if owner == specialist:
                sign = -1 if higher else 1
                values = [None if row is None else sign * row[quantity] for row in answers]
                found[name] = dict(zip(pairs, values, strict=True))
    return found


def agreement(name: str, distances: Distances, triplets: Sequence[Mapping[str, Any]]) -> Agreement:
    """The share of triplets in which the nearer rendering is the one that most people chose."""
    right: list[float] = []
    clear: list[bool] = []
    clusters: list[str] = []
    for row in triplets:
        near, far = (distances[row["reference"], row[key]] for key in ("image_a", "image_b"))
        if near is None or far is None:
            continue
        chosen = 0.5 if near == far else float((near < far) == (row["votes_a"] > row["votes_b"]))
        right.append(chosen)
        clear.append(0 in (row["votes_a"], row["votes_b"]))
        clusters.append(row["reference"])
    if not right:
        raise UsageError(f"{name} answered no triplet")
    values, unanimous = np.array(right), np.array(clear)
    return Agreement(
        measure=name,
        triplets=len(right),
        unanswered=len(triplets) - len(right),
        agreement=float(values.mean()),
        interval=cluster_interval(values, clusters),
        unanimous=int(unanimous.sum()),
        unanimous_agreement=float(values[unanimous].mean()) if unanimous.any() else None,
    )


def agreements(data: Path, *, names: Sequence[str], count: int) -> list[Agreement]:
    """The plain pixels first, then the measures in the order of their names' table."""
    root = folder(data, "material-similarity")
    triplets = [row for row in rows(root / "triplets.jsonl")[:count] if row["votes_a"] != row["votes_b"]]
    keys = ("image_a", "image_b")
    opened = pictures(root, [row[key] for row in triplets for key in ("reference", *keys)])
    pairs = sorted({(row["reference"], row[key]) for row in triplets for key in keys})
    toolbox = Toolbox()
    ready = toolbox.ready()
    wanted = names or [name for name, (specialist, _, _) in SIMILARITIES.items() if specialist in ready]
    found = {PIXELS: pixel_distances(opened, pairs), **measured(toolbox, wanted, opened, pairs)}
    toolbox.close()
    return [agreement(name, distances, triplets) for name, distances in found.items()]


def main() -> None:
    """Print a table, or JSON with --json."""
    parser = argparse.ArgumentParser(description="Which similarity agrees with people on triplets of materials.")
    parser.add_argument("names", nargs="*", help="measures; all that are ready when none is named")
    parser.add_argument("--data", type=Path, required=True, help="the folder that holds material-similarity")
    parser.add_argument("--triplets", type=int, default=600, help="how many of the file are looked at")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    try:
        for name in arguments.names:
            if name not in SIMILARITIES:
                raise UsageError(f"no measure is called {name!r}; {did_you_mean(name, SIMILARITIES)}")
        found = agreements(arguments.data, names=arguments.names, count=arguments.triplets)
    except AutoRaterError as error:
        sys.exit(str(error))
    if arguments.json:
        print(json.dumps([one.model_dump() for one in found], indent=1))
        return
    print(f"{'measure':16}{'agreement':>10}  {'95 % interval':16}{'of':>6}{'unanimous':>11}{'of':>6}{'unanswered':>12}")
    for one in found:
        low, high = one.interval
        share = f"{one.agreement:10.3f}  [{low:.3f}, {high:.3f}]  {one.triplets:6}"
        clear = "" if one.unanimous_agreement is None else f"{one.unanimous_agreement:.3f}"
        print(f"{one.measure:16}{share}{clear:>11}{one.unanimous:6}{one.unanswered:12}")


if __name__ == "__main__":
    main()
