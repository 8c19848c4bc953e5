"""A server on this machine that hands out files, well or badly: for tests of `autorater tools pull`."""

import json
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha1, sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Behaviour:
    """How the server treats one path."""

    data: bytes
    cuts: list[int] = field(default_factory=list[int])
    """The next answers end after so many bytes."""
    ranges: bool = True
    etag: str | None = '"one"'
    status: int = 200
    redirect: str = ""


class WeightsServer:
    """`files` by path; `asked` are the requests that came: path, Range, Authorization."""

    def __init__(self) -> None:
        self.files: dict[str, Behaviour] = {}
        self.asked: list[tuple[str, str | None, str | None]] = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        self._thread.start()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                path = self.path.partition("?")[0]
                outer.asked.append((path, self.headers["Range"], self.headers["Authorization"]))
                _answer(self, outer.files.get(path))

            def log_message(self, format: str, *args: Any) -> None:
                """Say nothing."""

        return Handler

    @property
    def address(self) -> str:
        """Its address, without a path."""
        return f"http://127.0.0.1:{self._server.server_port}"

    def put(self, path: str, data: bytes, **how: Any) -> str:
        """Hand out `data` at this path; gives the URL."""
        self.files[path] = Behaviour(data, **how)
        return self.address + path

    def repository(self, name: str, files: Mapping[str, bytes], *, commit: str = "c0ffee", large: str = ".bin") -> None:
        """Be a hub that holds this repository; files that end in `large` have a sha256, others git's sha1."""
        siblings: list[dict[str, Any]] = []
        for path, data in files.items():
            blob = sha1(b"blob %d\0" % len(data) + data).hexdigest()
            told: dict[str, Any] = {"rfilename": path, "size": len(data), "blobId": blob}
            if path.endswith(large):
                told["lfs"] = {"sha256": sha256(data).hexdigest(), "size": len(data), "pointerSize": 100}
            siblings.append(told)
            self.put(f"/{name}/resolve/{commit}/{path}", data)
        info = json.dumps({"id": name, "sha": commit, "siblings": siblings, "tags": [], "downloads": 0}).encode()
        for revision in ("main", commit):
            self.put(f"/api/models/{name}/revision/{revision}", info)

    def close(self) -> None:
        """Stop it."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def _answer(to: BaseHTTPRequestHandler, found: Behaviour | None) -> None:
    if found is None or found.status != 200:
        to.send_error(404 if found is None else found.status)
    elif found.redirect:
        to.send_response(302)
        to.send_header("Location", found.redirect)
        to.send_header("Content-Length", "0")
        to.end_headers()
    else:
        _give(to, found)


def _give(to: BaseHTTPRequestHandler, found: Behaviour) -> None:
    asked = to.headers["Range"]
    ranged = bool(asked) and found.ranges and to.headers["If-Range"] in (None, found.etag)
    start = int(asked.removeprefix("bytes=").removesuffix("-")) if ranged else 0
    if start >= len(found.data) > 0:
        to.send_error(416)
        return
    rest = found.data[start:]
    to.send_response(206 if start else 200)
    if start:
        to.send_header("Content-Range", f"bytes {start}-{len(found.data) - 1}/{len(found.data)}")
    if found.etag:
        to.send_header("ETag", found.etag)
    to.send_header("Content-Length", str(len(rest)))
    to.end_headers()
    to.wfile.write(rest[: found.cuts.pop(0)] if found.cuts else rest)
