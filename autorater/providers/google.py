"""Google's Gemini by generateContent: nothing stored, one request a call, media resolution pinned.

The signature of a call is Gemini's own thought signature, which must come back where it was.
"""

import re
from collections.abc import Mapping
from typing import Any, cast

import aiohttp
from google import genai
from google.genai import errors, types

from autorater.capability import capability_of
from autorater.errors import Unavailable
from autorater.image import Picture
from autorater.mailing import Answer, Mailing
from autorater.messages import ToolCall, ToolResult, Turn
from autorater.model import Called, Capability, Finish, Question, Reply, Token, Usage
from autorater.outbox import Outbox
from autorater.providers._arguments import TOP_LOGPROBS, Arguments, Drawn
from autorater.providers._clients import CONNECTIONS, PerLoop, checked_url, key_from, tls
from autorater.providers._failures import answer_of, raise_lost, refused
from autorater.providers._google_batches import GoogleBatches
from autorater.providers._json import Json, as_object, count, inner, items, text, token
from autorater.providers._tools import called, calls_of, has_picture, pictures_of, results_of, words_of
from autorater.providers._wire import LENGTHS, RANGES, Schemas, base64_of, check_images, forget_images, parts_of, said

KEY, OTHER_KEY = "GEMINI_API_KEY", "GOOGLE_API_KEY"
_DROPPED = (LENGTHS | RANGES | {"pattern", "uniqueItems", "const"}) - {"minimum", "maximum"}
_BLOCKED = re.compile(r"SAFETY|BLOCKLIST|PROHIBITED|SPII|RECITATION")
_CALL_FAILED = re.compile(r"FUNCTION_CALL|TOOL_CALL")
_FINISH: dict[str, Finish] = {"STOP": "stop", "MAX_TOKENS": "length"}
_ONE_REQUEST = types.AutomaticFunctionCallingConfig(disable=True)


