"""Resume: killed at random moments, a run goes on, pays for nothing twice, and its log replays identical."""

import json
import random
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

import pytest
from PIL import Image
from scripted import fill

from autorater import RunLog
from autorater.canonical import digest_of
from autorater.errors import RecordError
from autorater.replay import replay

ITEMS, KILLS, CONCURRENCY = 150, 10, 4
SECONDS = 0.12
"""Latency of the server: long enough that calls are in flight at a kill."""


class Server(BaseHTTPRequestHandler):
    """Chat completions that fill the schema they are given; every call is counted by its content."""

    calls: ClassVar[Counter[str]] = Counter()
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.calls[digest_of(body)] += 1
        time.sleep(SECONDS)
        text = json.dumps(fill(body["response_format"]["json_schema"]["schema"]))
        choice = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": text}}
        usage = {"prompt_tokens": 100, "completion_tokens": 50}
        told = json.dumps({"id": "r", "model": "m", "choices": [choice], "usage": usage}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(told)))
        self.end_headers()
        self.wfile.write(told)

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


class QuietServer(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A killed client leaves its connections broken, which is the point."""


@pytest.fixture
def address() -> Iterator[str]:
    Server.calls.clear()
    with QuietServer(("127.0.0.1", 0), Server) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}/v1#m"
        server.shutdown()
        thread.join()


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


def command(rows: Path, log: Path, address: str, *more: str) -> list[str]:
    told = ["--tools", "none", "--log", str(log), "--model", f"compatible:{address}", "--concurrency", str(CONCURRENCY)]
    return [sys.executable, "-m", "autorater", "run", str(rows), "--json", *told, *more]


def finished(log: Path) -> int:
    """Recorded calls so far; 0 while there is no log."""
    path = log / "events.jsonl"
    return path.read_bytes().count(b'{"kind":"asked"') if path.is_file() else 0


def run_and_kill(rows: Path, log: Path, address: str, wait: float) -> None:
    """Start, let it record one call more than before at least, wait, and kill -9."""
    before = finished(log)
    with subprocess.Popen(command(rows, log, address), stdout=subprocess.DEVNULL) as process:
        deadline = time.monotonic() + 60
        while finished(log) <= before and process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.01)
        time.sleep(wait)
        assert process.poll() is None, f"it ended by itself: {process.returncode}"
        process.kill()


def test_killed_ten_times_it_judges_all_and_repeats_only_what_was_in_flight(
    tmp_path: Path, rows: Path, address: str
) -> None:
    log, chance = tmp_path / "log", random.Random(7)
    for _ in range(KILLS):
        run_and_kill(rows, log, address, chance.uniform(0, 0.2))
    told = subprocess.run(command(rows, log, address), capture_output=True, text=True, timeout=120, check=False)
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
    assert len(Server.calls) == 2 * ITEMS
    assert 2 * ITEMS <= sum(Server.calls.values()) <= 2 * ITEMS + KILLS * CONCURRENCY * 2
    found = list(replay(log))
    assert len(found) == ITEMS
    assert all(item.identical for item in found)

    calls = sum(Server.calls.values())
    again = subprocess.run(command(rows, log, address), capture_output=True, text=True, timeout=120, check=False)
    assert json.loads(again.stdout)["items"] == ITEMS
    assert sum(Server.calls.values()) == calls


def test_a_log_is_resumed_with_the_same_settings_or_not_at_all(tmp_path: Path, rows: Path, address: str) -> None:
    rows.write_text("".join(rows.read_text(encoding="utf-8").splitlines(keepends=True)[:2]), encoding="utf-8")
    first = subprocess.run(command(rows, tmp_path / "log", address), capture_output=True, text=True, check=False)
    assert first.returncode == 0, first.stderr
    told = command(rows, tmp_path / "log", address, "--samples", "2")
    refused = subprocess.run(told, capture_output=True, text=True, check=False)
    assert refused.returncode == 1
    assert "made with other settings (samples: recorded 1, now 2; " in refused.stderr


def test_more_items_are_added_to_a_log_that_is_finished(tmp_path: Path, rows: Path, address: str) -> None:
    lines = rows.read_text(encoding="utf-8").splitlines(keepends=True)
    for count in (3, 6):
        rows.write_text("".join(lines[:count]), encoding="utf-8")
        told = subprocess.run(command(rows, tmp_path / "log", address), capture_output=True, text=True, check=False)
        assert json.loads(told.stdout)["items"] == count
        assert sum(Server.calls.values()) == 2 * count
    with RunLog(tmp_path / "log") as record, pytest.raises(RecordError, match="opened for reading"):
        record.append(next(record.events()))
