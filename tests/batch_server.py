"""The batch APIs of OpenAI, Anthropic and Google on 127.0.0.1, as their documentation describes them.

A batch is over after it was looked at `looks` times. `answer` gives the HTTP status and body of one question.
"""

import json
import re
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.parser import BytesParser
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

Json = dict[str, Any]
Respond = Callable[[Json], tuple[int, Json]]


@dataclass
class Job:
    """One batch that was taken."""

    name: str
    lines: list[Json]
    looked: int = 0
    cancelled: bool = False
    label: str = ""
    """Our own name for it, where the provider has a place for one."""
    failed: Json = field(default_factory=dict[str, Any])
    """OpenAI: the errors of a batch that failed as a whole."""


class BatchServer:
    """`jobs` are the batches that came. `takes` says whether a new one is taken, by what it answers when it is not."""

    def __init__(self, answer: Respond, *, looks: int = 2) -> None:
        self.answer, self.looks = answer, looks
        self.jobs: dict[str, Job] = {}
        self.files: dict[str, bytes] = {}
        self.asked: list[str] = []
        """Method and path of everything that came."""
        self.refusals: list[tuple[int, Json]] = []
        """What the next attempts to start a batch are answered; used up one by one."""
        self.faults: list[tuple[int, Json]] = []
        """What the next looks at a batch are answered."""
        self.fails: list[Json] = []
        """OpenAI: the next batches fail as a whole with these errors."""
        self.lost = 0
        """So many of the next batches are taken, and whoever sent them is told of an error."""
        self.torn = 0
        """So many lines of results are cut off."""
        self._lock = threading.Lock()
        owner = self

        class Exchange(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                owner.serve(self, b"")

            def do_POST(self) -> None:
                length = int(self.headers.get("content-length") or 0)
                chunked = self.headers.get("transfer-encoding") == "chunked"
                owner.serve(self, _chunks(self) if chunked else self.rfile.read(length))

            def log_message(self, format: str, *args: Any) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Exchange)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @property
    def sent(self) -> list[int]:
        """How many questions each batch had."""
        return [len(job.lines) for job in self.jobs.values()]

    def serve(self, exchange: BaseHTTPRequestHandler, content: bytes) -> None:
        path = exchange.path.partition("?")[0]
        with self._lock:
            self.asked.append(f"{exchange.command} {path}")
            status, body, headers = self._route(exchange, path, content)
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        exchange.send_response(status)
        for name, value in {"content-type": "application/json", "content-length": str(len(data)), **headers}.items():
            exchange.send_header(name, value)
        exchange.end_headers()
        exchange.wfile.write(data)

    def _route(
        self, exchange: BaseHTTPRequestHandler, path: str, content: bytes
    ) -> tuple[int, Json | bytes, dict[str, str]]:
        form = exchange.headers.get("content-type", "")
        routes: dict[str, Callable[[str], tuple[int, Json | bytes]]] = {
            r"POST /v1/files()": lambda _: (200, self._openai_file(form, content)),
            r"GET /v1/files/(.+)/content": lambda name: (200, self.files[name]),
            r"POST /v1/batches()": lambda _: self._start(
                "batch_", self._file(content, "input_file_id"), self._openai, json.loads(content)["metadata"]["parcel"]
            ),
            r"GET /v1/messages/batches()": lambda _: (200, self._listed("msgbatch_", "data", self._anthropic)),
            r"GET /v1\w*/batches()": lambda _: (
                200,
                self._listed("batch_", "data", self._openai) | self._listed("batches/", "operations", self._google),
            ),
            r"GET /v1/batches/(batch_.+)": lambda name: self._look(name, self._openai),
            r"POST /v1/messages/batches()": lambda _: self._start(
                "msgbatch_", json.loads(content)["requests"], self._anthropic
            ),
            r"GET /v1/messages/batches/([^/]+)/results": lambda name: (200, self._anthropic_results(self.jobs[name])),
            r"GET /v1/messages/batches/([^/]+)": lambda name: self._look(name, self._anthropic),
            r"POST /upload(.*)": lambda _: (200, {}),
            r"POST /goes-up()": lambda _: (200, self._google_file(content)),
            r"POST /(.+):batchGenerateContent": lambda _: self._start(
                "batches/",
                self._file(content, "batch", "inputConfig", "fileName"),
                self._google,
                json.loads(content)["batch"]["displayName"],
            ),
            r"GET /v1\w*/(batches/.+)": lambda name: self._look(name, self._google),
            r"GET /v1\w*/(files/.+):download": lambda name: (200, self.files[name]),
        }
        headers = {"x-goog-upload-url": f"{self.url}/goes-up"} if path.startswith("/upload") else {}
        headers |= {"x-goog-upload-status": "final"} if path == "/goes-up" else {}
        for pattern, handler in routes.items():
            if match := re.fullmatch(pattern, f"{exchange.command} {path}"):
                return *handler(match[1]), headers
        return 404, {"error": {"message": f"no such thing: {path}"}}, {}

    def _file(self, content: bytes, *path: str) -> list[Json]:
        name = json.loads(content)
        for part in path:
            name = name[part]
        return [json.loads(line) for line in self.files[name].splitlines() if line]

    def _google_file(self, content: bytes) -> Json:
        name = f"files/in{len(self.files)}"
        self.files[name] = content
        return {"file": {"name": name, "uri": name}}

    def _listed(self, prefix: str, name: str, shown: Callable[[Job], Json]) -> Json:
        jobs = [shown(job) for job in reversed(self.jobs.values()) if job.name.startswith(prefix)]
        return {name: jobs, "has_more": False}

    def _start(self, prefix: str, lines: list[Json], shown: Callable[[Job], Json], label: str = "") -> tuple[int, Json]:
        if self.refusals:
            return self.refusals.pop(0)
        job = Job(f"{prefix}{len(self.jobs)}", lines, label=label, failed=self.fails.pop(0) if self.fails else {})
        self.jobs[job.name] = job
        if self.lost:
            self.lost -= 1
            return 500, {"error": {"message": "who sent it is not told"}}
        return 200, shown(job)

    def _look(self, name: str, shown: Callable[[Job], Json]) -> tuple[int, Json]:
        if self.faults:
            return self.faults.pop(0)
        if name not in self.jobs:
            return 404, {"error": {"message": f"no batch {name}"}}
        self.jobs[name].looked += 1
        return 200, shown(self.jobs[name])

    def _over(self, job: Job) -> bool:
        return job.looked >= self.looks

    def _openai_file(self, form: str, content: bytes) -> Json:
        message = BytesParser().parsebytes(b"Content-Type: " + form.encode() + b"\r\n\r\n" + content)
        parts: list[Any] = list(message.get_payload())
        data = next(part for part in parts if part.get_param("name", header="content-disposition") == "file")
        name = f"file-{len(self.files)}"
        self.files[name] = data.get_payload(decode=True)
        return {"id": name, "object": "file", "bytes": 1, "created_at": 1, "filename": "x", "purpose": "batch"}

    def _openai(self, job: Job) -> Json:
        over, base = self._over(job), {"object": "batch", "created_at": int(time.time()), "input_file_id": "file-0"}
        base |= {"metadata": {"parcel": job.label}}
        shown: Json = base | {"id": job.name, "completion_window": "24h", "endpoint": "/v1/responses"}
        if job.failed:
            return shown | {"status": "failed", "errors": {"object": "list", "data": [job.failed]}}
        counts = {"total": len(job.lines), "completed": len(job.lines) if over else 0, "failed": 0}
        if not over:
            return shown | {"status": "in_progress", "request_counts": counts}
        good, bad = list[Json](), list[Json]()
        for line in reversed(job.lines):  # any order
            if job.cancelled:
                continue
            status, body = self.answer(line["body"])
            told = {"status_code": status, "request_id": f"req_{line['custom_id'][:4]}", "body": body}
            entry: Json = {"id": "r", "custom_id": line["custom_id"], "response": told, "error": None}
            if status == 0:
                entry |= {"response": None, "error": body}
            (good if status == 200 else bad).append(entry)
        names = [self._keep(f"{job.name}-{kind}", found) for kind, found in (("out", good), ("err", bad))]
        status = "cancelled" if job.cancelled else "completed"
        return shown | {
            "status": status,
            "request_counts": counts,
            "output_file_id": names[0],
            "error_file_id": names[1],
        }

    def _keep(self, name: str, entries: list[Json]) -> str | None:
        if not entries:
            return None
        self.files[name] = self._written(entries)
        return name

    def _anthropic(self, job: Job) -> Json:
        over, total = self._over(job), len(job.lines)
        counts = {"processing": 0 if over else total, "succeeded": total if over else 0}
        return {
            "id": job.name,
            "type": "message_batch",
            "created_at": datetime.now(UTC).isoformat(),
            "processing_status": "ended" if over else "in_progress",
            "request_counts": counts | {"errored": 0, "canceled": 0, "expired": 0},
            "cancel_initiated_at": "2026-11-21T00:00:00Z" if job.cancelled else None,
        }

    def _anthropic_results(self, job: Job) -> bytes:
        entries = list[Json]()
        for line in reversed(job.lines):
            status, body = self.answer(line["params"])
            result: Json = {"type": "succeeded", "message": body}
            if job.cancelled:
                result = {"type": "canceled"}
            elif status == 0:
                result = {"type": "expired"}
            elif status != 200:
                result = {"type": "errored", "error": {"type": "error", **body}}
            entries.append({"custom_id": line["custom_id"], "result": result})
        return self._written(entries)

    def _written(self, entries: list[Json]) -> bytes:
        lines = [json.dumps(entry).encode() for entry in entries]
        for number in range(min(self.torn, len(lines))):
            lines[number] = lines[number][:50]
        return b"".join(line + b"\n" for line in lines)

    def _google(self, job: Job) -> Json:
        state = "JOB_STATE_SUCCEEDED" if self._over(job) else "JOB_STATE_RUNNING"
        if job.cancelled:
            state = "JOB_STATE_CANCELLED"
        shown: Json = {"name": job.name, "metadata": {"state": state.replace("JOB", "BATCH"), "name": job.name}}
        shown["metadata"]["displayName"] = job.label
        if not self._over(job):
            return shown
        entries = list[Json]()
        for line in reversed(job.lines if not job.cancelled else []):
            status, body = self.answer(line["request"])
            entries.append({"key": line["key"], **({"response": body} if status == 200 else body)})
        name = self._keep(f"files/out{job.name[8:]}", entries)
        return shown | {"done": True, "metadata": shown["metadata"] | {"output": {"responsesFile": name}}}


def _chunks(exchange: BaseHTTPRequestHandler) -> bytes:
    content = b""
    while size := int(exchange.rfile.readline(), 16):
        content += exchange.rfile.read(size)
        exchange.rfile.readline()
    exchange.rfile.readline()
    return content
