"""What the wire formats of the providers share: pictures in base64, schemas cut to what a provider takes."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from autorater.canonical import canonical_json
from autorater.errors import UsageError
from autorater.image import Fit, Picture, fit
from autorater.messages import Conversation, Image, Text, ToolResult, Turn
from autorater.model import Capability, Question

LENGTHS = frozenset({"minLength", "maxLength"})
RANGES = frozenset({"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"})
COUNTS = frozenset({"minItems", "maxItems", "uniqueItems"})
_IN_WORDS = {
    "minimum": "at least {}",
    "maximum": "at most {}",
    "exclusiveMinimum": "more than {}",
    "exclusiveMaximum": "less than {}",
    "multipleOf": "a multiple of {}",
    "minLength": "at least {} characters",
    "maxLength": "at most {} characters",
    "minItems": "at least {} items",
    "maxItems": "at most {} items",
    "pattern": "matching {}",
    "const": "always {}",
}
"""How a keyword that a provider does not take is said in the description."""


def base64_of(picture: Picture, limits: Fit) -> tuple[str, str]:
    """The media type and the base64 of what is sent of a picture; made once for its life."""

    def build() -> tuple[str, str]:
        sent = fit(picture, limits)
        return sent.media_type, sent.base64()

    return picture.remember(("base64", limits), build)


def forget_images(question: Question) -> None:
    """Drop what was made to send a question's images, which is several times as large as they are."""
    for picture in question.conversation.pictures():
        picture.forget()


def data_url(picture: Picture, limits: Fit) -> str:
    """The data: URL of what is sent of a picture; made once for its life."""

    def build() -> str:
        sent = fit(picture, limits)
        return f"data:{sent.media_type};base64,{sent.base64()}"

    return picture.remember(("data_url", limits), build)


def check_images(conversation: Conversation, takes: Capability, *, name: str) -> None:
    """Refuse more pictures than the model takes in one call.

    Raises:
        UsageError: there are too many.

    """
    count = len(conversation.pictures())
    if count > takes.max_images:
        raise UsageError(f"{name} takes at most {takes.max_images} images in one call, got {count}: send fewer")


def parts_of(whole: Turn | ToolResult, text: Callable[[str], Any], image: Callable[[Picture], Any]) -> list[Any]:
    """The texts and pictures of a turn or of a tool's result in a provider's own form."""
    return [
        text(part.text) if isinstance(part, Text) else image(part.picture)
        for part in whole.parts
        if isinstance(part, Text | Image)
    ]


def said(turn: Turn) -> str:
    """The text of a turn."""
    return "".join(part.text for part in turn.parts if isinstance(part, Text))


def schema_in_words(schema: dict[str, Any]) -> str:
    """The instruction that stands in the prompt of a model whose server does not enforce the schema."""
    return (
        "Answer with one JSON object and nothing else. It must fit this JSON schema:\n"
        + canonical_json(schema).decode()
    )


@dataclass(slots=True)
class Schemas:
    """The wire form of each schema, made once. `dropped` are keywords the provider does not take: said in words."""

    dropped: frozenset[str]
    _made: dict[str | int, tuple[dict[str, Any], dict[str, Any]]] = field(
        default_factory=dict[str | int, tuple[dict[str, Any], dict[str, Any]]]
    )

    def wire(self, question: Question) -> dict[str, Any]:
        """The schema of `question` as the provider takes it: references inlined, objects closed, all keys required."""
        return self.wired(question.schema, question.schema_digest)

    def wired(self, schema: dict[str, Any], digest: str = "") -> dict[str, Any]:
        """Any schema as the provider takes it; `digest` finds it again when another object holds the same."""
        key = digest or id(schema)
        made = self._made.get(key)
        if made is None or (key == id(schema) and made[0] is not schema):
            if len(self._made) >= 64:
                self._made.clear()
            made = schema, self._node(schema, schema.get("$defs", {}), ())
            self._made[key] = made
        return made[1]

    def _node(self, node: dict[str, Any], definitions: dict[str, Any], within: tuple[str, ...]) -> dict[str, Any]:
        if "$ref" in node:
            name = str(node["$ref"]).rsplit("/", 1)[-1]
            if name in within or name not in definitions:
                raise UsageError(f"the schema refers to {node['$ref']!r}, which is recursive or not defined")
            return self._node(
                {**definitions[name], **{key: value for key, value in node.items() if key != "$ref"}},
                definitions,
                (*within, name),
            )
        wire: dict[str, Any] = {}
        for keyword, value in node.items():
            if keyword == "properties":
                wire[keyword] = {name: self._node(child, definitions, within) for name, child in value.items()}
            elif keyword == "items":
                wire[keyword] = self._node(value, definitions, within)
            elif keyword in ("anyOf", "oneOf", "allOf", "prefixItems"):
                wire[keyword] = [self._node(child, definitions, within) for child in value]
            elif keyword not in ("$defs", "default", "title") and keyword not in self.dropped:
                wire[keyword] = value
        limits = ", ".join(
            words.format(node[keyword])
            for keyword, words in _IN_WORDS.items()
            if keyword in node and keyword in self.dropped
        )
        if limits:
            wire["description"] = f"{node['description']} ({limits})" if node.get("description") else limits
        if node.get("type") == "object" and "properties" in wire:
            wire["additionalProperties"] = False
            wire["required"] = list(wire["properties"])
        return wire
