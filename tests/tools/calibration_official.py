"""The metric authors' own values on the five pairs of the data set iqa-calibration."""

import csv
from pathlib import Path

OFFICIAL_NUMBERS = ("03", "04", "06", "08", "19")
"""The pairs, as their files are called."""


def official(root: Path, method: str, number: str) -> str:
    """The value as it is printed in the table."""
    lines = (root / "results_official.csv").read_text(encoding="utf-8").splitlines()
    return next(row for row in csv.DictReader(lines) if row["Method"] == method)[f"I{number}.bmp"]
