"""The packaged detectors from npm, where they were pulled before; no test fetches anything."""

import os
from pathlib import Path

import pytest

FILES = ("nanodet.json", "nanodet.bin", "centernet.json", "centernet.bin")


def human_models() -> Path:
    """The folder with the graphs; the test is skipped where nobody pulled them."""
    pulled = Path(os.environ.get("TESTED_WEIGHTS", ""), "coco_objects")
    if "TESTED_WEIGHTS" not in os.environ or not all((pulled / name).is_file() for name in FILES):
        pytest.skip(
            "TESTED_WEIGHTS names no weights store with coco_objects: run "
            "`AUTORATER_WEIGHTS=DIR autorater tools pull coco_objects` and set TESTED_WEIGHTS=DIR"
        )
    return pulled
