"""Every adapter, the same question: the same words for what came back, and the same errors for what went wrong."""

import asyncio
import base64
import gc
import json
import re
import threading
from typing import Any

import pytest
from questions import blue, comparison, rating, red, repaired
from wire_answers import (
    DECIDERS,
    GOOD,
    LEVELS,
    REQUEST_ID,
    SERVED,
    WRITERS,
    connect,
    failed,
    good,
    refused,
    written,
)
from wire_server import Answer, Received, WireServer

from autorater.errors import ProviderError, RateLimited, Unavailable, UsageError
from autorater.model import Question, Reply, Usage, open_model

EVERY = (*WRITERS, *DECIDERS)
KEYED = tuple(provider for provider in EVERY if provider != "compatible")


@pytest.mark.parametrize("provider", WRITERS)
async def test_a_written_answer(server: WireServer, provider: str) -> None:
    server.then(written(provider))
    reply = await connect(provider, server.url).ask(rating())
    assert reply.text == GOOD
    assert reply.finish == "stop"
    assert reply.refusal == ""
    assert reply.usage == Usage(input=1000, output=60, cached=200, reasoning=20)
    assert reply.served_by == SERVED[provider]
    assert reply.request_id == REQUEST_ID
    assert reply.warnings == ()
    assert reply.raw == json.loads(written(provider).content())
    assert Reply.model_validate_json(reply.model_dump_json()) == reply


@pytest.mark.parametrize("provider", DECIDERS)
async def test_a_decision(server: WireServer, provider: str) -> None:
    server.then(good(provider))
    reply = await connect(provider, server.url).ask(rating())
    assert json.loads(reply.text) == {"score": 8}
    assert reply.finish == "stop"
    assert reply.probabilities == LEVELS
    assert reply.usage == Usage(input=1000, cached=200)
    assert reply.served_by == SERVED[provider]
    assert reply.request_id == REQUEST_ID
    assert reply.warnings == ()


@pytest.mark.parametrize("provider", EVERY)
async def test_a_refusal_is_a_reply(server: WireServer, provider: str) -> None:
    server.then(refused(provider))
    reply = await connect(provider, server.url).ask(rating())
    assert reply.finish == "refusal"
    assert reply.text == ""
    assert reply.refusal


@pytest.mark.parametrize("provider", WRITERS)
async def test_an_answer_cut_at_the_limit(server: WireServer, provider: str) -> None:
    server.then(written(provider, '{"rationale": "It is', cut_short=True))
    reply = await connect(provider, server.url).ask(rating())
    assert reply.finish == "length"
    assert reply.text == '{"rationale": "It is'


def images_in(body: Any) -> list[bytes]:
    """Every picture in a request, in order, decoded."""
    return [
        base64.b64decode(found)
        for found in re.findall(r'"(?:data:image/png;base64,)?(iVBOR[\w+/=]+)"', json.dumps(body))
    ]


@pytest.mark.parametrize("provider", EVERY)
async def test_pictures_are_sent_byte_for_byte_and_in_order(server: WireServer, provider: str) -> None:
    server.then(good(provider) if provider in WRITERS else refused(provider))
    await connect(provider, server.url).ask(comparison())
    assert images_in(server.received[0].body) == [red().data, blue().data]


@pytest.mark.parametrize("provider", EVERY)
async def test_the_instructions_and_the_texts_are_sent(server: WireServer, provider: str) -> None:
    server.then(good(provider))
    await connect(provider, server.url).ask(rating())
    body = json.dumps(server.received[0].body)
    for words in ("You judge images.", "The prompt was: a red square. Image 1:", "Rate image 1."):
        assert body.count(words) == 1