class GoogleModel:
    """A Gemini model. `timeout` is in seconds for the whole call; with `mailing` questions go by the batch API.

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
        self._capability = capability_of("google", model)
        self._pictures_in_results = self._capability.known and not model.startswith("gemini-2")
        self._arguments = Arguments(self.name)
        self._schemas = Schemas(frozenset(_DROPPED))
        key, url = key_from(api_key, KEY, OTHER_KEY, provider="google"), checked_url(base_url, provider="google")
        self._clients = clients = PerLoop(lambda: Connection(key, url, timeout), Connection.close)

        async def client() -> genai.Client:  # no method of the model's: in a cycle nothing is closed (see PerLoop)
            return (await clients.get()).client

        self._client = client
        service = GoogleBatches(client, name=self.name)
        self._outbox = None if mailing is None else Outbox(service, mailing)

    @property
    def name(self) -> str:
        """`google:model`."""
        return f"google:{self._model}"

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
            answer = await self._outbox.ask(
                lambda: self._body(question, drawn), sample=question.sample, gone=lambda: forget_images(question)
            )
            return self._from_batch(answer, drawn)
        body = self._body(question, drawn)
        config = types.GenerateContentConfig(
            http_options=types.HttpOptions(extra_body=body),
            should_return_http_response=True,
            automatic_function_calling=_ONE_REQUEST,
            automatic_continuation=False,
        )
        try:
            # `contents` is required here and comes with the body.
            client = await self._client()
            response = await client.aio.models.generate_content(model=self._model, contents="", config=config)
        except errors.APIError as error:
            return refusal_or_raise(error, name=self.name, warnings=drawn.warnings)
        except (aiohttp.ClientError, OSError) as error:
            raise_lost(error, name=self.name)
        http = response.sdk_http_response
        content, headers = (http.body, http.headers) if http else (None, None)
        raw = answer_of(content or "", name=self.name, request_id="")
        return self._reply(raw, headers or {}, drawn)

    def _from_batch(self, answer: Answer, drawn: Drawn) -> Reply:
        if answer.status == 200:
            reply = self._reply(answer.body, {}, drawn)
        else:
            reply = refused(answer.status, answer.body, {}, name=self.name, key=KEY, warnings=drawn.warnings)
        return reply.model_copy(update={"batch": answer.batch})

    def _body(self, question: Question, drawn: Drawn) -> Json:
        generation: Json = {}
        if question.schema:
            generation["responseMimeType"] = "application/json"
            generation["responseJsonSchema"] = self._schemas.wire(question)
        generation["maxOutputTokens"] = drawn.max_output_tokens
        generation["mediaResolution"] = "MEDIA_RESOLUTION_HIGH"
        if drawn.temperature is not None:
            generation["temperature"] = drawn.temperature
        if drawn.seed is not None:
            generation["seed"] = drawn.seed
        if drawn.logprobs:
            generation |= {"responseLogprobs": True, "logprobs": TOP_LOGPROBS}
        if drawn.effort is not None:
            is_budget = re.fullmatch(r"-?\d+", drawn.effort)
            generation["thinkingConfig"] = (
                {"thinkingBudget": int(drawn.effort)} if is_budget else {"thinkingLevel": drawn.effort.upper()}
            )
        body: Json = {
            "systemInstruction": {"parts": [{"text": question.conversation.system}]},
            "contents": [content for turn in question.conversation.turns for content in self._turn(turn)],
            "generationConfig": generation,
            "store": False,
        }
        if question.tools and not question.schema:  # older models take no tools beside a schema, and history needs none
            declared = [
                {
                    "name": tool.name,
                    "description": tool.description,
                    "parametersJsonSchema": self._schemas.wired(tool.parameters),
                }
                for tool in question.tools
            ]
            body["tools"] = [{"functionDeclarations": declared}]
            body["toolConfig"] = {"functionCallingConfig": {"mode": "AUTO"}}
        return body

    def _turn(self, turn: Turn) -> list[Json]:
        results = results_of(turn)
        parts = parts_of(turn, _text_part, self._image_part)
        if turn.role == "assistant":
            calls = calls_of(turn)
            spoken = [_text_part(said(turn))] if said(turn) else []
            return [{"role": "model", "parts": [*spoken, *map(_call_part, calls)] if calls else parts}]
        if not results:
            return [{"role": "user", "parts": parts}]
        # Nothing may stand beside the responses: their number must be that of the calls.
        beside = [] if self._pictures_in_results else [part for result in results for part in self._shown(result)]
        after = [{"role": "user", "parts": [*beside, *parts]}] if beside or parts else []
        return [{"role": "user", "parts": [self._result(result) for result in results]}, *after]

    def _result(self, result: ToolResult) -> Json:
        response: Json = {"name": result.name, "response": {"error" if result.failed else "output": words_of(result)}}
        if result.id:
            response["id"] = result.id
        if self._pictures_in_results and has_picture(result):
            response["parts"] = pictures_of(result, self._image_part, lambda number: [])
        return {"functionResponse": response}

    def _shown(self, result: ToolResult) -> list[Json]:
        """The pictures of a result, for a model that takes none in the result itself."""
        return pictures_of(
            result, self._image_part, lambda number: [_text_part(f"Picture {number} that {result.name} returned:")]
        )

    def _image_part(self, picture: Picture) -> Json:
        media_type, data = base64_of(picture, self._capability.fit)
        return {"inlineData": {"mimeType": media_type, "data": data}}

    def _reply(self, raw: Json, headers: Mapping[str, str], drawn: Drawn) -> Reply:
        feedback, candidates = inner(raw, "promptFeedback"), items(raw, "candidates")
        if not candidates and not feedback.get("blockReason"):
            raise Unavailable(f"{self.name}: the response has no candidates: try again later", status=200)
        candidate = candidates[0] if candidates else {}
        reason = text(candidate, "finishReason") or text(feedback, "blockReason")
        finish = _FINISH.get(reason, "refusal" if not candidates or _BLOCKED.search(reason) else "other")
        parts = [part for part in items(inner(candidate, "content"), "parts") if not part.get("thought")]
        words = text(candidate, "finishMessage") or text(feedback, "blockReasonMessage")
        # A call that cannot be read is told in words only: the model did not say which tool it meant.
        failed = (f"{reason}: {words}".removesuffix(": "),) if _CALL_FAILED.search(reason) else ()
        return Reply(
            text="" if finish == "refusal" else "".join(text(part, "text") for part in parts),
            finish=finish,
            calls=() if finish == "refusal" else tuple(_called(part) for part in parts if "functionCall" in part),
            refusal=f"{reason}: {words}".removesuffix(": ") if finish == "refusal" else "",
            usage=_usage(inner(raw, "usageMetadata")),
            served_by=text(raw, "modelVersion"),
            request_id=text(raw, "responseId") or headers.get("x-request-id", ""),
            tokens=_tokens(inner(candidate, "logprobsResult")),
            warnings=(*drawn.warnings, *failed),
            raw=raw,
        )


class Connection:
    """A client and its session. The SDK closes what it opened when the client is collected: keep it referenced."""

    def __init__(self, key: str, url: str | None, timeout: float) -> None:
        self.session = aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=CONNECTIONS), trust_env=True)
        self.client = genai.Client(
            vertexai=False,
            api_key=key,
            http_options=types.HttpOptions(
                base_url=url,
                timeout=int(timeout * 1000),
                # One attempt in so many words: without this the SDK repeats a lost connection after up to ten seconds.
                retry_options=types.HttpRetryOptions(attempts=1),
                aiohttp_client=self.session,
                client_args={"verify": tls()},
                async_client_args={"ssl": tls(), "verify": tls()},
            ),
        )

    async def close(self) -> None:
        """Close the session and the SDK's synchronous client."""
        self.client.close()
        await self.session.close()


def refusal_or_raise(error: errors.APIError, *, name: str, warnings: tuple[str, ...]) -> Reply:
    """The refusal that an HTTP error stands for; any other error is raised as ours."""
    headers: Mapping[str, str] = getattr(cast(Any, error).response, "headers", None) or {}
    body = as_object(cast(Any, error).details)
    return refused(error.code, body, headers, name=name, key=KEY, warnings=warnings)


def _text_part(words: str) -> Json:
    return {"text": words}


def _call_part(call: ToolCall) -> Json:
    part: Json = {"functionCall": {"name": call.name, "args": call.arguments}}
    if call.id:
        part["functionCall"]["id"] = call.id
    return part | {"thoughtSignature": call.signature} if call.signature else part


def _called(part: Json) -> Called:
    call = inner(part, "functionCall")
    signature = text(part, "thoughtSignature")
    return called(text(call, "name"), call.get("args"), id=text(call, "id"), signature=signature)


def _usage(usage: Json) -> Usage:
    """Thoughts are billed as output and are not in `candidatesTokenCount`."""
    thoughts = count(usage, "thoughtsTokenCount")
    return Usage(
        input=count(usage, "promptTokenCount"),
        output=count(usage, "candidatesTokenCount") + thoughts,
        cached=count(usage, "cachedContentTokenCount"),
        reasoning=thoughts,
    )


def _tokens(result: Json) -> tuple[Token, ...]:
    tops = [items(place, "candidates") for place in items(result, "topCandidates")]
    chosen = items(result, "chosenCandidates")
    tops += [[]] * (len(chosen) - len(tops))
    made = (token(each, top, weight="logProbability") for each, top in zip(chosen, tops, strict=False))
    return tuple(each for each in made if each is not None)
