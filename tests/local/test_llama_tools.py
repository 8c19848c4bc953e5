"""Native tool calls by a real llama.cpp server: a random model begins them, the server's grammar makes them proper."""

from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from llama_serving import opened, serving
from local_questions import Small, noise, question

from autorater.messages import Image, Text, Tool, ToolCall, ToolResult, Turn
from autorater.model import Model, Question, Reply

pytest.importorskip("openai", reason="the extra openai is not installed")
pytest.importorskip("xllamacpp", reason="llama.cpp is not installed")
PLACES = ["image_1", "image_2"]
NAMED: dict[str, Any] = {"type": "object", "properties": {"image": {"type": "string", "enum": PLACES}}}
TOOLS = (Tool("sharpness", "How sharp an image is.", NAMED), Tool("faces", "The faces in an image.", NAMED))


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    pytest.importorskip("gguf", reason="the writer of llama.cpp's files is not installed")
    from tiny_gguf import build_gguf

    with serving(*build_gguf(tmp_path_factory.mktemp("gguf"), calls=True)) as found:
        assert found.startswith("http://127.0.0.1:"), "llama.cpp did not start"
        yield found


@pytest.fixture
async def model(address: str) -> AsyncIterator[Model]:
    async for one in opened(f"compatible:{address}/v1#tiny", native_tools=True):
        yield one


def looking(seed: int, *then: Turn) -> Question:
    """The question that tools may be called for; `then` is what was said since."""
    asked = question(noise(1), noise(2), then=then, temperature=1.0, seed=seed)
    return replace(asked, schema={}, tools=TOOLS)


async def called(model: Model) -> Reply:
    """The first reply with calls that is complete: whether a random model calls is a matter of luck."""
    for seed in range(40):
        reply = await model.ask(looking(seed))
        if reply.calls and reply.finish == "stop":
            return reply
    raise AssertionError("no seed of forty led to a call")


def answered(reply: Reply, *shown: Image) -> tuple[Turn, Turn]:
    """The calls of a reply, and their results."""
    calls = tuple(ToolCall(call.id, call.name, call.arguments, call.signature) for call in reply.calls)
    results = tuple(ToolResult(call.id, call.name, (Text("0.7"), *shown)) for call in calls)
    return Turn("assistant", (Text(reply.text), *calls)), Turn("user", results)


async def test_calls_and_free_text(model: Model) -> None:
    replies = [await model.ask(looking(seed)) for seed in range(16)]
    calls = [call for reply in replies for call in reply.calls]
    assert calls
    assert any(not reply.calls for reply in replies), "some are answered in free text"
    assert any(len(reply.calls) > 1 for reply in replies), "some call several at once"
    for call in calls:
        assert (call.id != "", call.problem) == (True, "")
        assert call.name in {tool.name for tool in TOOLS}
        assert list(call.arguments) == ["image"]
        assert call.arguments["image"] in PLACES
    assert {reply.finish for reply in replies} <= {"stop", "length"}
    assert {reply.warnings for reply in replies} == {()}


async def test_results_are_read_and_their_pictures_seen(model: Model) -> None:
    reply = await called(model)
    plain = await model.ask(looking(0, *answered(reply)))
    shown = await model.ask(looking(0, *answered(reply, Image(noise(3)))))
    assert plain.usage.input > reply.usage.input
    assert shown.usage.input >= plain.usage.input + 16 * len(reply.calls), "(56 / 14) squared patches each"


async def test_the_verdict_after_the_calls_fills_its_form(model: Model) -> None:
    reply = await called(model)
    asked = question(noise(1), noise(2), then=answered(reply, Image(noise(3))), temperature=1.0, seed=1)
    for tools in (TOOLS, ()):
        verdict = await model.ask(replace(asked, tools=tools))
        Small.model_validate_json(verdict.text)
        assert (verdict.finish, verdict.calls) == ("stop", ())


async def test_a_model_that_was_not_made_for_tools_never_calls(tmp_path: Path) -> None:
    """llama.cpp says nothing when a template has no place for tools, which is why they are off unless asked for."""
    from tiny_gguf import build_gguf

    with serving(*build_gguf(tmp_path)) as address:
        async for model in opened(f"compatible:{address}/v1#tiny", native_tools=True):
            for seed in range(3):
                reply = await model.ask(looking(seed))
                assert (reply.calls, reply.warnings) == ((), ())
