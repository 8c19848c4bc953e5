"""How schemas and pictures are put on the wire, and how each provider's way to stop is read."""

import json
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from questions import RATING, png, rating
from wire_answers import candidates, chat, connect, message, responses, written
from wire_server import Answer, WireServer

from autorater.errors import UsageError
from autorater.image import Fit, fit, open_picture
from autorater.messages import Conversation, Text, Turn
from autorater.model import Question
from autorater.providers._wire import COUNTS, LENGTHS, RANGES, Schemas, base64_of, data_url


def asked(schema: dict[str, Any], *, digest: str = "") -> Question:
    return Question(Conversation("", (Turn("user", (Text("?"),)),)), "form", schema, schema_digest=digest)


def test_what_a_provider_does_not_take_is_said_in_words() -> None:
    schema = {
        "type": "object",
        "title": "Form",
        "properties": {
            "words": {"type": "string", "description": "Some words", "minLength": 1, "maxLength": 9, "default": "x"},
            "list": {"type": "array", "items": {"type": "number", "exclusiveMinimum": 0}, "maxItems": 3},
            "title": {"type": "string", "pattern": "^a"},
        },
    }
    wire = Schemas(LENGTHS | RANGES | COUNTS | {"pattern"}).wire(asked(schema))
    assert wire == {
        "type": "object",
        "properties": {
            "words": {"type": "string", "description": "Some words (at least 1 characters, at most 9 characters)"},
            "list": {
                "type": "array",
                "items": {"type": "number", "description": "more than 0"},
                "description": "at most 3 items",
            },
            "title": {"type": "string", "description": "matching ^a"},
        },
        "additionalProperties": False,
        "required": ["words", "list", "title"],
    }
    assert schema["title"] == "Form", "the caller's schema is not touched"


def test_references_are_put_in_place() -> None:
    schema = {
        "type": "object",
        "properties": {"first": {"$ref": "#/$defs/Part"}, "either": {"anyOf": [{"$ref": "#/$defs/Part"}]}},
        "$defs": {"Part": {"type": "object", "properties": {"of": {"type": "string"}}}},
    }
    part = {
        "type": "object",
        "properties": {"of": {"type": "string"}},
        "additionalProperties": False,
        "required": ["of"],
    }
    wire = Schemas(frozenset()).wire(asked(schema))
    assert wire["properties"] == {"first": part, "either": {"anyOf": [part]}}
    assert "$defs" not in wire


@pytest.mark.parametrize("target", ["#/$defs/Loop", "#/$defs/Missing"])
def test_references_that_cannot_be_put_in_place(target: str) -> None:
    loop = {"type": "object", "properties": {"again": {"$ref": "#/$defs/Loop"}}}
    schema = {"type": "object", "properties": {"first": {"$ref": target}}, "$defs": {"Loop": loop}}
    with pytest.raises(UsageError, match="recursive or not defined"):
        Schemas(frozenset()).wire(asked(schema))


def test_a_schema_is_made_once_and_never_mistaken_for_another() -> None:
    schemas = Schemas(frozenset())
    same = asked(RATING, digest="d1")
    assert schemas.wire(same) is schemas.wire(asked(dict(RATING), digest="d1"))
    for number in range(200):
        wire = schemas.wire(asked({"type": "object", "properties": {f"p{number}": {"type": "string"}}}))
        assert list(wire["properties"]) == [f"p{number}"]


def array_of(inner: dict[str, Any]) -> dict[str, Any]:
    return {"type": "array", "items": inner}


def object_of(parts: dict[str, dict[str, Any]]) -> dict[str, Any]:
    return {"type": "object", "properties": parts}


def grown(inner: st.SearchStrategy[dict[str, Any]]) -> st.SearchStrategy[dict[str, Any]]:
    names = st.sampled_from(["title", "default", "x", "items"])
    return inner.map(array_of) | st.dictionaries(names, inner, min_size=1).map(object_of)


