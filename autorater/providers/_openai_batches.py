"""OpenAI's Batch API over Responses: a file goes up, is worked off within a day, and two files come back.

<https://platform.openai.com/docs/guides/batch>: at most 50,000 questions and 200 MB in one file.
"""

import asyncio
from collections.abc import Collection, Mapping, Sequence
from typing import Any, NoReturn

import openai
from openai.types import Batch

from autorater.canonical import canonical_json
from autorater.errors import Unavailable
from autorater.mailing import Answer, Parcel, Progress
from autorater.providers._clients import PerLoop
from autorater.providers._failures import failure, json_of, lines_of, raise_lost
from autorater.providers._json import Json, inner, text

KEY = "OPENAI_API_KEY"
_ENDPOINT = "/v1/responses"
_OVER = ("completed", "failed", "expired", "cancelled")
_EXPIRED, _CANCELLED = "batch_expired", "batch_cancelled"
"""Why a line was not worked off."""
_SKEW = 3600
"""Seconds by which our clock may be wrong."""


class OpenAIBatches:
    """See `BatchService`."""

    limits = (50_000, 190_000_000)

    def __init__(self, clients: PerLoop[openai.AsyncOpenAI], *, name: str) -> None:
        self._clients, self.name = clients, name

    def line(self, id: str, body: Mapping[str, Any]) -> bytes:
        """One line of the file that goes up."""
        return canonical_json({"custom_id": id, "method": "POST", "url": _ENDPOINT, "body": dict(body)})

    async def send(self, lines: Sequence[bytes], parcel: Parcel) -> str:
        """Upload the file and start the batch."""
        client = await self._clients.get()
        content = await asyncio.to_thread(b"\n".join, [*lines, b""])
        try:
            file: Any = await client.files.create(file=("autorater.jsonl", content), purpose="batch")
            if not getattr(file, "id", ""):
                raise self._strange(file)
            made: object = await client.batches.create(
                completion_window="24h",
                endpoint=_ENDPOINT,
                input_file_id=file.id,
                metadata={"made_by": "autorater", "parcel": parcel.name},
            )
        except (openai.OpenAIError, ValueError) as error:
            self._fail(error)
        return self._batch(made).id

    async def find(self, parcel: Parcel, known: Collection[str]) -> str:
        """By the metadata that it was sent with; the newest come first."""
        client = await self._clients.get()
        earliest = parcel.at.timestamp() - _SKEW
        try:
            async for batch in client.batches.list(limit=100):
                if (batch.metadata or {}).get("parcel") == parcel.name:
                    return batch.id
                if batch.created_at < earliest:
                    break
        except (openai.OpenAIError, ValueError) as error:
            self._fail(error)
        return ""

    async def look(self, batch: str) -> Progress:
        """How far it is."""
        client = await self._clients.get()
        try:
            found = self._batch(await client.batches.retrieve(batch))
        except (openai.OpenAIError, ValueError) as error:
            self._fail(error)
        counts = found.request_counts
        problems = (found.errors.data if found.errors else None) or []
        failed = found.status == "failed"
        return Progress(
            over=found.status in _OVER,
            done=counts.completed + counts.failed if counts else 0,
            total=counts.total if counts else 0,
            failed="; ".join(filter(None, (one.message for one in problems))) or found.status if failed else "",
            crowded=failed and any(one.code == "token_limit_exceeded" for one in problems),
            cancelled=found.status == "cancelled",
            files=tuple(filter(None, (found.output_file_id, found.error_file_id))),
        )

    async def collect(self, batch: str, progress: Progress) -> dict[str, Answer]:
        """The answers of both files."""
        client = await self._clients.get()
        answers: dict[str, Answer] = {}
        for file in progress.files:
            try:
                content = (await client.files.content(file)).content
            except openai.OpenAIError as error:
                self._fail(error)
            for line in await asyncio.to_thread(lines_of, content, name=self.name):
                if (answer := _answer(line, batch)) is not None:
                    answers[text(line, "custom_id")] = answer
        return answers

    def _batch(self, found: object) -> Batch:
        """The SDK gives back whatever came, a proxy's page as text and JSON of another shape with its fields."""
        if not isinstance(found, Batch) or not getattr(found, "id", ""):
            raise self._strange(found)
        return found

    def _strange(self, found: object) -> Unavailable:
        return Unavailable(f"{self.name}: expected a batch, got {str(found)[:60]!r}: a proxy may be at fault")

    def _fail(self, error: Exception) -> NoReturn:
        if isinstance(error, ValueError):
            raise self._strange(error) from error
        if isinstance(error, openai.APIStatusError):
            response = error.response
            raise failure(
                error.status_code, json_of(response.content), response.headers, name=self.name, key=KEY
            ) from error
        raise_lost(error, name=self.name)


def _answer(line: Json, batch: str) -> Answer | None:
    response, error = inner(line, "response"), inner(line, "error")
    status = response.get("status_code")
    if text(error, "code") == _CANCELLED:
        return None
    if not isinstance(status, int):
        return Answer(503 if text(error, "code") == _EXPIRED else 500, {"error": error}, batch=batch)
    return Answer(status, inner(response, "body"), request_id=text(response, "request_id"), batch=batch)
