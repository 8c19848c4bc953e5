"""Any server that speaks OpenAI's Chat Completions: llama.cpp, vLLM, transformers serve, Ollama."""

import json
import os
import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import PureWindowsPath
from typing import Literal
from urllib.parse import urlsplit

import openai

from autorater.capability import capability_of
from autorater.errors import ProviderError, Unavailable, UsageError
from autorater.image import Picture
from autorater.messages import ToolCall, ToolResult, Turn
from autorater.model import Called, Capability, Finish, Question, Reply, Usage
from autorater.providers._arguments import TOP_LOGPROBS, Arguments, Drawn, refuses_tools
from autorater.providers._clients import PerLoop, checked_url
from autorater.providers._failures import answer_of, failure, json_of, raise_lost
from autorater.providers._json import Json, count, inner, items, text
from autorater.providers._tools import called, calls_of, check_tools, pictures_of, results_of, told, with_ids
from autorater.providers._wire import Schemas, check_images, data_url, parts_of, said, schema_in_words
from autorater.providers.openai import client_for, refusal_or_raise, tokens_of

KEY = "AUTORATER_COMPATIBLE_API_KEY"
_FINISH: Mapping[str, Finish] = {"stop": "stop", "length": "length", "content_filter": "refusal"}
_IGNORED = "its server answered without it"
_NO_TOOLS = "tools are then named by structured answers, which does the same"


class CompatibleModel:
    """A model behind a compatible server, named `URL#model`; without `#model` the server's only model is used.

    An address without a path gets `/v1`. `schema` "prompt" is for servers that do not enforce a schema; that a server
    refuses or ignores the schema is also noticed, and from then on the schema stands in the prompt. `native_tools` says
    that the server knows the protocol's tools and that the model was trained for them; some take them without a word
    and never call any, hence not unless asked for. `timeout` is in seconds of silence.

    Raises:
        UsageError: the address is none.

    """

    def __init__(
        self,
        target: str,
        *,
        api_key: str | None = None,
        base_url: str | None = None,
        timeout: float = 600.0,
        schema: Literal["strict", "prompt"] = "strict",
        native_tools: bool = False,
    ) -> None:
        address, _, model = target.partition("#")
        self._target = target
        url = _address(base_url or address)
        self._model = model
        self._capability = replace(capability_of("compatible", model), schema=schema, tools=native_tools)
        self._arguments = Arguments(self.name, schema_may_go=True)
        self._schemas = Schemas(frozenset())
        key = api_key or os.environ.get(KEY) or "none"
        # OpenAI's own account settings, if any are in the environment, are no business of another server.
        headers = {"OpenAI-Organization": openai.Omit(), "OpenAI-Project": openai.Omit()}
        self._clients = PerLoop(lambda: client_for(key, url, timeout, headers), openai.AsyncOpenAI.close)

    @property
    def name(self) -> str:
        """`compatible:URL#model`, as it was opened."""
        return f"compatible:{self._target}"

    @property
    def capability(self) -> Capability:
        """The row of an unknown local model."""
        return self._capability

    async def close(self) -> None:
        """Close the connections of the running event loop."""
        await self._clients.close()

    async def ask(self, question: Question) -> Reply:
        """One call; see `Model.ask`.

        Raises:
            UsageError: no model was named and the server has more than one, or none; or the question has tools and
                this was opened without `native_tools`.

        """
        check_images(question.conversation, self._capability, name=self.name)
        check_tools(question, self._capability, name=self.name, advice="open it with native_tools if its server does")
        if not self._model:
            self._model = await self._only_model()
        try:
            return await self._arguments.ask(question, self._capability, self._call)
        except ProviderError as error:
            if question.tools and not question.schema and refuses_tools(error):
                raise ProviderError(
                    f"{error}; open it without native_tools: {_NO_TOOLS}", status=error.status
                ) from error
            raise

    async def _only_model(self) -> str:
        client = await self._clients.get()
        try:
            response = await client.models.with_raw_response.list()
        except openai.APIStatusError as error:
            body = json_of(error.response.content)
            raise failure(error.status_code, body, error.response.headers, name=self.name, key=KEY) from error
        except openai.APIConnectionError as error:
            raise_lost(error, name=self.name)
        served = items(answer_of(response.content, name=self.name, request_id=""), "data")
        names = [text(model, "id") for model in served]
        if len(names) != 1:
            listed = ", ".join(names) or "none"
            raise UsageError(f"{self.name}: the server has {len(names)} models ({listed}): name one after '#'")
        return names[0]

    async def _call(self, question: Question, drawn: Drawn) -> Reply:
        client = await self._clients.get()
        body = self._body(question, drawn)
        try:
            # `messages` is required here and comes with the body.
            response = await client.chat.completions.with_raw_response.create(
                model=self._model, messages=[], extra_body=body
            )
        except openai.APIStatusError as error:
            return refusal_or_raise(error, name=self.name, key=KEY, warnings=drawn.warnings)
        except openai.APIConnectionError as error:
            raise_lost(error, name=self.name)
        request_id = response.headers.get("x-request-id", "")
        raw = answer_of(response.content, name=self.name, request_id=request_id)
        reply = self._reply(raw, request_id, drawn)
        if drawn.schema and reply.finish == "stop" and not reply.text.lstrip().startswith("{"):
            self._arguments.refused.setdefault("schema", _IGNORED)
        return reply

    def _body(self, question: Question, drawn: Drawn) -> Json:
        schema = self._schemas.wire(question)
        system = question.conversation.system
        if schema and not drawn.schema:
            system = f"{system}\n\n{schema_in_words(schema)}"
        turns = with_ids(question.conversation).turns
        body: Json = {
            "messages": [{"role": "system", "content": system}, *(each for turn in turns for each in self._turn(turn))],
            "max_tokens": drawn.max_output_tokens,
        }
        if question.tools and not schema:  # llama.cpp takes no tools beside a schema, and no server needs them then
            body["tools"] = [
                {
                    "type": "function",
                    "function": {
                        "name": tool.name,
                        "description": tool.description,
                        "parameters": self._schemas.wired(tool.parameters),
                        "strict": True,
                    },
                }
                for tool in question.tools
            ]
            body["tool_choice"] = "auto"
        if drawn.schema:
            body["response_format"] = {
                "type": "json_schema",
                "json_schema": {"name": question.schema_name, "strict": True, "schema": schema},
            }
        if drawn.logprobs:
            body |= {"logprobs": True, "top_logprobs": TOP_LOGPROBS}
        optional = {"temperature": drawn.temperature, "seed": drawn.seed, "reasoning_effort": drawn.effort}
        return body | {name: value for name, value in optional.items() if value is not None}

    def _turn(self, turn: Turn) -> list[Json]:
        if turn.role == "assistant":
            calls = [_call_item(call) for call in calls_of(turn)]
            return [{"role": "assistant", "content": said(turn)} | ({"tool_calls": calls} if calls else {})]
        results = results_of(turn)
        made: list[Json] = [
            {"role": "tool", "tool_call_id": result.id, "content": told(result) or "(no text)"} for result in results
        ]
        # What a tool returns is text here: a picture follows as the user's, after all results.
        shown = [part for result in results for part in self._shown(result)]
        content = [*shown, *parts_of(turn, _text_part, self._image_part)]
        return [*made, {"role": "user", "content": content}] if content or not made else made

    def _shown(self, result: ToolResult) -> list[Json]:
        return pictures_of(
            result,
            self._image_part,
            lambda number: [_text_part(f"Picture {number} that {result.name} returned (call {result.id}):")],
        )

    def _image_part(self, picture: Picture) -> Json:
        return {"type": "image_url", "image_url": {"url": data_url(picture, self._capability.fit), "detail": "high"}}

    def _reply(self, raw: Json, request_id: str, drawn: Drawn) -> Reply:
        if "model" in raw:
            raw = raw | {"model": _without_folder(text(raw, "model"))}
        choice = (items(raw, "choices") or [Json()])[0]
        message = inner(choice, "message")
        if not message:
            raise Unavailable(
                f"{self.name}: the response has no choices: try again later", status=200, request_id=request_id or None
            )
        refusal = text(message, "refusal")
        calls = tuple(map(_called, items(message, "tool_calls")))
        finish = "refusal" if refusal else _FINISH.get(text(choice, "finish_reason"), "other")
        if finish == "refusal":
            refusal, calls = refusal or "content_filter", ()
        elif calls and text(choice, "finish_reason") == "tool_calls":
            finish = "stop"
        return Reply(
            text="" if finish == "refusal" else text(message, "content"),
            finish=finish,
            calls=calls,
            refusal=refusal,
            usage=_usage(inner(raw, "usage")),
            served_by=text(raw, "model"),
            request_id=request_id or text(raw, "id"),
            tokens=tokens_of(items(inner(choice, "logprobs"), "content")),
            warnings=drawn.warnings,
            raw=raw,
        )