LEAVES: list[dict[str, Any]] = [
    {"type": "string", "maxLength": 4},
    {"type": "integer", "minimum": 0},
    {"type": "string", "enum": ["a", "b"]},
]
SCHEMAS = st.recursive(st.sampled_from(LEAVES), grown)


def objects_in(node: Any) -> list[Mapping[str, Any]]:
    """Every object schema within `node`."""
    found: list[Mapping[str, Any]] = []
    if node.get("type") == "object":
        found.append(node)
        for child in node["properties"].values():
            found += objects_in(child)
    if "items" in node and node.get("type") == "array":
        found += objects_in(node["items"])
    return found


@given(st.dictionaries(st.sampled_from(["rationale", "title", "score"]), SCHEMAS, min_size=1))
def test_every_object_is_closed_and_keeps_the_order_of_its_keys(properties: dict[str, Any]) -> None:
    schema = {"type": "object", "properties": properties}
    before = json.dumps(schema)
    wire = Schemas(LENGTHS | RANGES).wire(asked(schema))
    assert json.dumps(schema) == before
    assert list(wire["properties"]) == list(properties)
    for node, original in zip(objects_in(wire), objects_in(schema), strict=True):
        assert node["additionalProperties"] is False
        assert node["required"] == list(node["properties"]) == list(original["properties"])
    assert not any(word in json.dumps(wire) for word in ('"maxLength":', '"minimum":'))


def test_a_picture_is_encoded_once_for_each_rule() -> None:
    picture = open_picture(png(1, 2, 3, width=200, height=100))
    whole, small = Fit(), Fit(max_side=50)
    assert base64_of(picture, whole) is base64_of(picture, whole)
    assert data_url(picture, whole) is data_url(picture, whole)
    assert data_url(picture, whole) == "data:image/png;base64," + base64_of(picture, whole)[1]
    assert base64_of(picture, small) == (fit(picture, small).media_type, fit(picture, small).base64())
    assert base64_of(picture, small) != base64_of(picture, whole)


STOPS: list[tuple[str, Answer, str]] = [
    ("openai", responses([{"type": "output_text", "text": "{}"}], incomplete="steered"), "other"),
    ("anthropic", message("{}", stop_reason="stop_sequence"), "stop"),
    ("anthropic", message("{}", stop_reason="model_context_window_exceeded"), "length"),
    ("anthropic", message("{}", stop_reason="pause_turn"), "other"),
    ("google", candidates("{}", reason="SAFETY"), "refusal"),
    ("google", candidates("{}", reason="IMAGE_SAFETY"), "refusal"),
    ("google", candidates("{}", reason="SPII"), "refusal"),
    ("google", candidates("{}", reason="MALFORMED_RESPONSE"), "other"),
    ("compatible", chat("{}", reason="content_filter"), "refusal"),
    ("compatible", chat("{}", reason="tool_calls"), "other"),
]


@pytest.mark.parametrize(("provider", "answer", "finish"), STOPS)
async def test_how_an_answer_stopped(server: WireServer, provider: str, answer: Answer, finish: str) -> None:
    server.then(answer)
    reply = await connect(provider, server.url).ask(rating())
    assert reply.finish == finish
    assert (reply.text == "") == (finish == "refusal")
    assert bool(reply.refusal) == (finish == "refusal")


async def test_what_was_written_to_the_cache_is_counted(server: WireServer) -> None:
    answer = message("{}")
    answer.body["usage"]["cache_creation_input_tokens"] = 500
    server.then(answer)
    usage = (await connect("anthropic", server.url).ask(rating())).usage
    assert (usage.input, usage.cached, usage.written) == (1500, 200, 500)
    answer = written("openai")
    answer.body["usage"]["input_tokens_details"]["cache_write_tokens"] = 300
    server.then(answer)
    usage = (await connect("openai", server.url).ask(rating())).usage
    assert (usage.input, usage.cached, usage.written) == (1000, 200, 300)
