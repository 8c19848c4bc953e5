"""A real HTTP server on 127.0.0.1 that answers by a script, and misbehaves on request."""

import json
import socket
import ssl
import struct
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self


@dataclass(frozen=True)
class Answer:
    """What the server says; `fault` is what it does instead of answering properly."""

    body: Any = ""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict[str, str])
    fault: Literal["", "reset", "cut", "stall"] = ""

    def content(self) -> bytes:
        return self.body.encode() if isinstance(self.body, str) else json.dumps(self.body).encode()

    def media_type(self) -> str:
        return "application/json" if not isinstance(self.body, str) else "text/html"


@dataclass(frozen=True)
class Received:
    """One request as it came over the wire."""

    method: str
    path: str
    headers: dict[str, str]
    body: Any


Script = Callable[[Received], Answer]


class WireServer:
    """`script` answers each request; `then` queues answers, of which the last is repeated.

    With a `certificate` (a PEM file that holds its key too) it speaks TLS.
    """

    def __init__(self, script: Script | None = None, *, certificate: Path | None = None) -> None:
        self.received: list[Received] = []
        self._queue: list[Answer] = []
        self._script = script
        self._lock = threading.Lock()
        self._over = threading.Event()
        owner = self

        class Exchange(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def do_GET(self) -> None:
                owner._serve(self, None)

            def do_POST(self) -> None:
                owner._serve(self, json.loads(self.rfile.read(int(self.headers["content-length"]))))

            def log_message(self, format: str, *args: Any) -> None:
                pass

        class Server(ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 512

            def handle_error(self, request: Any, client_address: Any) -> None:
                pass  # clients hang up in these tests

        self._server = Server(("127.0.0.1", 0), Exchange)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        if certificate is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate)
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
            self.url = self.url.replace("http:", "https:")
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)

    def then(self, *answers: Answer) -> Self:
        """Answer with these, in order; the last one for ever."""
        self._queue = list(answers)
        return self

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def _serve(self, exchange: BaseHTTPRequestHandler, body: Any) -> None:
        headers = {name.lower(): value for name, value in exchange.headers.items()}
        received = Received(exchange.command, exchange.path, headers, body)
        with self._lock:
            self.received.append(received)
            queued = None
            if self._queue:
                queued = self._queue[0] if len(self._queue) == 1 else self._queue.pop(0)
        answer = queued or (self._script(received) if self._script else Answer({"error": "no script"}, 500))
        if answer.fault == "stall":
            self._over.wait(30)
        if answer.fault in ("reset", "stall"):
            return _reset(exchange)
        content = answer.content()
        exchange.send_response(answer.status)
        exchange.send_header("content-type", answer.media_type())
        exchange.send_header("content-length", str(len(content) + (100 if answer.fault == "cut" else 0)))
        for name, value in answer.headers.items():
            exchange.send_header(name, value)
        exchange.end_headers()
        exchange.wfile.write(content)
        if answer.fault == "cut":
            exchange.wfile.flush()
            _reset(exchange)
        return None


def _reset(exchange: BaseHTTPRequestHandler) -> None:
    """Hang up at once: the client sees a reset connection."""
    exchange.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    exchange.connection.close()
    exchange.close_connection = True
