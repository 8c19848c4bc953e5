"""Tools where it is hard: malformed calls, no ids, older models, failures, servers without tools."""

import json
from dataclasses import replace
from typing import Any

import pytest
from questions import NAMED, TOOLS, answered, blue, judged, looked, looking, rating
from tool_bodies import BLUE, CLAUDE_BLUE, body_of, first_reply, opened, turns_in
from wire_answers import DECIDERS, GOOD, LOOK, WRITERS, calling, connect, failed, written
from wire_server import Answer, WireServer

from autorater.errors import ProviderError, UsageError
from autorater.messages import Image, Text, Tool, ToolCall, ToolResult, Turn
from autorater.model import Called, Question, Reply, Sampling, open_model
from autorater.providers._tools import packed


def after(*turns: Turn) -> Question:
    """The question with tools, and what was said since."""
    asked = looking()
    return replace(asked, conversation=replace(asked.conversation, turns=(*asked.conversation.turns, *turns)))


@pytest.mark.parametrize("arguments", ['{"image": "ima', "[1, 2]", "sharp", '{"least": NaN}', '{"least": 1e999}', "3"])
@pytest.mark.parametrize("provider", ["openai", "compatible"])
async def test_arguments_that_are_no_object(server: WireServer, provider: str, arguments: str) -> None:
    reply = await first_reply(server, provider, ("call_a", "sharpness", arguments), LOOK[1])
    wrong, right = reply.calls
    assert (wrong.id, wrong.name, wrong.arguments) == ("call_a", "sharpness", {})
    assert wrong.problem.startswith("expected the arguments as")
    assert (right.arguments, right.problem) == ({"least": 0.5}, "")
    sent = json.dumps(turns_in(await body_of(server, provider, looked(reply))))
    assert '"arguments": "{}"' in sent, "and the model can be told"


@pytest.mark.parametrize("arguments", [[1], "sharp", 3])
@pytest.mark.parametrize("provider", ["anthropic", "google"])
async def test_arguments_of_another_shape(server: WireServer, provider: str, arguments: Any) -> None:
    reply = await first_reply(server, provider, ("call_a", "sharpness", arguments))
    assert reply.calls[0].arguments == {}
    assert reply.calls[0].problem.startswith("expected the arguments as")


@pytest.mark.parametrize("provider", WRITERS)
async def test_half_a_character_can_be_recorded(server: WireServer, provider: str) -> None:
    """A model that writes JSON escapes may cut a pair of them in two: neither the log nor a replay could hold it."""
    reply = await first_reply(server, provider, ("call_a", "faces", {"of": "a \ud83e fox \U0001f98a"}))
    assert Reply.model_validate_json(reply.model_dump_json()) == reply
    (call,) = reply.calls
    if provider in ("anthropic", "google"):  # there arguments are an object
        assert call.arguments == {"of": "a \ufffd fox \U0001f98a"}
    else:
        assert call.problem.startswith("expected the arguments as JSON")


@pytest.mark.parametrize("provider", WRITERS)
async def test_a_call_without_arguments(server: WireServer, provider: str) -> None:
    for none in ("", None) if provider in ("openai", "compatible") else (None,):
        reply = await first_reply(server, provider, ("call_a", "faces", none))
        assert reply.calls[0].model_copy(update={"signature": ""}) == Called(id="call_a", name="faces", arguments={})


async def test_a_call_cut_at_the_limit(server: WireServer) -> None:
    answer = calling("anthropic", LOOK[0], ("call_b", "faces", {}))
    answer.body["stop_reason"] = "max_tokens"
    server.then(answer)
    reply = await opened("anthropic", server.url).ask(looking())
    assert reply.finish == "length"
    assert [call.problem for call in reply.calls] == ["", "the answer was cut at the limit of its tokens"]


@pytest.mark.parametrize("reason", ["MALFORMED_FUNCTION_CALL", "UNEXPECTED_TOOL_CALL"])
async def test_a_call_that_google_could_not_read(server: WireServer, reason: str) -> None:
    answer = written("google", "")
    answer.body["candidates"][0] = {"finishReason": reason, "finishMessage": "Malformed function call: print(x)"}
    server.then(answer)
    reply = await opened("google", server.url).ask(looking())
    assert (reply.finish, reply.text, reply.calls) == ("other", "", ())
    assert reply.warnings == (f"{reason}: Malformed function call: print(x)",)


@pytest.mark.parametrize("provider", ["google", "compatible"])
async def test_calls_without_ids_pair_by_their_order(server: WireServer, provider: str) -> None:
    reply = await first_reply(server, provider, *(("", name, arguments) for _, name, arguments in LOOK))
    assert [call.id for call in reply.calls] == ["", ""]
    body = await body_of(server, provider, after(*answered(reply), *answered(reply)))
    if provider == "google":
        assert '"id"' not in json.dumps(body)
        return
    asked = [call["id"] for turn in body["messages"] for call in turn.get("tool_calls", [])]
    told = [turn["tool_call_id"] for turn in body["messages"] if turn["role"] == "tool"]
    assert asked == told == ["call_1", "call_2", "call_3", "call_4"]


