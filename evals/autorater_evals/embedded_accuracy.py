"""Measure the embedded judge against people, on pictures that each fit has not seen.

    python -m autorater_evals.embedded_accuracy --data DIR [--json] [--inside] [--prompts N]

DIR holds avt-ai-images and biq2021-features, and for the part on other domains mjbench-artifacts and biq2021-subset
(see evals/README.md). Heads and coefficients are fitted anew inside every fold. What the specialists read is kept in
the user's cache folder: the first run takes minutes, the next about two.
"""

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from autorater.embedded import read_coefficients
from autorater.errors import AutoRaterError
from autorater.progress import progress_bar
from autorater_evals._embedded_data import (
    DIMENSIONS,
    Development,
    read_development,
    read_photograph_scale,
)
from autorater_evals._embedded_features import Reader
from autorater_evals._embedded_fit import MATCHING, SCALES, Inputs, Model, make_inputs, make_models, mistake
from autorater_evals._embedded_outside import degraded_photographs, inpainted, rated_photographs
from autorater_evals._embedded_protocols import Fit, Share, hits, measure, over_other_subjects, share, without_prompts
from autorater_evals.statistics.resampling import Array

OVERALL = "overall"
JUDGE, HEADS = "embedded judge", "predicted ratings alone"
EXTRA = ("control", "other subjects")


def inside(data: Development, inputs: Inputs, mistaken: Sequence[Inputs]) -> dict[str, dict[str, Any]]:
    """Dimension → scorer → figures, the control with other prompts, and the pictures of other subjects."""
    models = make_models(data, inputs, mistaken)
    alone = {name: Model(data, inputs, name, names=(), head=model.head) for name, model in models.items()}
    found: dict[str, dict[str, Any]] = {}
    scorers = {name: list(_scorers(name, data, inputs, models, alone)) for name in (*DIMENSIONS, OVERALL)}
    with progress_bar("refitting", sum(map(len, scorers.values()))) as bar:
        for name, several in scorers.items():
            found[name] = {}
            for scorer, fit in several:
                found[name][scorer] = asdict(measure(data, name, fit))
                bar.advance()
            fits = mistaken_fits(name, models, mistaken)
            found[name]["control"] = asdict(control(data, name, fits))
            if name in (OVERALL, "prompt_matching"):
                given = list(zip([other.prompts.tolist() for other in mistaken], fits, strict=True))
                found[name]["other subjects"] = asdict(over_other_subjects(data, name, _fit_of(name, models), given))
    return found


def _scorers(
    name: str, data: Development, inputs: Inputs, models: dict[str, Model], alone: dict[str, Model]
) -> Iterator[tuple[str, Fit]]:
    yield JUDGE, _fit_of(name, models)
    yield HEADS, _fit_of(name, alone)
    single = {f"{SCALES[key].words} alone": inputs.evidence[key] for key in MATCHING}
    single |= {f"{measure}, as published": values for measure, values in data.published.items()}
    for scorer, values in single.items():
        yield scorer, _constant(np.where(np.isnan(values), np.nanmean(values), values))


def _fit_of(name: str, models: dict[str, Model]) -> Fit:
    if name != OVERALL:
        return models[name].scores
    return lambda train: np.mean([model.scores(train) for model in models.values()], axis=0)


def _constant(values: Array) -> Fit:
    return lambda train: values


def mistaken_fits(name: str, models: dict[str, Model], mistaken: Sequence[Inputs]) -> list[Fit]:
    """The fits of a dimension, with the pictures under other prompts at the test."""
    used = [models[name]] if name != OVERALL else list(models.values())

    def fit_with(other: Inputs) -> Fit:
        given = [model.evidence_of(other) for model in used]
        return lambda train: np.mean(
            [model.scores(train, evidence=evidence) for model, evidence in zip(used, given, strict=True)], axis=0
        )

    return [fit_with(other) for other in mistaken]


def control(data: Development, name: str, fits: Sequence[Fit]) -> Share:
    """Pairs of new prompts when the judge is given another prompt at the test: what is left knows no prompt."""
    pairs = data.pairs(name)
    return share(data, pairs, np.mean([hits(without_prompts(data, fit), pairs) for fit in fits], axis=0))


