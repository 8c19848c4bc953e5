"""The questions that the adapters are asked, with pictures whose bytes are the same everywhere."""

import struct
import zlib
from dataclasses import replace
from typing import Any

from autorater.image import Picture, open_picture
from autorater.messages import Conversation, Image, Text, Tool, ToolCall, ToolResult, Turn
from autorater.model import Question, Reply, Sampling

RATING: dict[str, Any] = {
    "type": "object",
    "properties": {
        "rationale": {"type": "string", "maxLength": 200},
        "score": {"type": "integer", "minimum": 1, "maximum": 10},
    },
}
COMPARISON: dict[str, Any] = {
    "type": "object",
    "properties": {
        "rationale": {"type": "string", "maxLength": 200},
        "preference": {"type": "string", "enum": ["image_1", "image_2", "tie"]},
    },
}


def png(red: int, green: int, blue: int, *, width: int = 24, height: int = 16) -> bytes:
    """A PNG of one colour; not compressed, so that no version of zlib changes a byte."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    rows = (b"\0" + bytes((red, green, blue)) * width) * height
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows, 0)) + chunk(b"IEND", b"")


def red() -> Picture:
    """A red picture."""
    return open_picture(png(200, 30, 30))


def blue() -> Picture:
    """A blue picture."""
    return open_picture(png(30, 30, 200))


def rating(sampling: Sampling | None = None, *, sample: int = 0) -> Question:
    """One picture to rate."""
    parts = (Text("The prompt was: a red square. Image 1:"), Image(red()), Text("Rate image 1."))
    return Question(
        Conversation("You judge images.", (Turn("user", parts),)),
        "rating",
        RATING,
        sampling=sampling or Sampling(max_output_tokens=300),
        sample=sample,
    )


def comparison(sampling: Sampling | None = None) -> Question:
    """Two pictures to compare."""
    parts = (Text("The prompt was: a red square. Image 1:"), Image(red()), Text("Image 2:"), Image(blue()))
    return Question(
        Conversation("You judge images.", (Turn("user", (*parts, Text("Which is better?"))),)),
        "comparison",
        COMPARISON,
        sampling=sampling or Sampling(max_output_tokens=300),
    )


def repaired() -> Question:
    """The rating once more, after an answer that did not fit."""
    first = rating()
    turns = (
        *first.conversation.turns,
        Turn("assistant", (Text('{"rationale": "red", "score": 11}'),)),
        Turn("user", (Text("score must be at most 10. Answer again."),)),
    )
    return Question(Conversation(first.conversation.system, turns), "rating", RATING, sampling=first.sampling)


NAMED: dict[str, Any] = {
    "type": "object",
    "properties": {"image": {"type": "string", "enum": ["image_1", "image_2"]}},
}
TOOLS = (
    Tool("sharpness", "How sharp an image is, from 0 to 1.", NAMED),
    Tool("faces", "The faces in an image.", {"type": "object", "properties": {"least": {"type": "number"}}}),
)


def looking() -> Question:
    """The rating, before which the model may call tools."""
    asked = rating()
    return replace(asked, schema_name="", schema={}, tools=TOOLS)


def answered(reply: Reply) -> tuple[Turn, Turn]:
    """What the model said, and what came of its calls: one returns a picture, the others fail."""
    calls = tuple(ToolCall(call.id, call.name, call.arguments, call.signature) for call in reply.calls)
    results = tuple(
        ToolResult(call.id, call.name, (Text("No face."),), failed=True)
        if place
        else ToolResult(call.id, call.name, (Text("0.7 in all; the blurred parts are blue."), Image(blue())))
        for place, call in enumerate(calls)
    )
    return Turn("assistant", (Text(reply.text), *calls)), Turn("user", (*results, Text("Go on.")))


def looked(reply: Reply) -> Question:
    """The second step: the same tools once more, with what came of the calls."""
    asked = looking()
    turns = (*asked.conversation.turns, *answered(reply))
    return replace(asked, conversation=replace(asked.conversation, turns=turns))


def judged(reply: Reply) -> Question:
    """The rating itself, after the calls."""
    return replace(looked(reply), schema_name="rating", schema=RATING)
