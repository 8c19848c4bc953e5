"""What we send of tools, held against the types of the installed SDKs: they know every field, and lose none."""

import json
from typing import Any, cast

import pytest
from anthropic.types import TextBlockParam, ThinkingBlockParam, ToolParam, ToolResultBlockParam, ToolUseBlockParam
from google.genai import types as google
from openai.types import chat
from openai.types import responses as openai
from openai.types.responses.response_input_item_param import FunctionCallOutput
from pydantic import TypeAdapter
from tool_bodies import BLUE, OFFERED, SENT_BACK

OPENAI: dict[str, Any] = {
    "function_call": openai.ResponseFunctionToolCallParam,
    "function_call_output": FunctionCallOutput,
    "message": openai.ResponseOutputMessageParam,
    "reasoning": openai.ResponseReasoningItemParam,
}
ANTHROPIC: dict[str, Any] = {
    "text": TextBlockParam,
    "thinking": ThinkingBlockParam,
    "tool_result": ToolResultBlockParam,
    "tool_use": ToolUseBlockParam,
}
CHAT: dict[str, Any] = {
    "assistant": chat.ChatCompletionAssistantMessageParam,
    "tool": chat.ChatCompletionToolMessageParam,
    "user": chat.ChatCompletionUserMessageParam,
}
PARTS: list[tuple[Any, Any]] = [
    *((OPENAI[item["type"]], item) for item in SENT_BACK["openai"] if "type" in item),
    *((openai.FunctionToolParam, tool) for tool in OFFERED["openai"]["tools"]),
    *((ANTHROPIC[block["type"]], block) for turn in SENT_BACK["anthropic"] for block in turn["content"]),
    *((ToolParam, tool) for tool in OFFERED["anthropic"]["tools"]),
    *((google.Content, content) for content in SENT_BACK["google"]),
    *((google.Tool, tool) for tool in OFFERED["google"]["tools"]),
    (google.ToolConfig, OFFERED["google"]["toolConfig"]),
    *((CHAT[message["role"]], message) for message in SENT_BACK["compatible"]),
    *((chat.ChatCompletionFunctionToolParam, tool) for tool in OFFERED["compatible"]["tools"]),
]


def whole(value: Any) -> Any:
    """`value` with the lists that pydantic leaves as iterators read to their end."""
    if isinstance(value, dict):
        return {key: whole(inner) for key, inner in cast("dict[str, Any]", value).items()}
    return [whole(inner) for inner in value] if hasattr(value, "__iter__") and not isinstance(value, str) else value


@pytest.mark.parametrize(("form", "sent"), PARTS, ids=lambda value: getattr(value, "__name__", ""))
def test_the_sdk_knows_all_that_is_sent(form: Any, sent: Any) -> None:
    adapter = TypeAdapter[Any](form)
    read = adapter.validate_python(sent)
    if isinstance(read, dict):
        assert whole(read) == sent
    else:
        dumped = json.dumps(adapter.dump_python(read, mode="json", by_alias=True, exclude_none=True))
        # Google's SDK writes base64 with two other characters.
        assert json.loads(dumped.replace(BLUE.replace("+", "-").replace("/", "_"), BLUE)) == sent
