"""Anthropic by its Messages API: structured output, no sampling arguments, no picture shrunk behind our back.

What Claude thought before it called a tool goes back with the call as it came, which the API insists on.
"""

import anthropic

from autorater.capability import capability_of
from autorater.errors import Unavailable
from autorater.image import Picture
from autorater.mailing import Answer, Mailing
from autorater.messages import ToolCall, ToolResult, Turn
from autorater.model import Called, Capability, Finish, Question, Reply, Usage
from autorater.outbox import Outbox
from autorater.providers._anthropic_batches import AnthropicBatches
from autorater.providers._arguments import Arguments, Drawn
from autorater.providers._clients import LIMITS, PerLoop, checked_url, key_from, timeouts, tls
from autorater.providers._failures import answer_of, json_of, raise_lost, refused
from autorater.providers._json import Json, count, inner, items, text
from autorater.providers._tools import (
    FAILED,
    called,
    calls_of,
    declared_of,
    has_picture,
    packed,
    results_of,
    turn_with_calls,
    with_ids,
    with_what_precedes,
)
from autorater.providers._wire import (
    COUNTS,
    LENGTHS,
    RANGES,
    Schemas,
    base64_of,
    check_images,
    forget_images,
    parts_of,
    said,
)

KEY = "ANTHROPIC_API_KEY"
_DROPPED = LENGTHS | RANGES | COUNTS | {"pattern"}
_STRICT_TOOLS = 20
"""So many tools may be strict in one call."""
_FINISH: dict[str, Finish] = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "refusal": "refusal",
}


class AnthropicModel:
    """A model of Anthropic. `timeout` is in seconds of silence; with `mailing` questions go by the batch API.

    Raises:
        UsageError: no key is set.

    """

    def __init__(
        self,
        model: str,
        *,
        api_key: str | None = None,
        base_url: str | None = None,
        timeout: float = 600.0,
        mailing: Mailing | None = None,
    ) -> None:
        self._model = model
        self._capability = capability_of("anthropic", model)
        self._arguments = Arguments(self.name)
        self._schemas = Schemas(_DROPPED)
        key, url = key_from(api_key, KEY, provider="anthropic"), checked_url(base_url, provider="anthropic")
        self._clients = PerLoop(lambda: _client_for(key, url, timeout), anthropic.AsyncAnthropic.close)
        self._outbox = None if mailing is None else Outbox(AnthropicBatches(self._clients, name=self.name), mailing)

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
        if self._outbox is not None:
            self._outbox.close()
        await self._clients.close()

    async def ask(self, question: Question) -> Reply:
        """One call; see `Model.ask`."""
        check_images(question.conversation, self._capability, name=self.name)
        return await self._arguments.ask(question, self._capability, self._call)

    async def _call(self, question: Question, drawn: Drawn) -> Reply:
        if self._outbox is not None:
            named = {"model": self._model, "max_tokens": drawn.max_output_tokens}
            answer = await self._outbox.ask(
                lambda: named | self._body(question, drawn),
                sample=question.sample,
                gone=lambda: forget_images(question),
            )
            return self._from_batch(answer, drawn)
        body = self._body(question, drawn)
        client = await self._clients.get()
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
        body: Json = {
            "system": question.conversation.system,
            "messages": [self._turn(turn) for turn in with_ids(question.conversation).turns],
        }
        output: Json = {}
        if question.schema:
            output["format"] = {"type": "json_schema", "schema": self._schemas.wire(question)}
        if drawn.effort == "none":
            body["thinking"] = {"type": "disabled"}
        elif drawn.effort is not None:
            output["effort"] = drawn.effort
        if output:
            body["output_config"] = output
        # A conversation with calls in it must declare tools, whether or not more may be called.
        tools = question.tools or declared_of(question.conversation)
        if tools:
            strict = {"strict": True} if question.tools and len(tools) <= _STRICT_TOOLS else {}
            body["tools"] = [
                {
                    "name": tool.name,
                    "description": tool.description,
                    "input_schema": self._schemas.wired(tool.parameters),
                    **strict,
                }
                for tool in tools
            ]
            body["tool_choice"] = {"type": "auto" if question.tools and not question.schema else "none"}
        return body

    def _turn(self, turn: Turn) -> Json:
        if calls_of(turn):
            content = turn_with_calls(turn, _text_part(said(turn)), _call_block, spoken="text")
        else:  # results must come before everything else
            results = [self._result(result) for result in results_of(turn)]
            content = [*results, *parts_of(turn, _text_part, self._image_part)]
        return {"role": turn.role, "content": content}

    def _result(self, result: ToolResult) -> Json:
        content = [
            part for part in parts_of(result, _text_part, self._image_part) if part["type"] != "text" or part["text"]
        ]
        block: Json = {"type": "tool_result", "tool_use_id": result.id}
        if result.failed and has_picture(result):  # an error may hold text alone
            content.insert(0, _text_part(FAILED))
        elif result.failed:
            block["is_error"] = True
        return {**block, "content": content} if content else block

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
        calls = _calls(raw, cut=finish == "length")
        if raw["stop_reason"] == "tool_use" and calls:
            finish = "stop"
        details = inner(raw, "stop_details")
        words = " ".join(filter(None, (text(details, "category"), text(details, "explanation"))))
        answer = "".join(text(part, "text") for part in items(raw, "content") if part.get("type") == "text")
        return Reply(
            text="" if finish == "refusal" else answer,
            finish=finish,
            calls=() if finish == "refusal" else calls,
            refusal=words or answer or "refusal" if finish == "refusal" else "",
            usage=_usage(inner(raw, "usage")),
            served_by=text(raw, "model"),
            request_id=request_id or text(raw, "id"),
            warnings=drawn.warnings,
            raw=raw,
        )

    def _refusal_or_raise(self, error: anthropic.APIStatusError, drawn: Drawn) -> Reply:
        response = error.response
        told = {"name": self.name, "key": KEY, "request_id": response.headers.get("request-id", "")}
        body = json_of(response.content)
        return refused(error.status_code, body, response.headers, warnings=drawn.warnings, **told)

    def _from_batch(self, answer: Answer, drawn: Drawn) -> Reply:
        if answer.status == 200:
            reply = self._reply(answer.body, answer.request_id, drawn)
        else:
            told = {"name": self.name, "key": KEY, "request_id": answer.request_id}
            reply = refused(answer.status, answer.body, {}, warnings=drawn.warnings, **told)
        return reply.model_copy(update={"batch": answer.batch})


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


def _call_block(call: ToolCall) -> Json:
    return {"type": "tool_use", "id": call.id, "name": call.name, "input": call.arguments}


def _calls(raw: Json, *, cut: bool) -> tuple[Called, ...]:
    """The calls, each with the thinking before it as its signature; when the answer was cut, so was a call at its end.

    What Claude said beside its thinking is in the signature too, since the order must be kept.
    """
    blocks = items(raw, "content")
    made: list[Called] = []
    for block, before in with_what_precedes(blocks, "tool_use"):
        opaque = any(each.get("type") != "text" for each in before)
        problem = "the answer was cut at the limit of its tokens" if cut and block is blocks[-1] else ""
        made.append(
            called(
                text(block, "name"),
                block.get("input"),
                id=text(block, "id"),
                signature=packed(before) if opaque else "",
                problem=problem,
            )
        )
    return tuple(made)


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
