"""Google's batch jobs: a file goes up, is worked off within a day, and a file comes back.

<https://ai.google.dev/gemini-api/docs/batch-api>: a file of at most 2 GB with one `{"key", "request"}` a line; what
comes back has the same keys.
"""

import asyncio
import io
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from typing import Any, NoReturn, cast

import aiohttp
from google import genai
from google.genai import errors, types

from autorater.canonical import canonical_json
from autorater.errors import Unavailable
from autorater.mailing import Answer, Parcel, Progress
from autorater.providers._failures import failure, lines_of, raise_lost
from autorater.providers._json import Json, as_object, inner, text

KEY = "GEMINI_API_KEY"
_FAILED = ("JOB_STATE_FAILED",)
_OVER = (*_FAILED, "JOB_STATE_SUCCEEDED", "JOB_STATE_PARTIALLY_SUCCEEDED", "JOB_STATE_CANCELLED", "JOB_STATE_EXPIRED")
_EXHAUSTED = 8
_RPC = {3: 400, 4: 504, 5: 404, 7: 403, 8: 429, 9: 400, 11: 400, 12: 501, 14: 503, 16: 401}
"""google.rpc.Code → HTTP status, as the API's own mapping has it (others: 500)."""


class GoogleBatches:
    """See `BatchService`. A file is kept much smaller than it may be: it must go up within one call's time."""

    limits = (200_000, 200_000_000)

    def __init__(self, client: Callable[[], Awaitable[genai.Client]], *, name: str) -> None:
        self._client, self.name = client, name

    def line(self, id: str, body: Mapping[str, Any]) -> bytes:
        """One line of the file that goes up."""
        return canonical_json({"key": id, "request": dict(body)})

    async def send(self, lines: Sequence[bytes], parcel: Parcel) -> str:
        """Upload the file and start the job."""
        client = await self._client()
        content = await asyncio.to_thread(b"\n".join, [*lines, b""])
        try:
            file = await client.aio.files.upload(
                file=io.BytesIO(content),
                config=types.UploadFileConfig(display_name="autorater", mime_type="jsonl"),
            )
            job = await client.aio.batches.create(
                model=self.name.partition(":")[2],
                src=file.name or "",
                config=types.CreateBatchJobConfig(display_name=_name(parcel)),
            )
        except Exception as error:
            self._fail(error)
        if not job.name:
            raise Unavailable(f"{self.name}: the batch job that was made has no name: try again later")
        return job.name

    async def find(self, parcel: Parcel, known: Collection[str]) -> str:
        """By the name that it was sent with."""
        client = await self._client()
        try:
            async for job in await client.aio.batches.list(config=types.ListBatchJobsConfig(page_size=100)):
                if job.display_name == _name(parcel) and job.name:
                    return job.name
        except Exception as error:
            self._fail(error)
        return ""

    async def look(self, batch: str) -> Progress:
        """How far it is. Google tells no counts while a job runs."""
        client = await self._client()
        try:
            job = await client.aio.batches.get(name=batch)
        except Exception as error:
            self._fail(error)
        state = job.state.name if job.state else ""
        words = job.error.message if job.error else ""
        return Progress(
            over=state in _OVER,
            failed=words or f"{state}; Google AI Studio says why" if state in _FAILED else "",
            crowded=bool(job.error and job.error.code == _EXHAUSTED),
            cancelled=state == "JOB_STATE_CANCELLED",
            files=(job.dest.file_name,) if job.dest and job.dest.file_name else (),
        )

    async def collect(self, batch: str, progress: Progress) -> dict[str, Answer]:
        """The answers of the file that came back."""
        client = await self._client()
        answers: dict[str, Answer] = {}
        for file in progress.files:
            try:
                content = await client.aio.files.download(file=file)
            except Exception as error:
                self._fail(error)
            for line in await asyncio.to_thread(lines_of, content, name=self.name):
                answers[text(line, "key")] = _answer(line, batch)
        return answers

    def _fail(self, error: Exception) -> NoReturn:
        if isinstance(error, errors.APIError):
            headers: Mapping[str, str] = getattr(cast(Any, error).response, "headers", None) or {}
            body = as_object(cast(Any, error).details)
            raise failure(error.code, body, headers, name=self.name, key=KEY) from error
        if isinstance(error, aiohttp.ClientError | OSError):
            raise_lost(error, name=self.name)
        if isinstance(error, ValueError | KeyError):  # so the SDK says that what came is no JSON, or lacks a header
            raise Unavailable(
                f"{self.name}: expected an answer of the batch API, got something else ({str(error)[:60]}): "
                "a proxy may be at fault"
            ) from error
        raise error


def _name(parcel: Parcel) -> str:
    return f"autorater {parcel.name}"


def _answer(line: Json, batch: str) -> Answer:
    error = inner(line, "error") or inner(line, "status")
    if not error:
        return Answer(200, inner(line, "response"), batch=batch)
    code = error.get("code")
    status = _RPC.get(code, code if code >= 400 else 500) if isinstance(code, int) else 500
    return Answer(status, {"error": error}, batch=batch)
