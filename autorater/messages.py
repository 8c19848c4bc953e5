"""The normalised conversation that every provider maps to its own wire format."""

from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from autorater.canonical import digest
from autorater.image import Fit, Picture

Role: TypeAlias = Literal["user", "assistant"]


@dataclass(frozen=True, slots=True)
class Text:
    """A piece of text."""

    text: str


@dataclass(frozen=True, slots=True)
class Image:
    """A picture; what is sent of it is decided by the model's limits (`autorater.image.fit`)."""

    picture: Picture


@dataclass(frozen=True, slots=True)
class ToolCall:
    """The model asks for a tool; only in the assistant's turns."""

    id: str
    """What the provider calls this call; "" where it gives none (then calls and results pair by their order)."""
    name: str
    arguments: dict[str, Any]
    signature: str = ""
    """What the provider wants back unread with the call: Gemini's thought signature, or the reasoning of Claude or GPT
    before it, as JSON; "" when there is none."""


@dataclass(frozen=True, slots=True)
class ToolResult:
    """What came of a call: text and perhaps a picture; only in the user's turn after it."""

    id: str
    name: str
    parts: tuple[Text | Image, ...]
    failed: bool = False


Part: TypeAlias = Text | Image | ToolCall | ToolResult


@dataclass(frozen=True, slots=True)
class Tool:
    """Something the model may call. `parameters` is a strict JSON schema of an object."""

    name: str
    description: str
    parameters: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Turn:
    """What one side says."""

    role: Role
    parts: tuple[Part, ...]


@dataclass(frozen=True, slots=True)
class Conversation:
    """A system text and the turns so far; the last turn is the user's."""

    system: str
    turns: tuple[Turn, ...]

    def canonical(self, limits: Fit) -> list[dict[str, Any]]:
        """The turns by content: text as it is, images as sha256 and the rule that decides what is sent of them."""
        rule = limits.rule()
        return [{"role": turn.role, "parts": [_canonical(part, rule) for part in turn.parts]} for turn in self.turns]

    def pictures(self) -> list[Picture]:
        """Every picture in it, in order, those of tools' results included."""
        parts = [part for turn in self.turns for part in turn.parts]
        flat = [inner for part in parts for inner in (part.parts if isinstance(part, ToolResult) else (part,))]
        return [part.picture for part in flat if isinstance(part, Image)]


def _canonical(part: Part, rule: str) -> dict[str, Any]:
    if isinstance(part, Text):
        return {"text": part.text}
    if isinstance(part, Image):
        return {"image": part.picture.sha256, "fit": rule}
    if isinstance(part, ToolCall):
        called = {"call": part.name, "id": part.id, "arguments": part.arguments}
        return called | {"signature": digest(part.signature.encode())} if part.signature else called
    inner = [_canonical(one, rule) for one in part.parts]
    return {"result": part.name, "id": part.id, "failed": part.failed, "parts": inner}
