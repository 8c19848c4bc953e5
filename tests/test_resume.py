"""Resume: killed at random moments, a run goes on, pays for nothing twice, and its log replays identical."""

import json
import random
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from killing import Server, run_and_kill, serving
from PIL import Image
from scripted import fill

from autorater import RunLog
from autorater.errors import RecordError
from autorater.replay import replay

ITEMS, KILLS, CONCURRENCY = 150, 10, 4
SECONDS = 0.12
"""Latency of the server: long enough that calls are in flight at a kill."""


def filled(body: dict[str, Any]) -> dict[str, Any]:
    """The message of an answer that fills the schema it is given."""
    return {"content": json.dumps(fill(body["response_format"]["json_schema"]["schema"]))}


@pytest.fixture
def server() -> Iterator[Server]:
    with serving(filled, seconds=SECONDS) as running:
        yield running


@pytest.fixture
def rows(tmp_path: Path) -> Path:
    names: list[str] = []
    for number in range(5):
        names.append(f"{number}.png")
        Image.new("RGB", (8, 8), (number * 40, 10, 90)).save(tmp_path / names[-1])
    lines = [
        {"id": f"i{n}", "prompt": f"a cat number {n}", "image_a": names[n % 5], "image_b": names[(n + 1 + n % 3) % 5]}
        for n in range(ITEMS)
    ]
    path = tmp_path / "items.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    return path


def command(rows: Path, log: Path, model: str, *more: str) -> list[str]:
    told = ["--tools", "none", "--log", str(log), "--model", model, "--concurrency", str(CONCURRENCY)]
    return [sys.executable, "-m", "autorater", "run", str(rows), "--json", *told, *more]


def test_killed_ten_times_it_judges_all_and_repeats_only_what_was_in_flight(
    tmp_path: Path, rows: Path, server: Server
) -> None:
    log, chance = tmp_path / "log", random.Random(7)
    run = command(rows, log, server.model)
    for _ in range(KILLS):
        run_and_kill(run, log, "asked", chance.uniform(0, 0.2))
    told = subprocess.run(run, capture_output=True, text=True, timeout=120, check=False)
    assert told.returncode == 0, told.stderr
    summary = json.loads(told.stdout)
    assert (summary["items"], summary["coverage"], summary["errors"]) == (ITEMS, 1.0, [])

    with RunLog(log) as record:
        asked = Counter(json.loads(line)["key"] for line in record.lines("asked"))
        judged = Counter(json.loads(line)["judgment"]["id"] for line in record.lines("judged"))
        requested = Counter(json.loads(line)["key"] for line in record.lines("requested"))
    # Both orders of each item, each recorded once: a recorded call was never made again.
    assert set(asked.values()) == set(judged.values()) == set(requested.values()) == {1}
    assert (len(asked), len(judged), len(requested)) == (2 * ITEMS, ITEMS, ITEMS)
    # What the server was asked more than once was in flight at a kill: two orders of each item in flight.
    assert len(set(server.calls)) == 2 * ITEMS
    assert 2 * ITEMS <= len(server.calls) <= 2 * ITEMS + KILLS * CONCURRENCY * 2
    found = list(replay(log))
    assert len(found) == ITEMS
    assert all(item.identical for item in found)

    calls = len(server.calls)
    again = subprocess.run(run, capture_output=True, text=True, timeout=120, check=False)
    assert json.loads(again.stdout)["items"] == ITEMS
    assert len(server.calls) == calls


def test_a_log_is_resumed_with_the_same_settings_or_not_at_all(tmp_path: Path, rows: Path, server: Server) -> None:
    rows.write_text("".join(rows.read_text(encoding="utf-8").splitlines(keepends=True)[:2]), encoding="utf-8")
    first = subprocess.run(command(rows, tmp_path / "log", server.model), capture_output=True, text=True, check=False)
    assert first.returncode == 0, first.stderr
    told = command(rows, tmp_path / "log", server.model, "--samples", "2")
    refused = subprocess.run(told, capture_output=True, text=True, check=False)
    assert refused.returncode == 1
    assert "made with other settings (samples: recorded 1, now 2; " in refused.stderr


def test_more_items_are_added_to_a_log_that_is_finished(tmp_path: Path, rows: Path, server: Server) -> None:
    lines = rows.read_text(encoding="utf-8").splitlines(keepends=True)
    for count in (3, 6):
        rows.write_text("".join(lines[:count]), encoding="utf-8")
        told = subprocess.run(
            command(rows, tmp_path / "log", server.model), capture_output=True, text=True, check=False
        )
        assert json.loads(told.stdout)["items"] == count
        assert len(server.calls) == 2 * count
    with RunLog(tmp_path / "log") as record, pytest.raises(RecordError, match="opened for reading"):
        record.append(next(record.events()))
