"""An evaluation that is killed goes on with the same command, pays nothing twice, and replays to the same tables."""

import json
import random
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

from command import run as command
from killing import run_and_kill, serving
from rated_pictures import make
from scripted import fill

from autorater import RunLog

KILLS = 3


def filled(body: dict[str, Any]) -> dict[str, Any]:
    return {"content": json.dumps(fill(body["response_format"]["json_schema"]["schema"]))}


def test_killed_three_times_it_finishes_and_pays_for_nothing_twice(tmp_path: Path) -> None:
    data, log, chance = make(tmp_path / "avt"), tmp_path / "log", random.Random(3)
    with serving(filled, seconds=0.1) as server:
        words = ["eval", "avt", "--data", str(data), "--tools", "none", "--log", str(log), "--model", server.model]
        words += ["--concurrency", "2", "--json"]
        for _ in range(KILLS):
            run_and_kill([sys.executable, "-m", "autorater", *words], log, "asked", chance.uniform(0, 0.1))
        told = subprocess.run([sys.executable, "-m", "autorater", *words], capture_output=True, text=True, check=False)
        assert told.returncode == 0, told.stderr
        evaluation = json.loads(told.stdout)
        assert sum(evaluation["profile"]["outcomes"].values()) == 24
        assert "absent" not in evaluation["profile"]["outcomes"]
        with RunLog(log) as record:
            asked = Counter(json.loads(line)["key"] for line in record.lines("asked"))
        assert set(asked.values()) == {1}
        assert len(server.calls) <= len(asked) + KILLS * 2 * 2
    replayed = command("eval", "replay", log, "--json")
    assert replayed.json["evaluation"] == evaluation