@pytest.mark.parametrize("provider", WRITERS)
async def test_an_earlier_answer_is_sent_back_as_the_models(server: WireServer, provider: str) -> None:
    server.then(written(provider))
    await connect(provider, server.url).ask(repaired())
    body: Any = server.received[0].body
    turns = body.get("input") or body.get("contents") or [turn for turn in body["messages"] if turn["role"] != "system"]
    assert [turn["role"] for turn in turns] == ["user", "model" if provider == "google" else "assistant", "user"]
    assert '\\"score\\": 11' in json.dumps(turns[1])


@pytest.mark.parametrize("provider", WRITERS)
async def test_the_schema_is_closed_and_says_its_limits(server: WireServer, provider: str) -> None:
    server.then(written(provider))
    await connect(provider, server.url).ask(rating())
    body: Any = server.received[0].body
    schema = {
        "openai": lambda: body["text"]["format"]["schema"],
        "anthropic": lambda: body["output_config"]["format"]["schema"],
        "google": lambda: body["generationConfig"]["responseJsonSchema"],
        "compatible": lambda: body["response_format"]["json_schema"]["schema"],
    }[provider]()
    assert schema["additionalProperties"] is False
    assert schema["required"] == list(schema["properties"]) == ["rationale", "score"]
    score = schema["properties"]["score"]
    limits = (score.get("minimum"), score.get("maximum")), score.get("description", "")
    assert limits == (((None, None), "at least 1, at most 10") if provider == "anthropic" else ((1, 10), ""))


@pytest.mark.parametrize("provider", EVERY)
async def test_nothing_is_kept_or_changed_by_the_provider(server: WireServer, provider: str) -> None:
    server.then(good(provider))
    await connect(provider, server.url).ask(rating())
    body = json.dumps(server.received[0].body)
    settings = {
        "openai": ('"store": false', '"context_compression": "disabled"', '"detail": "high"'),
        "anthropic": ('"oversized_image": "error"',),
        "google": ('"store": false', '"mediaResolution": "MEDIA_RESOLUTION_HIGH"'),
        "compatible": ('"detail": "high"',),
        "openai-decisions": ('"detail": "high"',),
        "google-decisions": ('"resolution": "high"',),
    }
    for setting in settings[provider]:
        assert setting in body


FAULTS = {
    "reset": Answer(fault="reset"),
    "cut": Answer({"half": "an answer"}, fault="cut"),
    "HTML instead of an answer": Answer("<html>Please sign in</html>"),
    "broken JSON": Answer('{"id": "resp_1", "out'),
    "a list": Answer(["no", "object"]),
    "an empty object": Answer({}),
    "another shape": Answer({"output": "?", "content": 3, "candidates": {}, "choices": "?", "answers": 1}),
    "HTML from a proxy": Answer("<html>Bad gateway</html>", status=502),
}


@pytest.mark.parametrize("provider", EVERY)
async def test_no_answer(server: WireServer, provider: str) -> None:
    model = connect(provider, server.url)
    for calls, (fault, answer) in enumerate(FAULTS.items(), 1):
        server.then(answer)
        with pytest.raises(Unavailable) as caught:
            await model.ask(rating())
        assert str(caught.value).startswith(provider), fault
        assert len(server.received) == calls, "an adapter makes one call; repeating is not its business"


@pytest.mark.parametrize("provider", EVERY)
async def test_a_server_that_never_answers(server: WireServer, provider: str) -> None:
    server.then(Answer(fault="stall"))
    with pytest.raises(Unavailable, match="no answer"):
        await connect(provider, server.url, timeout=0.2).ask(rating())
    assert len(server.received) == 1


@pytest.mark.parametrize("provider", EVERY)
async def test_no_server(provider: str) -> None:
    with WireServer() as gone:
        url = gone.url
    with pytest.raises(Unavailable, match="no answer"):
        await connect(provider, url).ask(rating())


