"""Servers that speak Chat Completions: how they are named, and how they fall short."""

from typing import Any

import pytest
from questions import rating
from wire_answers import GOOD, chat, failed, written
from wire_server import Answer, Received, WireServer

from autorater.errors import ProviderError, Unavailable, UsageError
from autorater.model import open_model


def serving(*names: str) -> Any:
    """A script of a server with these models."""

    def script(received: Received) -> Answer:
        if received.method == "GET":
            return Answer({"object": "list", "data": [{"id": name, "object": "model"} for name in names]})
        return written("compatible")

    return script


async def test_the_only_model_is_found() -> None:
    with WireServer(serving("qwen-vl")) as server:
        model = open_model(f"compatible:{server.url}/v1")
        await model.ask(rating())
        await model.ask(rating())
    assert model.name == f"compatible:{server.url}/v1"
    assert [received.path for received in server.received] == [
        "/v1/models",
        "/v1/chat/completions",
        "/v1/chat/completions",
    ]
    assert server.received[1].body["model"] == "qwen-vl"


@pytest.mark.parametrize("names", [(), ("one", "two")])
async def test_no_only_model(names: tuple[str, ...]) -> None:
    complaint = f"has {len(names)} models.*name one after '#'"
    with WireServer(serving(*names)) as server, pytest.raises(UsageError, match=complaint):
        await open_model(f"compatible:{server.url}").ask(rating())


async def test_a_server_without_a_list_of_models(server: WireServer) -> None:
    server.then(failed("compatible", 404, "Not found."))
    with pytest.raises(ProviderError, match="check the model's name and the address"):
        await open_model(f"compatible:{server.url}").ask(rating())


async def test_an_address_without_a_path_gets_one(server: WireServer) -> None:
    server.then(written("compatible"))
    await open_model(f"compatible:{server.url}#m").ask(rating())
    await open_model(f"compatible:{server.url}/openai/v4#m").ask(rating())
    assert [received.path for received in server.received] == ["/v1/chat/completions", "/openai/v4/chat/completions"]


@pytest.mark.parametrize("target", ["localhost:8080#m", "ftp://host#m", "http://#m"])
def test_no_address(target: str) -> None:
    with pytest.raises(UsageError, match="http"):
        open_model(f"compatible:{target}")


def test_a_password_in_the_address_is_refused() -> None:
    with pytest.raises(UsageError, match="AUTORATER_COMPATIBLE_API_KEY") as caught:
        open_model("compatible:http://me:swordfish@host/v1#m")
    assert "swordfish" not in str(caught.value)


async def test_the_key_is_our_own(server: WireServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "not-for-others")
    monkeypatch.setenv("OPENAI_ORG_ID", "not-for-others")
    monkeypatch.setenv("OPENAI_PROJECT_ID", "not-for-others")
    server.then(written("compatible"))
    await open_model(f"compatible:{server.url}#m").ask(rating())
    monkeypatch.setenv("AUTORATER_COMPATIBLE_API_KEY", "mine")
    await open_model(f"compatible:{server.url}#m").ask(rating())
    assert [received.headers["authorization"] for received in server.received] == ["Bearer none", "Bearer mine"]
    assert "not-for-others" not in str(server.received)


async def test_a_server_that_ignores_the_schema_is_told_it_in_words(server: WireServer) -> None:
    server.then(chat("I like it."), written("compatible"))
    model = open_model(f"compatible:{server.url}#m")
    ignored = await model.ask(rating())
    assert (ignored.text, ignored.finish) == ("I like it.", "stop")
    told = await model.ask(rating())
    assert told.text == GOOD
    assert any("the schema is in the prompt only" in warning for warning in told.warnings)
    first, second = (received.body for received in server.received)
    assert "response_format" in first
    assert "JSON schema" not in first["messages"][0]["content"]
    assert "response_format" not in second
    assert '"maximum":10' in second["messages"][0]["content"]


async def test_a_server_that_refuses_the_schema(server: WireServer) -> None:
    server.then(failed("compatible", 400, "'response_format.type' json_schema is not supported"), written("compatible"))
    reply = await open_model(f"compatible:{server.url}#m").ask(rating())
    assert reply.text == GOOD
    assert "json_schema is not supported" in reply.warnings[0]
    assert "response_format" not in server.received[1].body


async def test_the_schema_in_the_prompt_by_choice(server: WireServer) -> None:
    server.then(written("compatible"))
    model = open_model(f"compatible:{server.url}#m", schema="prompt")
    assert model.capability.schema == "prompt"
    assert (await model.ask(rating())).warnings == ()
    assert "response_format" not in server.received[0].body
    assert "JSON schema" in server.received[0].body["messages"][0]["content"]


async def test_other_providers_do_not_give_up_the_schema(server: WireServer) -> None:
    server.then(failed("openai", 400, "Invalid schema: json_schema keyword not supported"))
    model = open_model("openai:gpt-6.1-terra", api_key="dummy-key", base_url=f"{server.url}/v1")
    with pytest.raises(ProviderError, match="keyword not supported"):
        await model.ask(rating())


@pytest.mark.parametrize("reason", ["tool_calls", "something_new"])
async def test_an_unusual_end(server: WireServer, reason: str) -> None:
    server.then(chat(None, reason=reason))
    reply = await open_model(f"compatible:{server.url}#m").ask(rating())
    assert (reply.finish, reply.text) == ("other", "")


async def test_a_message_is_missing(server: WireServer) -> None:
    server.then(Answer({"choices": [{"index": 0}]}))
    with pytest.raises(Unavailable, match="no choices"):
        await open_model(f"compatible:{server.url}#m").ask(rating())


@pytest.mark.parametrize("told", ["/models/private/tiny.gguf", "C:\\models\\tiny.gguf"])
async def test_a_server_that_names_its_file_leaves_no_folder_in_the_record(told: str) -> None:
    answer: dict[str, Any] = {**chat(GOOD).body, "model": told}
    with WireServer(lambda received: Answer(answer)) as server:
        reply = await open_model(f"compatible:{server.url}/v1#m").ask(rating())
    assert reply.served_by == "tiny.gguf"
    assert "models" not in reply.model_dump_json()
