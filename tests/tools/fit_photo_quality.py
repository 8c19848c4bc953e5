"""Fit the head of `photo_quality`: python tests/tools/fit_photo_quality.py --data ../shared/data [--write FILE].

Ridge regression (penalty 3000 on standardised features, unpenalised mean) on the 2,400 training rows of
biq2021-features; prints the rank and linear correlation with the mean opinions of the 600 test rows.
"""

import argparse
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

PENALTY = 3000.0


def correlation(one: NDArray[Any], other: NDArray[Any]) -> float:
    """Pearson's."""
    one, other = one - one.mean(), other - other.mean()
    return float(one @ other / np.sqrt((one @ one) * (other @ other)))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--write", type=Path)
    arguments = parser.parse_args()
    with np.load(arguments.data / "biq2021-features/features.npz") as stored:
        features: NDArray[np.float64] = stored["features"].astype(np.float64)
        opinions: NDArray[np.float64] = stored["mos"].astype(np.float64)
        train: NDArray[np.bool_] = stored["split"] == "train"
    mean, deviation = features[train].mean(0), features[train].std(0) + 1e-6
    scaled: NDArray[np.float64] = (features[train] - mean) / deviation
    target: NDArray[np.float64] = opinions[train] - opinions[train].mean()
    penalised = scaled.T @ scaled + PENALTY * np.eye(scaled.shape[1])
    weights: NDArray[np.float64] = np.linalg.solve(penalised, scaled.T @ target) / deviation
    intercept = opinions[train].mean() - mean @ weights
    found, truth = features[~train] @ weights + intercept, opinions[~train]
    rank = correlation(np.argsort(np.argsort(found)), np.argsort(np.argsort(truth)))
    linear = correlation(found, truth)
    error = float(((found - truth) ** 2).mean()) ** 0.5
    print(f"test rows {len(truth)}: SROCC {rank:.3f}, PLCC {linear:.3f}, RMSE {error:.3f}")
    if arguments.write:
        np.savez_compressed(arguments.write, weights=weights.astype(np.float32), intercept=np.float32(intercept))


if __name__ == "__main__":
    main()