STATUSES: dict[int, tuple[type[ProviderError], str]] = {
    400: (ProviderError, "does not suit"),
    401: (ProviderError, "check the key in"),
    402: (ProviderError, "billing"),
    403: (ProviderError, "may not use this model"),
    404: (ProviderError, "check the model's name"),
    408: (Unavailable, "try again later"),
    409: (Unavailable, "try again later"),
    413: (ProviderError, "fewer or smaller images"),
    422: (ProviderError, "does not suit"),
    429: (RateLimited, "too many calls"),
    500: (Unavailable, "try again later"),
    503: (Unavailable, "try again later"),
    504: (Unavailable, "try again later"),
    529: (Unavailable, "try again later"),
}


@pytest.mark.parametrize("provider", EVERY)
async def test_error_statuses(server: WireServer, provider: str) -> None:
    model = connect(provider, server.url)
    for calls, (status, (kind, advice)) in enumerate(STATUSES.items(), 1):
        server.then(failed(provider, status, "Something was wrong."))
        with pytest.raises(ProviderError) as caught:
            await model.ask(rating())
        assert type(caught.value) is kind, status
        assert caught.value.status == status
        message = str(caught.value)
        assert message.startswith(f"{provider}:")
        assert f"HTTP {status}: Something was wrong." in message
        assert advice in message
        assert "\n" not in message
        assert "dummy-key" not in message
        assert len(server.received) == calls


@pytest.mark.parametrize("provider", KEYED)
def test_without_a_key(provider: str) -> None:
    variable = {"openai": "OPENAI", "anthropic": "ANTHROPIC", "google": "GEMINI"}[provider.partition("-")[0]]
    with pytest.raises(UsageError, match=f"{variable}_API_KEY"):
        open_model(f"{provider}:some-model")


@pytest.mark.parametrize("provider", KEYED)
def test_an_address_that_is_none(provider: str) -> None:
    with pytest.raises(UsageError, match="http://"):
        open_model(f"{provider}:some-model", api_key="dummy-key", base_url="localhost:8080")


@pytest.mark.parametrize("provider", EVERY)
def test_one_model_serves_one_event_loop_after_another(server: WireServer, provider: str) -> None:
    server.then(good(provider))
    model = connect(provider, server.url)
    first = asyncio.run(model.ask(rating()))
    assert asyncio.run(model.ask(rating())) == first


@pytest.mark.parametrize("provider", EVERY)
def test_one_model_serves_two_event_loops_at_once(provider: str) -> None:
    meet = threading.Barrier(2, timeout=10)

    def script(received: Received) -> Answer:
        meet.wait()
        return good(provider)

    replies: list[Reply] = []
    with WireServer(script) as server:
        model = connect(provider, server.url)
        threads = [threading.Thread(target=lambda: replies.append(asyncio.run(model.ask(rating())))) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert len(replies) == 2


@pytest.mark.parametrize("provider", EVERY)
async def test_a_closed_model_opens_again(server: WireServer, provider: str) -> None:
    server.then(good(provider))
    model: Any = connect(provider, server.url)
    await model.ask(rating())
    await model.close()
    await model.close()
    assert (await model.ask(rating())).finish == "stop"


@pytest.mark.parametrize("provider", EVERY)
async def test_many_calls_are_in_flight_together(provider: str) -> None:
    meet = threading.Barrier(128, timeout=20)

    def script(received: Received) -> Answer:
        meet.wait()
        return good(provider)

    question: Question = rating()
    with WireServer(script) as server:
        model: Any = connect(provider, server.url)
        replies = await asyncio.gather(*(model.ask(question) for _ in range(128)))
        await model.close()
    assert {reply.finish for reply in replies} == {"stop"}


@pytest.mark.parametrize("provider", EVERY)
def test_a_model_that_is_dropped_closes_its_connections(server: WireServer, provider: str) -> None:
    """Warnings are errors here: a connection left open would fail the test."""
    server.then(good(provider))

    async def drop() -> None:
        await connect(provider, server.url).ask(rating())
        gc.collect()
        await asyncio.sleep(0.01)

    asyncio.run(drop())
    gc.collect()
