"""Conversations with tools by their content: what names them in the log."""

from dataclasses import replace

import numpy as np

from autorater.canonical import digest
from autorater.image import Fit, open_picture
from autorater.ledger import canonical_question
from autorater.messages import Conversation, Image, Text, Tool, ToolCall, ToolResult, Turn
from autorater.model import Capability, Question
from autorater.replay import RecordedModel

PICTURE = open_picture(np.zeros((4, 5, 3), dtype=np.uint8))
MODEL = RecordedModel("nobody:nothing", Capability())
PLAIN = Question(
    Conversation("system", (Turn("user", (Text("Rate it."), Image(PICTURE))),)), "rating", {"type": "object"}
)
RESULT = ToolResult("call_a", "sharpness", (Text("0.7"), Image(PICTURE)), failed=True)


def with_call(call: ToolCall) -> Conversation:
    """A call and its result, after the question."""
    turns = (*PLAIN.conversation.turns, Turn("assistant", (call,)), Turn("user", (RESULT,)))
    return replace(PLAIN.conversation, turns=turns)


def test_calls_and_results_are_named_by_their_content() -> None:
    rule = Fit().rule()
    call = ToolCall("call_a", "sharpness", {"image": "image_1"})
    assert with_call(call).canonical(Fit())[1:] == [
        {"role": "assistant", "parts": [{"call": "sharpness", "id": "call_a", "arguments": {"image": "image_1"}}]},
        {
            "role": "user",
            "parts": [
                {
                    "result": "sharpness",
                    "id": "call_a",
                    "failed": True,
                    "parts": [{"text": "0.7"}, {"image": PICTURE.sha256, "fit": rule}],
                }
            ],
        },
    ]
    signed = with_call(replace(call, signature="thought")).canonical(Fit())
    assert signed[1]["parts"][0]["signature"] == digest(b"thought"), "it is sent, and long: its digest names it"


def test_the_pictures_of_results_are_among_the_pictures() -> None:
    assert with_call(ToolCall("", "sharpness", {})).pictures() == [PICTURE, PICTURE]


def test_a_question_without_tools_keeps_its_name() -> None:
    assert set(canonical_question(MODEL, PLAIN)) == {"model", "system", "schema", "turns", "sampling", "sample"}


def test_every_word_of_a_tool_is_in_the_name() -> None:
    tool = Tool("sharpness", "How sharp an image is.", {"type": "object", "properties": {}})
    changed = (
        replace(tool, name="faces"),
        replace(tool, description="?"),
        replace(tool, parameters={"type": "object", "properties": {"image": {"type": "string"}}}),
    )
    asked = [
        canonical_question(MODEL, replace(PLAIN, tools=tools)) for tools in ((tool,), *((one,) for one in changed))
    ]
    names = [each.pop("tools") for each in asked]
    assert len(set(names)) == 4
    assert all(each == canonical_question(MODEL, PLAIN) for each in asked)
