"""Sampling arguments: sent where they are taken, dropped with a warning where they are not, learned from the server."""

import json
import math
from typing import Any

import pytest
from questions import rating
from wire_answers import WRITERS, chat, connect, decided, failed, responses, written
from wire_server import Answer, Received, WireServer

from autorater.errors import ProviderError
from autorater.model import Sampling, open_model

EVERYTHING = Sampling(temperature=0.5, seed=7, effort="low", logprobs=True, max_output_tokens=300)


async def warned(server: WireServer, provider: str, sampling: Sampling) -> tuple[str, ...]:
    """The names of the arguments that were dropped."""
    server.then(written(provider))
    reply = await connect(provider, server.url).ask(rating(sampling))
    return tuple(warning.split()[0] for warning in reply.warnings)


async def test_openai_with_reasoning(server: WireServer) -> None:
    assert await warned(server, "openai", EVERYTHING) == ("temperature", "seed", "logprobs")
    body: Any = server.received[0].body
    assert body["reasoning"] == {"effort": "low"}
    assert body["max_output_tokens"] == 300
    assert not {"temperature", "seed", "top_logprobs", "include"} & set(body)


async def test_openai_without_reasoning(server: WireServer) -> None:
    assert await warned(server, "openai", EVERYTHING.model_copy(update={"effort": "none"})) == ("seed",)
    body: Any = server.received[0].body
    assert body["temperature"] == 0.5
    assert body["top_logprobs"] == 5
    assert body["include"] == ["message.output_text.logprobs"]


async def test_anthropic_takes_effort_alone(server: WireServer) -> None:
    assert await warned(server, "anthropic", EVERYTHING) == ("temperature", "seed", "logprobs")
    body: Any = server.received[0].body
    assert body["output_config"]["effort"] == "low"
    assert body["max_tokens"] == 300
    assert "temperature" not in body


async def test_anthropic_without_thinking(server: WireServer) -> None:
    await warned(server, "anthropic", Sampling(effort="none"))
    body: Any = server.received[0].body
    assert body["thinking"] == {"type": "disabled"}
    assert "effort" not in body["output_config"]


async def test_google(server: WireServer) -> None:
    assert await warned(server, "google", EVERYTHING) == ("logprobs",)
    body: Any = server.received[0].body
    generation = body["generationConfig"]
    assert (generation["temperature"], generation["seed"], generation["maxOutputTokens"]) == (0.5, 7, 300)
    assert generation["thinkingConfig"] == {"thinkingLevel": "LOW"}
    assert "responseLogprobs" not in generation


async def test_google_with_a_budget_and_log_probabilities(server: WireServer) -> None:
    answer = written("google")
    answer.body["candidates"][0]["logprobsResult"] = {
        "chosenCandidates": [
            {"token": "{", "logProbability": -0.01},
            {"token": '"score"', "logProbability": -0.02},
        ],
        "topCandidates": [{"candidates": [{"token": "[", "logProbability": -5.0}]}],
    }
    server.then(answer)
    model = open_model("google:gemini-2.5-flash", api_key="dummy-key", base_url=server.url)
    reply = await model.ask(rating(Sampling(effort="1024")))
    body: Any = server.received[0].body
    assert body["generationConfig"]["thinkingConfig"] == {"thinkingBudget": 1024}
    assert body["generationConfig"]["responseLogprobs"] is True
    assert [token.text for token in reply.tokens] == ["{", '"score"']
    assert reply.tokens[0].top == {"[": -5.0, "{": -0.01}
    assert reply.tokens[1].top == {'"score"': -0.02}


async def test_compatible_takes_all(server: WireServer) -> None:
    assert await warned(server, "compatible", EVERYTHING) == ()
    body: Any = server.received[0].body
    assert (body["temperature"], body["seed"], body["reasoning_effort"]) == (0.5, 7, "low")
    assert (body["logprobs"], body["top_logprobs"], body["max_tokens"]) == (True, 5, 300)


@pytest.mark.parametrize("provider", ["openai-decisions", "google-decisions"])
async def test_a_decision_takes_none(server: WireServer, provider: str) -> None:
    server.then(decided(provider))
    reply = await connect(provider, server.url).ask(rating(EVERYTHING))
    assert [warning.split()[0] for warning in reply.warnings] == ["temperature", "seed", "effort"]


@pytest.mark.parametrize("provider", WRITERS)
async def test_log_probabilities_are_not_missed_unless_asked_for(server: WireServer, provider: str) -> None:
    assert await warned(server, provider, Sampling()) == ()


async def test_samples_with_a_seed_differ(server: WireServer) -> None:
    server.then(written("compatible"))
    model = connect("compatible", server.url)
    for sample in range(3):
        await model.ask(rating(Sampling(seed=7), sample=sample))
    assert [received.body["seed"] for received in server.received] == [7, 8, 9]


