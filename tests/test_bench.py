"""The benches run; how fast is not for a test to say."""

import json
import subprocess
import sys


def test_the_benches_run_and_tell_every_figure_beside_its_bar() -> None:
    names = ["orchestration", "throughput", "replay", "memory", "starting", "statistics"]
    command = [sys.executable, "-m", "autorater_evals.bench", *names, "--quick", "--json"]
    told = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert told.returncode == 0, told.stderr
    found = json.loads(told.stdout)
    figures = {figure["name"]: figure for figure in found["figures"]}
    assert found["quick"] is True
    assert len(figures) == len(found["figures"]) >= 12
    assert all(figure["value"] >= 0 for figure in figures.values())
    assert sum(figure["bar"] is not None for figure in figures.values()) >= 8
    assert figures["heavy packages that the import brings"]["value"] == 0
