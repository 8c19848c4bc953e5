"""Anthropic's Message Batches: the questions go in one request, and the results come as lines.

<https://platform.claude.com/docs/en/build-with-claude/batch-processing>: at most 100,000 questions or 256 MB; results
are kept for 29 days, and only those that succeeded are billed.
"""

import asyncio
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, NoReturn

import anthropic
import httpx2

from autorater.canonical import canonical_json
from autorater.errors import Unavailable
from autorater.mailing import Answer, Parcel, Progress
from autorater.providers._clients import PerLoop
from autorater.providers._failures import failure, json_of, lines_of, raise_lost
from autorater.providers._json import Json, count, inner, items, text

KEY = "ANTHROPIC_API_KEY"
_PATH = "/v1/messages/batches"
_COUNTS = ("processing", "succeeded", "errored", "canceled", "expired")
_NEVER = "9999-12-31T00:00:00+00:00"
_SKEW, _UPLOAD = timedelta(minutes=5), timedelta(hours=2)
"""By how much our clock may be wrong, and how long a batch may take to go up."""
_STATUS = {
    "invalid_request_error": 400,
    "authentication_error": 401,
    "billing_error": 402,
    "permission_error": 403,
    "not_found_error": 404,
    "request_too_large": 413,
    "rate_limit_error": 429,
    "timeout_error": 504,
    "overloaded_error": 529,
}
"""The type of an error → the HTTP status that a call of its own would have got (others: 500)."""


class AnthropicBatches:
    """See `BatchService`."""

    limits = (100_000, 240_000_000)

    def __init__(self, clients: PerLoop[anthropic.AsyncAnthropic], *, name: str) -> None:
        self._clients, self.name = clients, name

    def line(self, id: str, body: Mapping[str, Any]) -> bytes:
        """One entry of the list of questions."""
        return canonical_json({"custom_id": id, "params": dict(body)})

    async def send(self, lines: Sequence[bytes], parcel: Parcel) -> str:
        """Start the batch."""
        content = await asyncio.to_thread(lambda: b'{"requests":[' + b",".join(lines) + b"]}")
        answer = (await self._ask("post", _PATH, content)).content
        if not (batch := text(json_of(answer), "id")):
            raise Unavailable(f"{self.name}: expected a batch, got {answer[:60]!r}: a proxy may be at fault")
        return batch

    async def find(self, parcel: Parcel, known: Collection[str]) -> str:
        """By its time and size: a batch has no place for a name of ours. The newest come first."""
        found, path = "", f"{_PATH}?limit=1000"
        while path:
            page = json_of((await self._ask("get", path)).content)
            if not isinstance(page.get("data"), list):
                raise Unavailable(f"{self.name}: expected a list of batches, got {str(page)[:60]!r}: try again later")
            for one in items(page, "data"):
                made = datetime.fromisoformat(text(one, "created_at") or _NEVER)
                if made < parcel.at - _SKEW:
                    return found
                same = sum(count(inner(one, "request_counts"), name) for name in _COUNTS) == len(parcel.lines)
                if same and made < parcel.at + _UPLOAD and text(one, "id") not in known:
                    found = text(one, "id")
            path = f"{_PATH}?limit=1000&after_id={text(page, 'last_id')}" if page.get("has_more") else ""
        return found

    async def look(self, batch: str) -> Progress:
        """How far it is."""
        found = json_of((await self._ask("get", f"{_PATH}/{batch}")).content)
        counts = inner(found, "request_counts")
        total = sum(count(counts, name) for name in _COUNTS)
        over = text(found, "processing_status") == "ended"
        return Progress(
            over=over,
            done=total - count(counts, "processing"),
            total=total,
            cancelled=over and found.get("cancel_initiated_at") is not None,
        )

    async def collect(self, batch: str, progress: Progress) -> dict[str, Answer]:
        """The results; what was cancelled is left out."""
        content = (await self._ask("get", f"{_PATH}/{batch}/results")).content
        lines = await asyncio.to_thread(lines_of, content, name=self.name)
        found = {text(line, "custom_id"): _answer(inner(line, "result"), batch) for line in lines}
        return {id: answer for id, answer in found.items() if answer is not None}

    async def _ask(self, method: str, path: str, content: bytes | None = None) -> httpx2.Response:
        client = await self._clients.get()
        try:
            if method == "get":
                return await client.get(path, cast_to=httpx2.Response)
            return await client.post(
                path,
                content=content,
                cast_to=httpx2.Response,
                options={"headers": {"content-type": "application/json"}},
            )
        except anthropic.AnthropicError as error:
            self._fail(error)

    def _fail(self, error: anthropic.AnthropicError) -> NoReturn:
        if isinstance(error, anthropic.APIStatusError):
            response = error.response
            raise failure(
                error.status_code, json_of(response.content), response.headers, name=self.name, key=KEY
            ) from error
        raise_lost(error, name=self.name)


def _answer(result: Json, batch: str) -> Answer | None:
    kind = text(result, "type")
    if kind == "succeeded":
        return Answer(200, inner(result, "message"), batch=batch)
    if kind == "canceled":
        return None
    if kind == "expired":
        return Answer(503, {"error": {"message": "the batch expired before this question's turn came"}}, batch=batch)
    told = inner(result, "error")
    error = inner(told, "error") or told
    return Answer(_STATUS.get(text(error, "type"), 500), {"error": error}, batch=batch)
