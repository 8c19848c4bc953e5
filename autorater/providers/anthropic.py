"""Anthropic by its Messages API: structured output, no sampling arguments, no picture shrunk behind our back."""

import anthropic

from autorater.capability import capability_of
from autorater.errors import Unavailable
from autorater.image import Picture
from autorater.messages import Turn
from autorater.model import Capability, Finish, Question, Reply, Usage
from autorater.providers._arguments import Arguments, Drawn
from autorater.providers._clients import LIMITS, PerLoop, checked_url, key_from, timeouts, tls
from autorater.providers._failures import answer_of, declined, failure, json_of, raise_lost
from autorater.providers._json import Json, count, inner, items, text
from autorater.providers._wire import COUNTS, LENGTHS, RANGES, Schemas, base64_of, check_images, parts_of

KEY = "ANTHROPIC_API_KEY"
_DROPPED = LENGTHS | RANGES | COUNTS | {"pattern"}
_FINISH: dict[str, Finish] = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "refusal": "refusal",
}


class AnthropicModel:
    """A model of Anthropic. `timeout` is in seconds of silence.

    Raises:
        UsageError: no key is set.

    """

    def __init__(
        self, model: str, *, api_key: str | None = None, base_url: str | None = None, timeout: float = 600.0
    ) -> None:
        self._model = model
        self._capability = capability_of("anthropic", model)
        self._arguments = Arguments(self.name)
        self._schemas = Schemas(_DROPPED)
        key, url = key_from(api_key, KEY, provider="anthropic"), checked_url(base_url, provider="anthropic")
        self._clients = PerLoop(lambda: _client_for(key, url, timeout), anthropic.AsyncAnthropic.close)

    @property
    def name(self) -> str:
        """`anthropic:model`."""
        return f"anthropic:{self._model}"

    @property
    def capability(self) -> Capability:
        """The table's row."""
        return self._capability

    async def close(self) -> None:
        """Close the connections of the running event loop."""
        await self._clients.close()

    async def ask(self, question: Question) -> Reply:
        """One call; see `Model.ask`."""
        check_images(question.conversation, self._capability, name=self.name)
        return await self._arguments.ask(question, self._capability, self._call)

    async def _call(self, question: Question, drawn: Drawn) -> Reply:
        client = await self._clients.get()
        body = self._body(question, drawn)
        try:
            # `messages` is required here and comes with the body.
            response = await client.messages.with_raw_response.create(
                model=self._model, max_tokens=drawn.max_output_tokens, messages=[], extra_body=body
            )
        except anthropic.APIStatusError as error:
            return self._refusal_or_raise(error, drawn)
        except anthropic.APIConnectionError as error:
            raise_lost(error, name=self.name)
        request_id = response.headers.get("request-id", "")
        raw = answer_of(await response.read(), name=self.name, request_id=request_id)
        return self._reply(raw, request_id, drawn)

    def _body(self, question: Question, drawn: Drawn) -> Json:
        output: Json = {"format": {"type": "json_schema", "schema": self._schemas.wire(question)}}
        body: Json = {
            "system": question.conversation.system,
            "messages": [self._turn(turn) for turn in question.conversation.turns],
            "output_config": output,
        }
        if drawn.effort == "none":
            body["thinking"] = {"type": "disabled"}
        elif drawn.effort is not None:
            output["effort"] = drawn.effort
        return body

    def _turn(self, turn: Turn) -> Json:
        return {"role": turn.role, "content": parts_of(turn, _text_part, self._image_part)}

    def _image_part(self, picture: Picture) -> Json:
        media_type, data = base64_of(picture, self._capability.fit)
        return {
            "type": "image",
            "source": {"type": "base64", "media_type": media_type, "data": data},
            "transformations": {"oversized_image": "error"},
        }

    def _reply(self, raw: Json, request_id: str, drawn: Drawn) -> Reply:
        if raw.get("type") != "message" or raw.get("stop_reason") is None:
            raise Unavailable(
                f"{self.name}: the response is no finished message: try again later",
                status=200,
                request_id=request_id or None,
            )
        finish = _FINISH.get(str(raw["stop_reason"]), "other")
        details = inner(raw, "stop_details")
        words = " ".join(filter(None, (text(details, "category"), text(details, "explanation"))))
        answer = "".join(text(part, "text") for part in items(raw, "content") if part.get("type") == "text")
        return Reply(
            text="" if finish == "refusal" else answer,
            finish=finish,
            refusal=words or answer or "refusal" if finish == "refusal" else "",
            usage=_usage(inner(raw, "usage")),
            served_by=text(raw, "model"),
            request_id=request_id or text(raw, "id"),
            warnings=drawn.warnings,
            raw=raw,
        )

    def _refusal_or_raise(self, error: anthropic.APIStatusError, drawn: Drawn) -> Reply:
        body = json_of(error.response.content)
        request_id = error.response.headers.get("request-id", "")
        words = declined(error.status_code, body)
        if words:
            return Reply(
                text="", finish="refusal", refusal=words, request_id=request_id, warnings=drawn.warnings, raw=body
            )
        raise failure(
            error.status_code, body, error.response.headers, name=self.name, key=KEY, request_id=request_id or None
        ) from error


def _client_for(key: str, url: str | None, timeout: float) -> anthropic.AsyncAnthropic:
    """A client on aiohttp, which needs a third less CPU for a call than httpx2; retries are ours."""
    return anthropic.AsyncAnthropic(
        api_key=key,
        base_url=url,
        timeout=timeouts(timeout),
        max_retries=0,
        http_client=anthropic.DefaultAioHttpClient(limits=LIMITS, timeout=timeouts(timeout), verify=tls()),
    )


def _text_part(words: str) -> Json:
    return {"type": "text", "text": words}


def _usage(usage: Json) -> Usage:
    """Anthropic's `input_tokens` is what was neither read from nor written to the cache."""
    cached, written = count(usage, "cache_read_input_tokens"), count(usage, "cache_creation_input_tokens")
    return Usage(
        input=count(usage, "input_tokens") + cached + written,
        output=count(usage, "output_tokens"),
        cached=cached,
        written=written,
        reasoning=count(inner(usage, "output_tokens_details"), "thinking_tokens"),
    )
