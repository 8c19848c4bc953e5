"""What is sent of tools, calls and results, word for word, and how the tests of them ask."""

import base64
from typing import Any

from questions import TOOLS, blue, looking
from wire_answers import Asked, calling, connect, good
from wire_server import WireServer

from autorater.model import Model, Question, Reply

BLUE = base64.b64encode(blue().data).decode()
BLUE_URL = f"data:image/png;base64,{BLUE}"
CLAUDE_BLUE = {
    "type": "image",
    "source": {"type": "base64", "media_type": "image/png", "data": BLUE},
    "transformations": {"oversized_image": "error"},
}
CLOSED: list[dict[str, Any]] = [
    {**tool.parameters, "additionalProperties": False, "required": list(tool.parameters["properties"])}
    for tool in TOOLS
]


OFFERED: dict[str, Any] = {
    "openai": {
        "tools": [
            {"type": "function", "name": tool.name, "description": tool.description, "parameters": form, "strict": True}
            for tool, form in zip(TOOLS, CLOSED, strict=True)
        ],
        "tool_choice": "auto",
        "include": ["reasoning.encrypted_content"],
    },
    "anthropic": {
        "tools": [
            {"name": tool.name, "description": tool.description, "input_schema": form, "strict": True}
            for tool, form in zip(TOOLS, CLOSED, strict=True)
        ],
        "tool_choice": {"type": "auto"},
    },
    "google": {
        "tools": [
            {
                "functionDeclarations": [
                    {"name": tool.name, "description": tool.description, "parametersJsonSchema": form}
                    for tool, form in zip(TOOLS, CLOSED, strict=True)
                ]
            }
        ],
        "toolConfig": {"functionCallingConfig": {"mode": "AUTO"}},
    },
    "compatible": {
        "tools": [
            {
                "type": "function",
                "function": {
                    "name": tool.name,
                    "description": tool.description,
                    "parameters": form,
                    "strict": True,
                },
            }
            for tool, form in zip(TOOLS, CLOSED, strict=True)
        ],
        "tool_choice": "auto",
    },
}
PLAIN: dict[str, set[str]] = {
    "openai": {"model", "instructions", "input", "image", "max_output_tokens", "store"},
    "anthropic": {"model", "max_tokens", "system", "messages"},
    "google": {"systemInstruction", "contents", "generationConfig", "store"},
    "compatible": {"model", "messages", "max_tokens"},
}


SENT_BACK: dict[str, list[Any]] = {
    "openai": [
        {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "c2ln"},
        {
            "type": "message",
            "id": "msg_1",
            "role": "assistant",
            "status": "completed",
            "phase": "commentary",
            "content": [{"type": "output_text", "text": "I look closer.", "annotations": [], "logprobs": []}],
        },
        {"type": "function_call", "call_id": "call_a", "name": "sharpness", "arguments": '{"image": "image_1"}'},
        {"type": "function_call", "call_id": "call_b", "name": "faces", "arguments": '{"least": 0.5}'},
        {
            "type": "function_call_output",
            "call_id": "call_a",
            "output": [
                {"type": "input_text", "text": "0.7 in all; the blurred parts are blue."},
                {"type": "input_image", "image_url": BLUE_URL, "detail": "high"},
            ],
        },
        {"type": "function_call_output", "call_id": "call_b", "output": "The tool failed.\nNo face."},
        {"role": "user", "content": [{"type": "input_text", "text": "Go on."}]},
    ],
    "anthropic": [
        {
            "role": "assistant",
            "content": [
                {"type": "thinking", "thinking": "", "signature": "c2ln"},
                {"type": "text", "text": "I look closer."},
                {"type": "tool_use", "id": "call_a", "name": "sharpness", "input": {"image": "image_1"}},
                {"type": "tool_use", "id": "call_b", "name": "faces", "input": {"least": 0.5}},
            ],
        },
        {
            "role": "user",
            "content": [
                {
                    "type": "tool_result",
                    "tool_use_id": "call_a",
                    "content": [{"type": "text", "text": "0.7 in all; the blurred parts are blue."}, CLAUDE_BLUE],
                },
                {
                    "type": "tool_result",
                    "tool_use_id": "call_b",
                    "is_error": True,
                    "content": [{"type": "text", "text": "No face."}],
                },
                {"type": "text", "text": "Go on."},
            ],
        },
    ],
    "google": [
        {
            "role": "model",
            "parts": [
                {"text": "I look closer."},
                {
                    "functionCall": {"id": "call_a", "name": "sharpness", "args": {"image": "image_1"}},
                    "thoughtSignature": "c2ln",
                },
                {"functionCall": {"id": "call_b", "name": "faces", "args": {"least": 0.5}}},
            ],
        },
        {
            "role": "user",
            "parts": [
                {
                    "functionResponse": {
                        "id": "call_a",
                        "name": "sharpness",
                        "response": {"output": "0.7 in all; the blurred parts are blue.\n[picture 1]"},
                        "parts": [{"inlineData": {"mimeType": "image/png", "data": BLUE}}],
                    }
                },
                {"functionResponse": {"id": "call_b", "name": "faces", "response": {"error": "No face."}}},
            ],
        },
        {"role": "user", "parts": [{"text": "Go on."}]},
    ],
    "compatible": [
        {
            "role": "assistant",
            "content": "I look closer.",
            "tool_calls": [
                {
                    "id": "call_a",
                    "type": "function",
                    "function": {"name": "sharpness", "arguments": '{"image": "image_1"}'},
                },
                {"id": "call_b", "type": "function", "function": {"name": "faces", "arguments": '{"least": 0.5}'}},
            ],
        },
        {"role": "tool", "tool_call_id": "call_a", "content": "0.7 in all; the blurred parts are blue.\n[picture 1]"},
        {"role": "tool", "tool_call_id": "call_b", "content": "The tool failed.\nNo face."},
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "Picture 1 that sharpness returned (call call_a):"},
                {"type": "image_url", "image_url": {"url": BLUE_URL, "detail": "high"}},
                {"type": "text", "text": "Go on."},
            ],
        },
    ],
}


def opened(provider: str, url: str, **settings: Any) -> Model:
    """An adapter that may call tools."""
    return connect(provider, url, **({"native_tools": True} if provider == "compatible" else {}), **settings)


async def body_of(server: WireServer, provider: str, question: Question) -> Any:
    """What is sent for a question."""
    server.then(good(provider))
    await opened(provider, server.url).ask(question)
    return server.received[-1].body


async def first_reply(server: WireServer, provider: str, *calls: Asked, **more: Any) -> Reply:
    """What is read of an answer with these calls."""
    server.then(calling(provider, *calls, **more))
    return await opened(provider, server.url).ask(looking())


def turns_in(body: Any) -> list[Any]:
    """The conversation in a request, without the system text."""
    turns = body.get("input") or body.get("contents") or body["messages"]
    return [turn for turn in turns if turn.get("role") != "system"]
