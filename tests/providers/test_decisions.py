"""The Decisions APIs: which question is posed, and which are not."""

import json
from typing import Any

import pytest
from questions import RATING, comparison, rating, repaired
from wire_answers import CHOICES, DECIDERS, connect, decided, decision
from wire_server import Answer, WireServer

from autorater.errors import Unavailable, UsageError
from autorater.messages import Conversation, Text, Turn
from autorater.model import Question


@pytest.mark.parametrize("provider", DECIDERS)
async def test_a_choice(server: WireServer, provider: str) -> None:
    server.then(decided(provider, "choice"))
    reply = await connect(provider, server.url).ask(comparison())
    assert json.loads(reply.text) == {"preference": "image_1"}
    assert reply.probabilities == CHOICES


async def test_how_openai_is_asked(server: WireServer) -> None:
    server.then(decided("openai-decisions"), decided("openai-decisions", "choice"))
    model = connect("openai-decisions", server.url)
    await model.ask(rating())
    await model.ask(comparison())
    score, choice = (received.body for received in server.received)
    assert server.received[0].path == "/v1/decisions"
    assert score["model"] == "gpt-6-luna"
    assert [message["role"] for message in score["input"]] == ["system", "user"]
    assert [part["type"] for part in score["input"][1]["content"]] == ["input_text", "input_image", "input_text"]
    posed = score["questions"][0]
    assert (posed["type"], posed["name"]) == ("score", "score")
    assert posed["levels"] == [{"label": str(level)} for level in range(1, 11)]
    assert choice["questions"][0]["choices"] == [{"value": value} for value in ("image_1", "image_2", "tie")]


async def test_how_google_is_asked(server: WireServer) -> None:
    server.then(decided("google-decisions"), decided("google-decisions", "choice"))
    model = connect("google-decisions", server.url)
    await model.ask(rating())
    await model.ask(comparison())
    score, choice = (received.body for received in server.received)
    assert server.received[0].path == "/v1beta/decisions"
    assert server.received[0].headers["x-goog-api-key"] == "dummy-key"
    assert score["model"] == "models/gemini-decision-1"
    assert [part["type"] for part in score["input"]] == ["text", "text", "image", "text"]
    posed: Any = score["questions"]["score"]
    assert (posed["type"], posed["criteria"]) == ("score", [str(level) for level in range(1, 11)])
    assert list(choice["questions"]["preference"]["criteria"]) == ["image_1", "image_2", "tie"]


@pytest.mark.parametrize(
    "last",
    [
        {"type": "string"},
        {"type": "integer", "minimum": 0, "maximum": 100},
        {"type": "integer"},
        {"type": "string", "enum": ["only"]},
    ],
)
@pytest.mark.parametrize("provider", DECIDERS)
async def test_what_is_no_decision(server: WireServer, provider: str, last: dict[str, Any]) -> None:
    schema = {"type": "object", "properties": RATING["properties"] | {"last": last}}
    question = Question(Conversation("", (Turn("user", (Text("?"),)),)), "odd", schema)
    with pytest.raises(UsageError, match="'last', is neither"):
        await connect(provider, server.url).ask(question)
    assert server.received == []


@pytest.mark.parametrize("provider", DECIDERS)
async def test_nothing_is_repaired(server: WireServer, provider: str) -> None:
    with pytest.raises(UsageError, match="takes no earlier answers"):
        await connect(provider, server.url).ask(repaired())


@pytest.mark.parametrize("probabilities", [[], [{"label": "11", "probability": 1.0}]])
async def test_other_labels_are_no_answer(server: WireServer, probabilities: list[dict[str, Any]]) -> None:
    server.then(decision({"type": "score", "score": 1.0, "confidence": 1.0, "probabilities": probabilities}))
    with pytest.raises(Unavailable, match="expected probabilities of 1, 2"):
        await connect("openai-decisions", server.url).ask(rating())


async def test_the_answer_to_another_question_is_no_answer(server: WireServer) -> None:
    server.then(Answer({"answers": {"other": {"type": "score"}}}))
    with pytest.raises(Unavailable, match="answers no score"):
        await connect("google-decisions", server.url).ask(rating())
