"""Tools: how they are offered, how calls are read, and how calls and results go back, word for word on the wire."""

import copy
import json
from dataclasses import replace
from typing import Any

import pytest
from questions import judged, looked, looking, rating
from tool_bodies import OFFERED, PLAIN, SENT_BACK, body_of, first_reply, opened, turns_in
from wire_answers import LOOK, WRITERS, calling, refused, written
from wire_server import WireServer

from autorater.model import Reply


@pytest.mark.parametrize("provider", WRITERS)
async def test_tools_are_offered_and_no_form_is_asked_for(server: WireServer, provider: str) -> None:
    body = await body_of(server, provider, looking())
    offered = OFFERED[provider]
    assert {name: body[name] for name in offered} == offered
    assert set(body) == PLAIN[provider] | set(offered)
    assert "json" not in json.dumps(body.get("generationConfig", {})).lower()


@pytest.mark.parametrize("provider", WRITERS)
async def test_nothing_of_tools_is_sent_without_them(server: WireServer, provider: str) -> None:
    assert "tool" not in json.dumps(await body_of(server, provider, rating()))


@pytest.mark.parametrize("provider", WRITERS)
async def test_parallel_calls_are_read_in_order(server: WireServer, provider: str) -> None:
    reply = await first_reply(server, provider, *LOOK)
    assert [(call.id, call.name, call.arguments, call.problem) for call in reply.calls] == [
        ("call_a", "sharpness", {"image": "image_1"}, ""),
        ("call_b", "faces", {"least": 0.5}, ""),
    ]
    assert (reply.text, reply.finish, reply.refusal) == ("I look closer.", "stop", "")
    assert reply.usage.reasoning == 20
    assert reply.calls[1].signature == "", "what was thought stands before the first call"
    assert Reply.model_validate_json(reply.model_dump_json()) == reply


@pytest.mark.parametrize("provider", WRITERS)
async def test_free_text_instead_of_calls(server: WireServer, provider: str) -> None:
    server.then(written(provider, "It needs no closer look."))
    model = opened(provider, server.url)
    for _ in range(2):
        reply = await model.ask(looking())
        assert (reply.text, reply.finish, reply.calls) == ("It needs no closer look.", "stop", ())
        assert reply.warnings == (), "that it is no JSON is no fault here"


@pytest.mark.parametrize("provider", WRITERS)
async def test_a_refusal_beside_tools(server: WireServer, provider: str) -> None:
    server.then(refused(provider))
    reply = await opened(provider, server.url).ask(looking())
    assert (reply.finish, reply.text, reply.calls) == ("refusal", "", ())


async def test_calls_before_a_refusal_are_not_made(server: WireServer) -> None:
    answer = calling("anthropic", *LOOK)
    answer.body["stop_reason"] = "refusal"
    server.then(answer)
    reply = await opened("anthropic", server.url).ask(looking())
    assert (reply.finish, reply.calls) == ("refusal", ())


@pytest.mark.parametrize("step", [looked, judged])
@pytest.mark.parametrize("provider", WRITERS)
async def test_calls_and_results_go_back(server: WireServer, provider: str, step: Any) -> None:
    reply = await first_reply(server, provider, *LOOK)
    assert turns_in(await body_of(server, provider, step(reply)))[1:] == SENT_BACK[provider]


@pytest.mark.parametrize("provider", WRITERS)
async def test_a_verdict_after_the_calls_has_its_form_and_calls_no_more(server: WireServer, provider: str) -> None:
    reply = await first_reply(server, provider, *LOOK)
    plain, after = await body_of(server, provider, rating()), await body_of(server, provider, judged(reply))
    conversation = {"openai": "input", "google": "contents"}.get(provider, "messages")
    added: dict[str, Any] = {
        "openai": OFFERED["openai"] | {"tool_choice": "none"},
        "anthropic": OFFERED["anthropic"] | {"tool_choice": {"type": "none"}},
    }.get(provider, {})
    assert {**after, conversation: None} == {**plain, **added, conversation: None}


@pytest.mark.parametrize("provider", WRITERS)
async def test_a_verdict_after_the_calls_needs_no_tools(server: WireServer, provider: str) -> None:
    reply = await first_reply(server, provider, *LOOK)
    body = await body_of(server, provider, replace(judged(reply), tools=()))
    assert turns_in(body)[1:] == SENT_BACK[provider]
    if provider != "anthropic":
        assert not {"tools", "tool_choice", "toolConfig", "include"} & set(body)
        return
    assert [tool["name"] for tool in body["tools"]] == ["sharpness", "faces"], "Claude must know what was called"
    assert body["tool_choice"] == {"type": "none"}


def without_words(provider: str) -> list[Any]:
    """What goes back when the model called without a word."""
    turns = copy.deepcopy(SENT_BACK[provider])
    if provider == "openai":
        del turns[1]
    elif provider == "compatible":
        turns[0]["content"] = ""
    else:
        del turns[0]["content" if provider == "anthropic" else "parts"][1 if provider == "anthropic" else 0]
    return turns


@pytest.mark.parametrize("provider", WRITERS)
async def test_calls_without_a_word(server: WireServer, provider: str) -> None:
    reply = await first_reply(server, provider, *LOOK, text="")
    assert (reply.text, reply.finish, len(reply.calls)) == ("", "stop", 2)
    assert turns_in(await body_of(server, provider, looked(reply)))[1:] == without_words(provider)
