"""OpenAI by its Responses API: nothing stored, images in full, strict schemas, reasoning handed back with the calls."""

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import openai

from autorater.capability import capability_of
from autorater.errors import Unavailable
from autorater.image import Picture
from autorater.mailing import Answer, Mailing
from autorater.messages import ToolCall, ToolResult, Turn
from autorater.model import Called, Capability, Finish, Question, Reply, Token, Usage
from autorater.outbox import Outbox
from autorater.providers._arguments import TOP_LOGPROBS, Arguments, Drawn
from autorater.providers._clients import LIMITS, PerLoop, checked_url, key_from, timeouts, tls
from autorater.providers._failures import answer_of, declined, failure, json_of, raise_lost, refused
from autorater.providers._json import Json, count, inner, items, text, token
from autorater.providers._openai_batches import OpenAIBatches
from autorater.providers._tools import (
    FAILED,
    called,
    calls_of,
    has_picture,
    packed,
    results_of,
    told,
    turn_with_calls,
    with_ids,
    with_what_precedes,
)
from autorater.providers._wire import LENGTHS, Schemas, check_images, data_url, forget_images, parts_of, said

KEY = "OPENAI_API_KEY"
_REASONING = "reasoning.encrypted_content"


class OpenAIModel:
    """A model of OpenAI. `timeout` is in seconds of silence; with `mailing` questions go by the batch API.

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
        self._capability = capability_of("openai", model)
        self._arguments = Arguments(self.name)
        self._schemas = Schemas(LENGTHS)
        key, url = key_from(api_key, KEY, provider="openai"), checked_url(base_url, provider="openai")
        self._clients = PerLoop(lambda: client_for(key, url, timeout), openai.AsyncOpenAI.close)
        self._outbox = None if mailing is None else Outbox(OpenAIBatches(self._clients, name=self.name), mailing)

    @property
    def name(self) -> str:
        """`openai:model`."""
        return f"openai:{self._model}"

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
        takes = self._capability
        if question.sampling.effort == "none":  # only without reasoning do the models that reason take these
            takes = replace(takes, temperature=True, logprobs=True)
        check_images(question.conversation, takes, name=self.name)
        return await self._arguments.ask(question, takes, self._call)

    async def _call(self, question: Question, drawn: Drawn) -> Reply:
        if self._outbox is not None:
            answer = await self._outbox.ask(
                lambda: self._body(question, drawn), sample=question.sample, gone=lambda: forget_images(question)
            )
            return self._from_batch(answer, drawn)
        body = self._body(question, drawn)
        client = await self._clients.get()
        try:
            response = await client.responses.with_raw_response.create(extra_body=body)
        except openai.APIStatusError as error:
            return refusal_or_raise(error, name=self.name, key=KEY, warnings=drawn.warnings)
        except openai.APIConnectionError as error:
            raise_lost(error, name=self.name)
        request_id = response.headers.get("x-request-id", "")
        raw = answer_of(response.content, name=self.name, request_id=request_id)
        return self._reply(raw, request_id, drawn)

    def _from_batch(self, answer: Answer, drawn: Drawn) -> Reply:
        if answer.status == 200:
            reply = self._reply(answer.body, answer.request_id, drawn)
        else:
            told = {"name": self.name, "key": KEY, "request_id": answer.request_id}
            reply = refused(answer.status, answer.body, {}, warnings=drawn.warnings, **told)
        return reply.model_copy(update={"batch": answer.batch})

    def _body(self, question: Question, drawn: Drawn) -> Json:
        form: Json = {}
        if question.schema:
            schema = {"type": "json_schema", "name": question.schema_name, "strict": True}
            form["text"] = {"format": {**schema, "schema": self._schemas.wire(question)}}
        body: Json = {
            "model": self._model,
            "instructions": question.conversation.system,
            "input": [item for turn in with_ids(question.conversation).turns for item in self._turn(turn)],
            **form,
            "image": {"context_compression": "disabled"},
            "max_output_tokens": drawn.max_output_tokens,
            "store": False,
        }
        if question.tools:
            body["tools"] = [
                {
                    "type": "function",
                    "name": tool.name,
                    "description": tool.description,
                    "parameters": self._schemas.wired(tool.parameters),
                    "strict": True,
                }
                for tool in question.tools
            ]
            body["tool_choice"] = "none" if question.schema else "auto"
            if self._capability.efforts:  # models that do not reason refuse to be asked for it
                body["include"] = [_REASONING]
        if drawn.effort is not None:
            body["reasoning"] = {"effort": drawn.effort}
        if drawn.temperature is not None:
            body["temperature"] = drawn.temperature
        if drawn.logprobs:
            body["include"] = [*body.get("include", []), "message.output_text.logprobs"]
            body["top_logprobs"] = TOP_LOGPROBS
        return body

    def _turn(self, turn: Turn) -> list[Json]:
        if turn.role == "assistant":
            words = {"role": "assistant", "content": [{"type": "output_text", "text": said(turn)}]}
            return turn_with_calls(turn, words, _call_item, spoken="message") if calls_of(turn) else [words]
        made = [self._result(result) for result in results_of(turn)]
        content = parts_of(turn, text_part, self._image_part)
        return [*made, {"role": "user", "content": content}] if content or not made else made

    def _result(self, result: ToolResult) -> Json:
        output: Any = told(result)
        if has_picture(result):
            failed = [text_part(FAILED)] if result.failed else []
            output = [*failed, *parts_of(result, text_part, self._image_part)]
        return {"type": "function_call_output", "call_id": result.id, "output": output}

    def _image_part(self, picture: Picture) -> Json:
        return image_part(picture, self._capability)

    def _reply(self, raw: Json, request_id: str, drawn: Drawn) -> Reply:
        status = raw.get("status")
        if status == "failed":
            return self._failed(raw, request_id, drawn)
        parts, calls = _parts(raw), _calls(raw)
        if status not in ("completed", "incomplete") or (status == "completed" and not parts and not calls):
            raise Unavailable(
                f"{self.name}: the response has no answer (status {status!r}): try again later",
                status=200,
                request_id=request_id or None,
            )
        refusal = " ".join(text(part, "refusal") for part in parts if part.get("type") == "refusal")
        why = text(inner(raw, "incomplete_details"), "reason") if status == "incomplete" else ""
        finish: Finish = "stop" if status == "completed" else "length" if why == "max_output_tokens" else "other"
        if refusal or why == "content_filter":
            finish, refusal = "refusal", refusal or "content_filter"
        texts = [part for part in parts if part.get("type") == "output_text"]
        return Reply(
            text="" if finish == "refusal" else "".join(text(part, "text") for part in texts),
            finish=finish,
            calls=() if finish == "refusal" else calls,
            refusal=refusal,
            usage=usage_of(inner(raw, "usage")),
            served_by=text(raw, "model"),
            request_id=request_id or text(raw, "id"),
            tokens=tokens_of([each for part in texts for each in items(part, "logprobs")]),
            warnings=drawn.warnings,
            raw=raw,
        )

    def _failed(self, raw: Json, request_id: str, drawn: Drawn) -> Reply:
        """A response that failed after it was accepted: its error code stands for the HTTP status."""
        error = inner(raw, "error")
        words = declined(400, {"error": error})
        if words:
            return Reply(
                text="",
                finish="refusal",
                refusal=words,
                usage=usage_of(inner(raw, "usage")),
                request_id=request_id,
                warnings=drawn.warnings,
                raw=raw,
            )
        status = {"server_error": 500, "rate_limit_exceeded": 429, "vector_store_timeout": 504}.get(
            text(error, "code"), 400
        )
        raise failure(status, {"error": error}, {}, name=self.name, key=KEY, request_id=request_id or None)


def client_for(
    key: str, url: str | None, timeout: float, headers: Mapping[str, Any] | None = None
) -> openai.AsyncOpenAI:
    """A client on aiohttp, which needs a third less CPU for a call than httpx2; retries are ours."""
    return openai.AsyncOpenAI(
        api_key=key,
        base_url=url,
        timeout=timeouts(timeout),
        max_retries=0,
        default_headers=headers,
        http_client=openai.DefaultAioHttpClient(limits=LIMITS, timeout=timeouts(timeout), verify=tls()),
    )


def refusal_or_raise(error: openai.APIStatusError, *, name: str, key: str, warnings: tuple[str, ...]) -> Reply:
    """The refusal that an HTTP error stands for; any other error is raised as ours."""
    response = error.response
    request_id = response.headers.get("x-request-id", "")
    body = json_of(response.content)
    return refused(
        error.status_code, body, response.headers, name=name, key=key, request_id=request_id, warnings=warnings
    )


def text_part(words: str) -> Json:
    """A text in the input of Responses and Decisions."""
    return {"type": "input_text", "text": words}


def image_part(picture: Picture, takes: Capability) -> Json:
    """A picture in the input of Responses and Decisions; the level of detail is pinned."""
    return {"type": "input_image", "image_url": data_url(picture, takes.fit), "detail": "high"}


def usage_of(usage: Json) -> Usage:
    """Usage as Responses and Decisions report it."""
    details = inner(usage, "input_tokens_details")
    return Usage(
        input=count(usage, "input_tokens"),
        output=count(usage, "output_tokens"),
        cached=count(details, "cached_tokens"),
        written=count(details, "cache_write_tokens"),
        reasoning=count(inner(usage, "output_tokens_details"), "reasoning_tokens"),
    )


def tokens_of(logprobs: list[Json]) -> tuple[Token, ...]:
    """Log probabilities as Responses and Chat Completions report them."""
    made = (token(each, items(each, "top_logprobs")) for each in logprobs)
    return tuple(each for each in made if each is not None)


def _parts(raw: Json) -> list[Json]:
    """The content parts of the answer's messages."""
    return [part for item in items(raw, "output") if item.get("type") == "message" for part in items(item, "content")]


def _call_item(call: ToolCall) -> Json:
    arguments = json.dumps(call.arguments, ensure_ascii=False)
    return {"type": "function_call", "call_id": call.id, "name": call.name, "arguments": arguments}


def _calls(raw: Json) -> tuple[Called, ...]:
    """The calls, each with the items before it as its signature.

    Nothing is stored, so reasoning goes back by its encrypted content or not at all; a message says by its phase that
    it is no final answer. What is no more than text goes back as text.
    """
    made: list[Called] = []
    for item, before in with_what_precedes(items(raw, "output"), "function_call"):
        kept = [each for each in before if each.get("encrypted_content") or each.get("type") == "message"]
        opaque = any(each.get("encrypted_content") or each.get("phase") for each in kept)
        signature = packed(kept) if opaque else ""
        made.append(called(text(item, "name"), item.get("arguments"), id=text(item, "call_id"), signature=signature))
    return tuple(made)
