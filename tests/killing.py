"""What the tests of resume share: a server that remembers what it was asked, and runs that are killed."""

import json
import subprocess
import threading
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, cast

from autorater.canonical import digest_of

Script = Callable[[dict[str, Any]], dict[str, Any]]
"""The body of a call → the message of the answer."""


class Server(ThreadingHTTPServer):
    """Chat completions by a script, each after so many seconds. The input tokens of a call are its number, from 1."""

    daemon_threads = True

    def __init__(self, script: Script, seconds: float) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.script, self.seconds = script, seconds
        self.calls: list[str] = []
        """What was asked, by content, in the order in which it came."""
        self._lock = threading.Lock()

    @property
    def model(self) -> str:
        """The model's name for --model."""
        return f"compatible:http://127.0.0.1:{self.server_port}/v1#m"

    def note(self, body: dict[str, Any]) -> int:
        """Remember a call; its number."""
        with self._lock:
            self.calls.append(digest_of(body))
            return len(self.calls)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A killed client leaves its connections broken, which is the point."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        server = cast("Server", self.server)
        number = server.note(body)
        time.sleep(server.seconds)
        message = {"role": "assistant", **server.script(body)}
        choice = {"index": 0, "finish_reason": "tool_calls" if "tool_calls" in message else "stop", "message": message}
        usage = {"prompt_tokens": number, "completion_tokens": 1}
        told = json.dumps({"id": "r", "model": "m", "choices": [choice], "usage": usage}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(told)))
        self.end_headers()
        self.wfile.write(told)

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


@contextmanager
def serving(script: Script, *, seconds: float) -> Generator[Server]:
    """The server, in a thread of the tests."""
    with Server(script, seconds) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def recorded(log: Path, kind: str) -> int:
    """Events of a kind so far; 0 while there is no log."""
    path = log / "events.jsonl"
    return path.read_bytes().count(b'{"kind":"%s"' % kind.encode()) if path.is_file() else 0


def run_and_kill(command: list[str], log: Path, kind: str, wait: float) -> None:
    """Start, let it record one event of this kind more than before at least, wait, and kill -9."""
    before = recorded(log, kind)
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
        deadline = time.monotonic() + 60
        while recorded(log, kind) <= before and process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.005)
        time.sleep(wait)
        assert process.poll() is None, f"it ended by itself: {process.returncode}"
        process.kill()