def tables(found: dict[str, Any]) -> Iterator[str]:
    """The figures as Markdown."""
    columns = "new prompts | unseen generator | both | closer generators | within generator: rho | same-generator pairs"
    yield f"{found['images']} images, {found['prompts']} prompts, {found['generators']} generators."
    for name, scorers in found["inside"].items():
        pairs = scorers[JUDGE]["new_prompts"]["pairs"]
        yield f"\n### {name.replace('_', ' ')} ({pairs} pairs)\n"
        yield f"| scorer | {columns} |\n|{' --- |' * 7}"
        for scorer, figures in scorers.items():
            if scorer not in EXTRA:
                yield _row(scorer, figures)
        yield f"| {JUDGE}, given another prompt | {_share(scorers['control'])} | | | | | |"
        if told := scorers.get("other subjects"):
            yield (
                f"\nA picture that people find to match its prompt scores above one that was made for another prompt, "
                f"both given the first prompt: {_share(told)} of {told['pairs']}."
            )
    if "outside" in found:
        yield from _outside(found["outside"])


def _row(scorer: str, figures: dict[str, Any]) -> str:
    shares = [_share(figures[key]) for key in ("new_prompts", "unseen_generator", "both", "closer")]
    rho = f"{figures['within_rho']:+.2f} [{figures['within_low']:+.2f}, {figures['within_high']:+.2f}]"
    same = f"{figures['same_generator']:.2f} ({figures['same_generator_pairs']})"
    return f"| {scorer} | {' | '.join(shares)} | {rho} | {same} |"


def _share(share: dict[str, Any]) -> str:
    return f"{share['value']:.2f} [{share['low']:.2f}, {share['high']:.2f}]"


def _outside(found: dict[str, Any]) -> Iterator[str]:
    yield "\n### Outside of what it was made for\n"
    yield "| copy of a photograph | original preferred | copy preferred | mean gap |\n| --- | --- | --- | --- |"
    for row in found["degraded photographs"]:
        of = row["pictures"]
        preferred = f"{row['original_preferred']} of {of} | {row['copy_preferred']} of {of}"
        yield f"| {row['copy']} | {preferred} | {row['mean_gap']:+.2f} |"
    for name, key, what in (
        ("mjbench-artifacts", "agree", "pairs, the one without the inpainted part scores higher"),
        ("biq2021-subset", "rho", "photographs, rank correlation with mean opinions"),
    ):
        told = ", ".join(
            f"{dimension.replace('_', ' ')} {value:.2f} [{low:.2f}, {high:.2f}]"
            for dimension, (value, low, high) in found[name][key].items()
        )
        count = found[name].get("pairs") or found[name].get("photographs")
        yield f"\n{name} ({count} {what}): {told}."


def run(folder: Path, *, prompts: int | None, outside: bool, reader: Reader) -> dict[str, Any]:
    """All figures. `prompts`: only that many of the prompts, for a quick look."""
    data, scale = read_development(folder), read_photograph_scale(folder)
    data, every = (data if prompts is None else data.first(prompts)), data.unique_prompts
    reads = reader.read_all([(file, every) for file in data.files], what="avt-ai-images")
    inputs = make_inputs(reads, data.prompts.tolist(), scale)
    found: dict[str, Any] = {
        "images": len(data),
        "prompts": len(data.unique_prompts),
        "generators": len(set(data.generators.tolist())),
        "inside": inside(data, inputs, mistake(data, reads, scale, keep=inputs)),
    }
    if outside:
        coefficients = read_coefficients()
        found["outside"] = {
            "degraded photographs": degraded_photographs(reader, coefficients),
            "mjbench-artifacts": inpainted(reader, coefficients, folder),
            "biq2021-subset": rated_photographs(reader, coefficients, folder),
        }
    return found


def main(arguments: Sequence[str] | None = None) -> int:
    """The command; 0 when all went well, 1 with a message otherwise."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="the folder that holds the data sets")
    parser.add_argument("--json", action="store_true", help="print JSON instead of Markdown")
    parser.add_argument("--inside", action="store_true", help="leave out the other domains")
    parser.add_argument("--prompts", type=int, help="use only that many of the prompts, for a quick look")
    parser.add_argument("--cache", type=Path, help="where to keep what the specialists read")
    given = parser.parse_args(arguments)
    try:
        found = run(given.data, prompts=given.prompts, outside=not given.inside, reader=Reader(given.cache))
    except AutoRaterError as error:
        print(error, file=sys.stderr)
        return 1
    print(json.dumps(found, indent=2) if given.json else "\n".join(tables(found)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
