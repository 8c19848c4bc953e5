"""Fit the embedded judge anew, through the specialists as they ship.

    python -m autorater_evals.fit_embedded --data DIR [--write]

DIR holds avt-ai-images and biq2021-features (see evals/README.md). Without --write it prints how the fit differs from
what is shipped; with it, it writes the heads, the coefficients and the sha256 on the card. The same data and the same
specialists give the same bytes.
"""

import argparse
import io
import re
import sys
from collections.abc import Mapping, Sequence
from importlib import resources
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from autorater.canonical import digest, digest_of
from autorater.embedded import Coefficients, Dimension, read_coefficients
from autorater.errors import AutoRaterError
from autorater_evals._embedded_data import (
    DEVELOPMENT,
    Development,
    PhotographScale,
    read_development,
    read_photograph_scale,
)
from autorater_evals._embedded_features import Read, Reader
from autorater_evals._embedded_fit import RECIPES, SCALES, Model, make_inputs, make_models, mistake
from autorater_evals._embedded_protocols import temperature
from autorater_evals.seen import FILE, describe_fit

COMMAND = "python -m autorater_evals.fit_embedded --data DIR --write"
STATISTICS = 1568
Heads = dict[str, NDArray[np.float32]]


def fit(
    data: Development, reads: Sequence[Read], scale: PhotographScale, shipped: Coefficients
) -> tuple[Heads, Coefficients]:
    """Heads (name → weights and intercept) and coefficients; the rules for edits are those that are shipped."""
    every = np.ones(len(data), dtype=bool)
    inputs = make_inputs(reads, data.prompts.tolist(), scale)
    models = make_models(data, inputs, mistake(data, reads, scale, keep=inputs))
    dimensions: dict[str, Dimension] = {}
    for name, model in models.items():
        coefficients = model.coefficients(every)
        dimensions[name] = Dimension(
            base=f"generated_quality.{RECIPES[name].quantity}",
            offset=round(-float((model.evidence @ coefficients).mean()), 4),
            coefficients={key: round(float(one), 4) for key, one in zip(model.names, coefficients, strict=True)},
            tau=temperature(data, name, model.scores),
        )
    means = {name: round(float(np.nanmean(values)), 4) for name, values in inputs.evidence.items()}
    found = Coefficients(
        provenance=provenance(data, scale),
        readings={name: item.model_copy(update={"mean": means[name]}) for name, item in SCALES.items()},
        dimensions=dimensions,
        overall_tau=temperature(
            data, "overall", lambda train: np.mean([model.scores(train) for model in models.values()], axis=0)
        ),
        edit_dimensions=shipped.edit_dimensions,
        edit_rules=shipped.edit_rules,
    )
    return heads_of(models, scale), found


def heads_of(models: Mapping[str, Model], scale: PhotographScale) -> Heads:
    """The arrays that `generated_quality` loads; the photographs' scale is folded into the weights."""
    arrays: Heads = {}
    for name, model in models.items():
        recipe = RECIPES[name]
        used, intercept = model.head.weights(np.ones(model.head.images, dtype=bool))
        weights = np.zeros(STATISTICS)
        weights[recipe.columns] = used / scale.deviation[recipe.columns]
        arrays[f"{recipe.quantity}_weights"] = weights.astype(np.float32)
        arrays[f"{recipe.quantity}_intercept"] = np.array(intercept - scale.mean @ weights, dtype=np.float32)
    return arrays


def provenance(data: Development, scale: PhotographScale) -> dict[str, str | int]:
    """What the fit rests on."""
    return {
        "fitted_on": "avt-ai-images (Goering et al., 2023; GPL-3.0): mean ratings of four dimensions",
        "images": len(data),
        "prompts": len(data.unique_prompts),
        "generators": ", ".join(sorted(set(data.generators.tolist()))),
        "items_sha256": data.digest,
        "images_sha256": digest_of([digest(file.read_bytes()) for file in data.files]),
        "scale_from": "biq2021-features (Ahmed and Asif, 2022): mean and deviation of the block statistics",
        "photographs": scale.count,
        "scale_sha256": scale.digest,
        "command": COMMAND,
    }


def differences(old: Mapping[str, object], new: Mapping[str, object], *, under: str = "") -> list[str]:
    """The values that differ, one line each: "dimensions.appeal.tau: 0.25 → 0.3"."""
    lines: list[str] = []
    for name in sorted({*old, *new}):
        before, after, path = old.get(name), new.get(name), f"{under}{name}"
        if isinstance(before, Mapping) and isinstance(after, Mapping):
            lines += differences(before, after, under=f"{path}.")  # pyright: ignore[reportUnknownArgumentType]
        elif before != after:
            lines.append(f"{path}: {before} → {after}")
    return lines


def write(arrays: Heads, found: Coefficients) -> list[Path]:
    """Write the heads, their sha256 on the card, and the coefficients into the installed packages."""
    tools = Path(str(resources.files("autorater_tools")))
    heads, card = tools / "data" / "generated_quality.npz", tools / "generated_quality.md"
    coefficients = Path(str(resources.files("autorater"))) / "embedded.json"
    packed = pack(arrays)
    heads.write_bytes(packed)
    text = card.read_text(encoding="utf-8")
    entry = re.compile(
        r"(data/generated_quality\.npz\n.*\n    sha256: )\w+(\n.*\n    bytes: )\d+",
    )
    card.write_text(entry.sub(rf"\g<1>{digest(packed)}\g<2>{len(packed)}", text), encoding="utf-8")
    coefficients.write_text(found.model_dump_json(indent=1) + "\n", encoding="utf-8")
    return [heads, card, coefficients]


def write_fit(data: Development) -> Path:
    """Write what was fitted on, by sha256, so that evaluations can say when they meet it again."""
    path = Path(str(resources.files("autorater_evals"))) / "measured" / FILE
    described = describe_fit(DEVELOPMENT, data.files, data.unique_prompts)
    path.write_text(described.model_dump_json(indent=1) + "\n", encoding="utf-8")
    return path


def pack(arrays: Heads) -> bytes:
    """The arrays as the bytes of an npz file."""
    buffer = io.BytesIO()
    np.savez(buffer, allow_pickle=False, **arrays)
    return buffer.getvalue()


def shipped_heads() -> Heads:
    """The arrays that `generated_quality` loads now."""
    file = resources.files("autorater_tools") / "data" / "generated_quality.npz"
    with np.load(io.BytesIO(file.read_bytes())) as stored:
        return dict(stored)


def main(arguments: Sequence[str] | None = None) -> int:
    """The command; 0 when all went well, 1 with a message otherwise."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="the folder that holds the data sets")
    parser.add_argument("--write", action="store_true", help="write what was fitted into the packages")
    given = parser.parse_args(arguments)
    try:
        data, scale = read_development(given.data), read_photograph_scale(given.data)
        reads = Reader().read_all([(file, data.unique_prompts) for file in data.files], what="reading pictures")
    except AutoRaterError as error:
        print(error, file=sys.stderr)
        return 1
    shipped = read_coefficients()
    arrays, found = fit(data, reads, scale, shipped)
    changed = differences(shipped.model_dump(mode="json"), found.model_dump(mode="json"))
    print("\n".join(changed) or "the coefficients are those that are shipped")
    old = shipped_heads()
    moved = max(float(np.abs(values - old[name]).max()) for name, values in arrays.items())
    print(f"heads: greatest change of a weight {moved:.2g}")
    if given.write:
        print("written: " + ", ".join(path.name for path in [*write(arrays, found), write_fit(data)]))
    return 0


if __name__ == "__main__":
    sys.exit(main())