async def test_a_result_that_answers_no_call(server: WireServer) -> None:
    with pytest.raises(UsageError, match="'faces' answers no call"):
        await opened("compatible", server.url).ask(after(Turn("user", (ToolResult("", "faces", (Text("?"),)),))))


@pytest.mark.parametrize("model", ["gemini-2.5-flash", "gemini-9"])
async def test_an_older_gemini_gets_the_pictures_after_its_results(server: WireServer, model: str) -> None:
    server.then(calling("google", *LOOK))
    older = open_model(f"google:{model}", api_key="dummy-key", base_url=server.url)
    reply = await older.ask(looking())
    await older.ask(looked(reply))
    body: Any = server.received[-1].body
    results, shown = body["contents"][2:]
    assert ["functionResponse" in part for part in results["parts"]] == [True, True], "as many as there were calls"
    assert "inlineData" not in json.dumps(results)
    assert shown == {
        "role": "user",
        "parts": [
            {"text": "Picture 1 that sharpness returned:"},
            {"inlineData": {"mimeType": "image/png", "data": BLUE}},
            {"text": "Go on."},
        ],
    }


CALL = Turn("assistant", (ToolCall("call_a", "sharpness", {}),))
FAILED_WITH_PICTURE = ToolResult("call_a", "sharpness", (Text(""), Image(blue())), failed=True)


async def test_a_failure_with_a_picture(server: WireServer) -> None:
    """Claude takes a picture in no error, so the words say it."""
    question = after(CALL, Turn("user", (Text("Well?"), FAILED_WITH_PICTURE)))
    body = await body_of(server, "anthropic", question)
    assert turns_in(body)[1:] == [
        {"role": "assistant", "content": [{"type": "tool_use", "id": "call_a", "name": "sharpness", "input": {}}]},
        {
            "role": "user",
            "content": [
                {
                    "type": "tool_result",
                    "tool_use_id": "call_a",
                    "content": [{"type": "text", "text": "The tool failed."}, CLAUDE_BLUE],
                },
                {"type": "text", "text": "Well?"},
            ],
        },
    ]
    body = await body_of(server, "openai", question)
    assert turns_in(body)[2]["output"][0] == {"type": "input_text", "text": "The tool failed."}


async def test_a_result_without_anything(server: WireServer) -> None:
    question = after(CALL, Turn("user", (ToolResult("call_a", "sharpness", ()),)))
    expected: dict[str, Any] = {
        "openai": {"type": "function_call_output", "call_id": "call_a", "output": ""},
        "anthropic": {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "call_a"}]},
        "google": {
            "role": "user",
            "parts": [{"functionResponse": {"id": "call_a", "name": "sharpness", "response": {"output": ""}}}],
        },
        "compatible": {"role": "tool", "tool_call_id": "call_a", "content": "(no text)"},
    }
    for provider in WRITERS:
        assert turns_in(await body_of(server, provider, question))[-1] == expected[provider]


async def test_thinking_between_calls_keeps_its_place(server: WireServer) -> None:
    answer = calling("anthropic", *LOOK)
    blocks = answer.body["content"]
    between: list[Any] = [
        {"type": "redacted_thinking", "data": "ZGF0YQ"},
        {"type": "text", "text": "And the faces.", "citations": None},
    ]
    answer.body["content"] = [*blocks[:3], *between, blocks[3]]
    server.then(answer)
    reply = await opened("anthropic", server.url).ask(looking())
    assert reply.text == "I look closer.And the faces."
    sent = turns_in(await body_of(server, "anthropic", looked(reply)))[1]["content"]
    assert sent == [*blocks[:3], between[0], {"type": "text", "text": "And the faces."}, blocks[3]]


async def test_reasoning_that_is_not_encrypted_stays_away(server: WireServer) -> None:
    """Nothing is stored, so OpenAI would look in vain for it."""
    answer = calling("openai", LOOK[0], opaque="")
    answer.body["output"][1].pop("phase")
    server.then(answer)
    reply = await opened("openai", server.url).ask(looking())
    assert reply.calls[0].signature == ""
    sent = turns_in(await body_of(server, "openai", looked(reply)))
    assert sent[1] == {"role": "assistant", "content": [{"type": "output_text", "text": "I look closer."}]}
    assert [item.get("type") for item in sent[2:4]] == ["function_call", "function_call_output"]


