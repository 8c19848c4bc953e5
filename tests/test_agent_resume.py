"""Resume of the agent: processes killed in the middle of its loop pay for nothing twice and lose nothing."""

import json
import random
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from agents import Dialect, both
from killing import Server, recorded, run_and_kill, serving
from PIL import Image, ImageDraw
from scripted import fill

from autorater.events import Asked, Assessed, Drawn, Judged, Requested
from autorater.replay import replay
from autorater.runlog import RunLog

ITEMS, KILLS, CONCURRENCY = 10, 2, 3
SECONDS = 0.1
"""Latency of the server: long enough that calls are in flight at a kill."""
LOOKS = (("pixel_change", "all"), ("sharpness", "image_1"), ("sharpness", "image_2"))


def scripted(body: dict[str, Any]) -> dict[str, Any]:
    """What the model says to a call."""
    step = sum(message["role"] == "assistant" for message in body["messages"])
    name, image = LOOKS[step] if step < len(LOOKS) else ("finish", "image_1")
    if "tools" in body:
        if name == "finish":
            return {"content": "I have seen enough."}
        call = {"name": name, "arguments": json.dumps({"image": image})}
        return {"content": "", "tool_calls": [{"id": f"call_{step}", "type": "function", "function": call}]}
    schema = body["response_format"]["json_schema"]["schema"]
    if "action" in schema["properties"]:
        return {"content": json.dumps({"thought": f"step {step}", "action": name, "image": image, "look_for": ""})}
    return {"content": json.dumps(fill(schema))}


@pytest.fixture
def server() -> Iterator[Server]:
    with serving(scripted, seconds=SECONDS) as running:
        yield running


@pytest.fixture
def rows(tmp_path: Path) -> Path:
    """Edits, so that a specialist marks what changed and the findings have pictures; none is seen in two items."""
    lines: list[str] = []
    for number in range(ITEMS):
        names = [f"{number}-{which}.png" for which in ("source", "a", "b")]
        for place, name in enumerate(names):
            drawn = Image.new("RGB", (64, 64), (number * 25, 90, 60))
            ImageDraw.Draw(drawn).rectangle((0, 48, 63, 63), fill=(20, 30, 10))
            if place:
                ImageDraw.Draw(drawn).ellipse((10 * place, 12, 10 * place + 22, 40), fill=(250, 250, 20 * number))
            drawn.save(tmp_path / name)
        source, a, b = names
        row = {"id": f"i{number}", "prompt": f"add ball {number}", "source": source, "image_a": a, "image_b": b}
        lines.append(json.dumps(row) + "\n")
    path = tmp_path / "items.jsonl"
    path.write_text("".join(lines), encoding="utf-8")
    return path


def command(rows: Path, log: Path, model: str, dialect: Dialect) -> list[str]:
    told = ["--tools", "agent", "--log", str(log), "--model", model, "--no-cache"]
    native = ["--native-tools"] if dialect == "native" else []
    return [
        *(sys.executable, "-m", "autorater", "run", str(rows), "--json"),
        *(*told, "--concurrency", str(CONCURRENCY), *native),
    ]


def in_mid_loop(log: Path) -> int:
    """Items whose agent was asked and that are not judged."""
    return recorded(log, "requested") - recorded(log, "judged")


@both
def test_killed_in_mid_loop_it_goes_on_and_no_recorded_call_is_made_again(
    tmp_path: Path, rows: Path, server: Server, dialect: Dialect
) -> None:
    log, chance = tmp_path / "log", random.Random(7)
    told = command(rows, log, server.model, dialect)
    for _ in range(KILLS):
        run_and_kill(told, log, "assessed", chance.uniform(0, SECONDS))
        assert in_mid_loop(log) > 0
    done = subprocess.run(told, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    summary = json.loads(done.stdout)
    assert (summary["items"], summary["coverage"], summary["errors"]) == (ITEMS, 1.0, [])

    with RunLog(log) as record:
        events = list(record.events())
    asked = [event for event in events if isinstance(event, Asked)]
    # Four turns of the agent and both orders of the judge for each item; each recorded once.
    assert set(Counter(event.key for event in asked).values()) == {1}
    assert len(asked) == (len(LOOKS) + 1 + 2) * ITEMS
    for form, each in ((Requested, 1), (Judged, 1), (Assessed, 4), (Drawn, 2)):
        keys = Counter(event.key for event in events if isinstance(event, form))
        assert (set(keys.values()), len(keys)) == ({1}, each * ITEMS), form
    # The record holds the last answer to each question: nothing was asked again once its answer was recorded.
    last = {question: number for number, question in enumerate(server.calls, 1)}
    assert sorted(last.values()) == sorted(event.reply.usage.input for event in asked if event.reply)
    # What was asked more than once was in flight at a kill: two orders of each item at most.
    assert len(server.calls) <= len(asked) + KILLS * CONCURRENCY * 2

    found = list(replay(log))
    assert len(found) == ITEMS
    assert all(item.identical for item in found)
    assert all(len(item.judgment.selection.steps) == len(LOOKS) + 1 for item in found)
