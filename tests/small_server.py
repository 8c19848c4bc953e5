"""A server on this machine that speaks Chat Completions and fills any schema: for tests of the command line."""

import json
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from scripted import fill

Answer = Callable[[dict[str, Any]], str]
"""The schema that was asked for → the text of the answer."""


def filled(schema: dict[str, Any]) -> str:
    """The plainest answer: a score of 5, image 1, "yes" to everything."""
    return json.dumps(fill(schema))


def says(text: str) -> Answer:
    """Answers everything with `text`."""
    return lambda schema: text


class SmallServer:
    """Answers by `answer`, after `gate` is open; `bodies` are the requests that came."""

    def __init__(self, answer: Answer = filled) -> None:
        self.answer = answer
        self.bodies: list[dict[str, Any]] = []
        self.gate = threading.Event()
        self.gate.set()
        self.came = threading.Event()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body: dict[str, Any] = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                outer.bodies.append(body)
                outer.came.set()
                outer.gate.wait(60)
                form = body.get("response_format") or {"json_schema": {"schema": {"enum": ["no schema came"]}}}
                text = outer.answer(form["json_schema"]["schema"])
                choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
                usage = {"prompt_tokens": 100, "completion_tokens": 10, "total_tokens": 110}
                self.reply(
                    {
                        "id": "1",
                        "model": "small-1",
                        "object": "chat.completion",
                        "created": 0,
                        "usage": usage,
                        "choices": [choice],
                    }
                )

            def reply(self, value: dict[str, Any]) -> None:
                data = json.dumps(value).encode()
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, format: str, *args: Any) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        self._thread.start()

    @property
    def model(self) -> str:
        """The model's name for --model."""
        return f"compatible:http://127.0.0.1:{self._server.server_port}/v1#small"

    def close(self) -> None:
        """Stop it."""
        self.gate.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
