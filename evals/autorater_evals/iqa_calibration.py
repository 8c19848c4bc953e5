"""Our values beside those of the metrics' authors, on the five pairs of `iqa-calibration`.

    python -m autorater_evals.iqa_calibration --data DIR [--json]

PSNR, SSIM, MS-SSIM (as a weighted sum), FSIM, GMSD and NIQE are our own code, VIF is pyiqa's; learned measures join in
when their weights are here. "equal" says that the difference is below half a unit of the last digit that is printed, at
most twelve decimals.

NIQE can be equal on the pair I04 alone, and is to twelve decimals. The other pictures have flat areas, where the
contrast-normalised values should be exactly zero: the sign of what rounding leaves of them enters the fit of the
distribution, so that the order in which a program adds 49 products decides: in some twenty orders that we tried, I19
lay between 8.58 and 9.13, and I04 never moved.
"""

import argparse
import csv
import json
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path

import numpy as np

from autorater.canonical import Record
from autorater.errors import AutoRaterError
from autorater.image import Picture, open_picture
from autorater.toolbox import Toolbox, View
from autorater_evals._pictures import folder, readings
from autorater_tools._fidelity import fsim, gmsd, ms_ssim, psnr, ssim
from autorater_tools._pixels import Pixels
from autorater_tools.niqe import Niqe

NUMBERS = ("03", "04", "06", "08", "19")
DECIMALS = 12
"""More are printed for GMSD and NIQE than the order of a sum leaves certain."""
OWN: dict[str, Callable[[Pixels, Pixels], float]] = {
    "psnr": psnr,
    "ssim": ssim,
    "ms_ssim": partial(ms_ssim, weighted_sum=True),
    "fsim": fsim,
    "gmsd": gmsd,
}
SPECIALISTS = {
    "vif": ("iqa_vif", "fidelity"),
    "lpips": ("iqa_lpips", "distance"),
    "dists": ("iqa_dists", "distance"),
    "musiq": ("iqa_musiq", "quality"),
}


class Value(Record):
    """One metric on one pair."""

    metric: str
    pair: str
    ours: float | None
    official: float
    difference: float | None
    equal: bool
    """To the digits that are printed for this metric."""


def values(data: Path) -> Iterator[Value]:
    """Every metric that can run here, on every pair."""
    root = folder(data, "iqa-calibration")
    lines = (root / "results_official.csv").read_text(encoding="utf-8").splitlines()
    printed = {row["Method"]: [row[f"I{number}.bmp"] for number in NUMBERS] for row in csv.DictReader(lines)}
    pairs = [
        (open_picture(root / f"images/ref_I{number}.png"), open_picture(root / f"images/dist_I{number}.png"))
        for number in NUMBERS
    ]
    pixels = [(np.asarray(before.rgb()), np.asarray(after.rgb())) for before, after in pairs]
    for name, measure in OWN.items():
        yield from compare(name, [measure(before, after) for before, after in pixels], printed)
    measure_niqe = Niqe().distance
    yield from compare("niqe", [measure_niqe(after) for _, after in pixels], printed)
    yield from _learned(pairs, printed)


def compare(metric: str, found: Sequence[float | None], printed: Mapping[str, list[str]]) -> Iterator[Value]:
    """Our values beside the printed ones."""
    digits = min(DECIMALS, max(len(text.partition(".")[2]) for text in printed[metric]))
    for number, ours, text in zip(NUMBERS, found, printed[metric], strict=True):
        official = float(text)
        difference = None if ours is None else ours - official
        equal = difference is not None and abs(difference) <= 0.5 * 10**-digits + 1e-15
        pair = f"I{number}"
        yield Value(metric=metric, pair=pair, ours=ours, official=official, difference=difference, equal=equal)


def _learned(pairs: list[tuple[Picture, Picture]], printed: Mapping[str, list[str]]) -> Iterator[Value]:
    toolbox = Toolbox()
    views = [View(image=after, sources=(before,)) for before, after in pairs]
    for metric, (name, quantity) in SPECIALISTS.items():
        if name in toolbox.ready():
            found = [None if row is None else row[quantity] for row in readings(toolbox, name, views)]
            yield from compare(metric, found, printed)
    toolbox.close()


def main() -> None:
    """Print a table, or JSON with --json."""
    parser = argparse.ArgumentParser(description="Our values beside those of the metrics' authors, on five pairs.")
    parser.add_argument("--data", type=Path, required=True, help="the folder that holds iqa-calibration")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    try:
        found = list(values(arguments.data))
    except AutoRaterError as error:
        sys.exit(str(error))
    if arguments.json:
        print(json.dumps([value.model_dump() for value in found], indent=1))
        return
    print(f"{'metric':10}{'pair':6}{'ours':>20}{'official':>20}{'difference':>12}  equal")
    for one in found:
        ours = "none" if one.ours is None else f"{one.ours:.14g}"
        difference = "" if one.difference is None else f"{one.difference:.1e}"
        numbers = f"{ours:>20}{one.official:>20.14g}{difference:>12}"
        print(f"{one.metric:10}{one.pair:6}{numbers}  {'yes' if one.equal else 'no'}")


if __name__ == "__main__":
    main()