@pytest.mark.parametrize("signature", ["c2ln", "{}", "[3]", "[[", packed([])])
async def test_a_signature_that_is_not_ours_is_no_error(server: WireServer, signature: str) -> None:
    call = Turn("assistant", (Text("Hm."), ToolCall("call_a", "sharpness", {}, signature)))
    result = Turn("user", (ToolResult("call_a", "sharpness", (Text("1"),)),))
    body = await body_of(server, "openai", after(call, result))
    assert len(turns_in(body)) == 4


async def test_models_that_do_not_reason_are_not_asked_for_it(server: WireServer) -> None:
    server.then(calling("openai", *LOOK))
    model = open_model("openai:gpt-4.1", api_key="dummy-key", base_url=f"{server.url}/v1")
    await model.ask(looking())
    assert "include" not in server.received[0].body


async def test_more_strict_tools_than_claude_takes(server: WireServer) -> None:
    many = tuple(Tool(f"tool_{number}", "One.", NAMED) for number in range(21))
    for tools, strict in ((many[:20], True), (many, False)):
        body = await body_of(server, "anthropic", replace(looking(), tools=tools))
        assert [tool.get("strict", False) for tool in body["tools"]] == [strict] * len(tools)


@pytest.mark.parametrize("provider", WRITERS)
async def test_of_calls_no_log_probabilities_are_asked_for(server: WireServer, provider: str) -> None:
    sampling = Sampling(effort="none", logprobs=True)
    body = await body_of(server, provider, replace(looking(), sampling=sampling))
    assert "logprobs" not in json.dumps(body)


async def test_a_server_of_ones_own_takes_tools_when_told_so(server: WireServer) -> None:
    server.then(written("compatible"))
    model = connect("compatible", server.url)
    assert model.capability.tools is False
    assert opened("compatible", server.url).capability.tools is True
    with pytest.raises(UsageError, match="open it with native_tools"):
        await model.ask(looking())
    assert server.received == []
    reply = await model.ask(judged(Reply(text="Hm.", finish="stop")))
    assert reply.text == GOOD, "beside a schema they are not sent"


COMPLAINTS = [
    (400, "registry.ollama.ai/library/llava:latest does not support tools"),
    (400, '"auto" tool choice requires --enable-auto-tool-choice and --tool-call-parser to be set'),
    (500, "tools param requires --jinja flag"),
    (422, "Unrecognized request argument supplied: tools"),
    (501, "Function calling is not implemented"),
]


@pytest.mark.parametrize(("status", "complaint"), COMPLAINTS)
async def test_a_server_without_tools(server: WireServer, status: int, complaint: str) -> None:
    server.then(failed("compatible", status, complaint))
    with pytest.raises(ProviderError, match="open it without native_tools") as caught:
        await opened("compatible", server.url).ask(looking())
    assert type(caught.value) is ProviderError, "a retry would not mend it"
    assert complaint in str(caught.value)
    assert caught.value.status == status
    assert len(server.received) == 1


async def test_another_complaint_is_not_taken_for_it(server: WireServer) -> None:
    server.then(failed("compatible", 400, "The image is not supported"))
    with pytest.raises(ProviderError, match="does not suit") as caught:
        await opened("compatible", server.url).ask(looking())
    assert "native_tools" not in str(caught.value)


@pytest.mark.parametrize("provider", DECIDERS)
async def test_a_decision_takes_no_tools(server: WireServer, provider: str) -> None:
    model = connect(provider, server.url)
    assert model.capability.tools is False
    result = ToolResult("call_a", "sharpness", (Text("0.7"),))
    asked = rating()
    told = replace(asked.conversation, turns=(*asked.conversation.turns, Turn("user", (result,))))
    for question in (replace(asked, tools=TOOLS), replace(asked, conversation=told)):
        with pytest.raises(UsageError, match="takes no tools"):
            await model.ask(question)
    assert server.received == []


@pytest.mark.parametrize("model", ["openai:gpt-99", "anthropic:claude-99", "google:gemini-99"])
def test_an_unknown_model_of_a_provider_is_taken_to_take_tools(model: str) -> None:
    capability = open_model(model, api_key="dummy-key").capability
    assert (capability.known, capability.tools) == (False, True)


async def test_pictures_in_results_count(server: WireServer) -> None:
    result = ToolResult("call_a", "sharpness", tuple(Image(blue()) for _ in range(20)))
    with pytest.raises(UsageError, match="takes at most 20 images in one call, got 21"):
        await opened("anthropic", server.url).ask(after(CALL, Turn("user", (result,))))


async def test_arguments_as_an_object_where_their_json_is_meant(server: WireServer) -> None:
    answer: Answer = calling("compatible", LOOK[0])
    answer.body["choices"][0]["message"]["tool_calls"][0]["function"]["arguments"] = {"image": "image_1"}
    answer.body["choices"][0]["finish_reason"] = "stop"
    server.then(answer)
    reply = await opened("compatible", server.url).ask(looking())
    assert (reply.finish, reply.calls[0].arguments) == ("stop", {"image": "image_1"})
