"""TRL's own trainers on the exported files, with rows of one to four images in one batch: the loss falls."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from exported_sets import compare, made, rate

from autorater_evals.exports import export

pytest.importorskip("trl")
pytest.importorskip("datasets")


def test_trls_trainers_learn_from_the_files(tmp_path: Path) -> None:
    wrong: dict[str, Any] = {"preference": "image_2", "rationale": "The second one, for no reason at all."}
    examples = [compare(place, place + 1, name=f"pair{place}", rejected=[wrong]) for place in range(5)]
    examples += [compare(0, 1, name="edit", sources=(3, 4), rejected=[wrong]), rate(1, rejected=[{"score": 1}])]
    train = made(tmp_path / "set", examples)
    for name in ("trl", "trl-dpo"):
        assert export(train, name, tmp_path / name).rows["train"] == len(examples)
    script = Path(__file__).with_name("trained_by_trl.py")
    words = [sys.executable, script, train.folder, tmp_path / "trl", tmp_path / "trl-dpo", tmp_path / "work"]
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"}
    done = subprocess.run([str(word) for word in words], capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    told = json.loads(done.stdout.splitlines()[-1])
    first, *_, last = (step["loss"] for step in told["SFT"])
    assert last < first - 0.1
    assert told["DPO"][0]["loss"] == pytest.approx(0.6931, abs=1e-3)  # ln 2: model and reference are one
    assert all(step["rewards/accuracies"] == 1 for step in told["DPO"][-3:])
