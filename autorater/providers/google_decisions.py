"""Google's Decisions API: a choice or a score with probabilities, instead of a written verdict."""

from typing import Any, cast

import httpx2
from google import genai
from google.genai import types

from autorater.capability import capability_of
from autorater.errors import Unavailable
from autorater.image import Picture
from autorater.model import Capability, Question, Reply, Usage
from autorater.providers._clients import LIMITS, PerLoop, checked_url, key_from, timeouts, tls
from autorater.providers._decisions import Decision, check_first_turn, decision_of, warnings_of
from autorater.providers._failures import answer_of, declined, failure, json_of, raise_lost
from autorater.providers._json import Json, count, inner, text
from autorater.providers._tools import check_no_tools
from autorater.providers._wire import base64_of, check_images, parts_of
from autorater.providers.google import KEY, OTHER_KEY


class GoogleDecisions:
    """The Decisions API of Google. Of the schema only the last field is answered. `timeout` is in seconds of silence.

    Raises:
        UsageError: no key is set.

    """

    def __init__(
        self, model: str, *, api_key: str | None = None, base_url: str | None = None, timeout: float = 120.0
    ) -> None:
        self._model = model
        self._capability = capability_of("google-decisions", model)
        key = key_from(api_key, KEY, OTHER_KEY, provider="google-decisions")
        url = checked_url(base_url, provider="google-decisions")
        self._clients = PerLoop(lambda: _Connection(key, url, timeout), _Connection.close)

    @property
    def name(self) -> str:
        """`google-decisions:model`."""
        return f"google-decisions:{self._model}"

    @property
    def capability(self) -> Capability:
        """The table's row."""
        return self._capability

    async def close(self) -> None:
        """Close the connections of the running event loop."""
        await self._clients.close()

    async def ask(self, question: Question) -> Reply:
        """One call; see `Model.ask`. `probabilities` holds every label, and `text` the likeliest."""
        check_images(question.conversation, self._capability, name=self.name)
        check_first_turn(question.conversation, name=self.name)
        check_no_tools(question, name=self.name)
        decision, warnings = decision_of(question, name=self.name), warnings_of(question, name=self.name)
        connection = await self._clients.get()
        body = {"input": self._input(question), "questions": {decision.field: _posed(decision)}}
        try:
            # `input` and `questions` are required here and come with the body.
            response: Any = await connection.decisions.create(
                model=f"models/{self._model}", input="", questions={}, extra_body=body
            )
        except Exception as error:  # this part of the SDK has error classes of its own, none of them public
            return self._refusal_or_raise(error, warnings)
        headers: httpx2.Headers = response.headers
        raw = answer_of(await response.read(), name=self.name, request_id="")
        return self._reply(raw, headers, decision, warnings)

    def _refusal_or_raise(self, error: Exception, warnings: tuple[str, ...]) -> Reply:
        response = getattr(error, "response", None)
        if not isinstance(response, httpx2.Response):
            raise_lost(error, name=self.name)
        body = json_of(response.content)
        words = declined(response.status_code, body)
        if words:
            return Reply(text="", finish="refusal", refusal=words, warnings=warnings, raw=body)
        raise failure(response.status_code, body, response.headers, name=self.name, key=KEY) from error

    def _input(self, question: Question) -> list[Json]:
        conversation = question.conversation
        parts = (part for turn in conversation.turns for part in parts_of(turn, _text_part, self._image_part))
        return [_text_part(conversation.system), *parts]

    def _image_part(self, picture: Picture) -> Json:
        media_type, data = base64_of(picture, self._capability.fit)
        return {"type": "image", "mime_type": media_type, "data": data, "resolution": "high"}

    def _reply(self, raw: Json, headers: httpx2.Headers, decision: Decision, warnings: tuple[str, ...]) -> Reply:
        feedback, answer = inner(raw, "prompt_feedback"), inner(inner(raw, "answers"), decision.field)
        blocked = text(feedback, "block_reason")
        if not blocked and answer.get("type") != decision.kind:
            raise Unavailable(f"{self.name}: the response answers no {decision.kind}: try again later", status=200)
        probabilities = _probabilities(answer, decision)
        words = text(feedback, "block_reason_message")
        usage = inner(raw, "usage")
        return Reply(
            text="" if blocked else decision.answer(probabilities, name=self.name),
            finish="refusal" if blocked else "stop",
            refusal=f"{blocked}: {words}".removesuffix(": ") if blocked else "",
            usage=Usage(
                input=count(usage, "total_input_tokens"),
                output=count(usage, "total_output_tokens"),
                cached=count(usage, "total_cached_tokens"),
            ),
            served_by=self._model,
            request_id=headers.get("x-request-id", ""),
            probabilities=probabilities,
            warnings=warnings,
            raw=raw,
        )


class _Connection:
    """A client with a transport of ours; this part of the SDK takes httpx2 only."""

    def __init__(self, key: str, url: str | None, timeout: float) -> None:
        self._http = httpx2.AsyncClient(limits=LIMITS, timeout=timeouts(timeout), verify=tls())
        self._client = genai.Client(
            vertexai=False,
            api_key=key,
            http_options=types.HttpOptions(
                base_url=url,
                api_version="v1beta",  # where the API was announced; the SDK's default is v1
                timeout=int(timeout * 1000),
                retry_options=types.HttpRetryOptions(attempts=1),
                httpx_async_client=self._http,
                client_args={"verify": tls()},
                async_client_args={"ssl": tls(), "verify": tls()},
            ),
        )
        self.decisions = cast(Any, self._client.aio.decisions.with_raw_response)

    async def close(self) -> None:
        self._client.close()
        await self._http.aclose()


def _posed(decision: Decision) -> Json:
    criteria: Any = list(decision.labels) if decision.kind == "score" else dict.fromkeys(decision.labels, "")
    return {"type": decision.kind, "instructions": decision.instructions, "criteria": criteria}


def _probabilities(answer: Json, decision: Decision) -> dict[str, float]:
    """By label; the levels of a score come numbered from 0."""
    given = {
        key: float(value) for key, value in inner(answer, "probabilities").items() if isinstance(value, int | float)
    }
    if decision.kind == "choice":
        return given
    return {label: given[str(place)] for place, label in enumerate(decision.labels) if str(place) in given}


def _text_part(words: str) -> Json:
    return {"type": "text", "text": words}