COMPLAINTS = {
    "temperature": "Unsupported value: 'temperature' does not support 0.5 with this model.",
    "seed": "Unknown parameter: 'seed'.",
    "logprobs": "logprobs is not supported with this model.",
    "reasoning_effort": "Unrecognized request argument supplied: reasoning_effort",
}


@pytest.mark.parametrize("status", [400, 422])
@pytest.mark.parametrize("argument", COMPLAINTS)
async def test_what_the_server_refuses_is_dropped_for_good(argument: str, status: int) -> None:
    def script(received: Received) -> Answer:
        if argument in received.body:
            return failed("compatible", status, COMPLAINTS[argument])
        return written("compatible")

    with WireServer(script) as server:
        model = connect("compatible", server.url)
        first = await model.ask(rating(EVERYTHING))
        second = await model.ask(rating(EVERYTHING))
    assert len(server.received) == 3, "one call with the argument, one without, and one more question"
    for reply in (first, second):
        assert reply.finish == "stop"
        assert len(reply.warnings) == 1
        assert COMPLAINTS[argument] in reply.warnings[0]


async def test_several_arguments_are_refused_one_after_another() -> None:
    def script(received: Received) -> Answer:
        left = [argument for argument in COMPLAINTS if argument in received.body]
        return failed("compatible", 400, COMPLAINTS[left[0]]) if left else written("compatible")

    with WireServer(script) as server:
        reply = await connect("compatible", server.url).ask(rating(EVERYTHING))
    assert len(server.received) == 5
    assert len(reply.warnings) == 4


@pytest.mark.parametrize(
    ("provider", "complaint"),
    [
        ("openai", "Unsupported value: 'reasoning.effort' does not support 'low' with this model."),
        ("anthropic", "output_config.effort: Extra inputs are not permitted"),
        ("google", "Thinking level is not supported for this model."),
    ],
)
async def test_the_effort_is_dropped_where_it_is_refused(server: WireServer, provider: str, complaint: str) -> None:
    server.then(failed(provider, 400, complaint), written(provider))
    reply = await connect(provider, server.url).ask(rating(Sampling(effort="low")))
    assert len(server.received) == 2
    assert complaint in reply.warnings[0]


@pytest.mark.parametrize(
    "complaint", ["temperature must be between 0 and 2", "Image format is not supported", "The model is not available"]
)
async def test_other_complaints_are_errors(server: WireServer, complaint: str) -> None:
    server.then(failed("compatible", 400, complaint))
    with pytest.raises(ProviderError, match=complaint):
        await connect("compatible", server.url).ask(rating(EVERYTHING))
    assert len(server.received) == 1


async def test_a_refused_argument_that_was_not_sent_is_an_error(server: WireServer) -> None:
    server.then(failed("anthropic", 400, "temperature is not supported"))
    with pytest.raises(ProviderError, match="temperature"):
        await connect("anthropic", server.url).ask(rating(EVERYTHING))
    assert len(server.received) == 1


PLACES: list[tuple[str, float, dict[str, float]]] = [("{", -0.5, {"[": -1.5}), ("}", -0.1, {})]


def in_openai_words() -> list[dict[str, Any]]:
    """The places as OpenAI writes them."""
    return [
        {
            "token": token,
            "logprob": weight,
            "bytes": list(token.encode()),
            "top_logprobs": [{"token": other, "logprob": less} for other, less in others.items()],
        }
        for token, weight, others in PLACES
    ]


def with_logprobs(provider: str) -> Answer:
    if provider == "openai":
        return responses([{"type": "output_text", "text": "{}", "logprobs": in_openai_words()}])
    return chat("{}", logprobs={"content": in_openai_words()})


@pytest.mark.parametrize("provider", ["openai", "compatible"])
async def test_log_probabilities(server: WireServer, provider: str) -> None:
    server.then(with_logprobs(provider))
    reply = await connect(provider, server.url).ask(rating(Sampling(effort="none", logprobs=True)))
    assert "".join(token.text for token in reply.tokens) == reply.text == "{}"
    assert [token.logprob for token in reply.tokens] == [-0.5, -0.1]
    assert reply.tokens[0].top == {"{": -0.5, "[": -1.5}
    assert reply.tokens[1].top == {"}": -0.1}


async def test_the_impossible_has_a_finite_log_probability(server: WireServer) -> None:
    content = json.dumps(chat("{}", logprobs={"content": [{"token": "{", "logprob": -math.inf}]}).body)
    assert "-Infinity" in content
    server.then(Answer(content))
    reply = await connect("compatible", server.url).ask(rating())
    assert reply.tokens[0].logprob == -1e4
    json.dumps(reply.raw, allow_nan=False)


async def test_an_unknown_model_is_asked_with_care(server: WireServer) -> None:
    server.then(written("openai"))
    model = open_model("openai:gpt-99", api_key="dummy-key", base_url=f"{server.url}/v1")
    assert model.capability.known is False
    reply = await model.ask(rating(EVERYTHING))
    assert [warning.split()[0] for warning in reply.warnings] == ["temperature", "seed", "logprobs"]