def _address(url: str) -> str:
    """The address of the API, with `/v1` when it has no path."""
    checked_url(url, provider="compatible")
    parts = urlsplit(url)
    if not parts.hostname:
        raise UsageError(f"compatible: expected an address as http://host:port/v1, got {url!r}")
    if parts.username or parts.password:
        raise UsageError(f"compatible: the address must hold no password (it is written to the log): set {KEY} instead")
    return f"{url.rstrip('/')}/v1" if parts.path in ("", "/") else url


def _without_folder(model: str) -> str:
    """A model's name; of an absolute path, which llama.cpp gives without an alias, the last part: logs hold no path."""
    folder = model.startswith("/") or PureWindowsPath(model).is_absolute()
    return re.split(r"[\\/]", model)[-1] if folder else model


def _text_part(words: str) -> Json:
    return {"type": "text", "text": words}


def _call_item(call: ToolCall) -> Json:
    arguments = json.dumps(call.arguments, ensure_ascii=False)
    return {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": arguments}}


def _called(item: Json) -> Called:
    function = inner(item, "function")
    return called(text(function, "name"), function.get("arguments"), id=text(item, "id"))


def _usage(usage: Json) -> Usage:
    return Usage(
        input=count(usage, "prompt_tokens"),
        output=count(usage, "completion_tokens"),
        cached=count(inner(usage, "prompt_tokens_details"), "cached_tokens"),
        reasoning=count(inner(usage, "completion_tokens_details"), "reasoning_tokens"),
    )
