"""The normalised conversation that every provider maps to its own wire format."""

from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

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
class Turn:
    """What one side says."""

    role: Role
    parts: tuple[Text | Image, ...]


@dataclass(frozen=True, slots=True)
class Conversation:
    """A system text and the turns so far; the last turn is the user's."""

    system: str
    turns: tuple[Turn, ...]

    def canonical(self, limits: Fit) -> list[dict[str, Any]]:
        """The turns by content: text as it is, images as sha256 and the rule that decides what is sent of them."""
        rule = limits.rule()
        return [
            {
                "role": turn.role,
                "parts": [
                    {"text": part.text} if isinstance(part, Text) else {"image": part.picture.sha256, "fit": rule}
                    for part in turn.parts
                ],
            }
            for turn in self.turns
        ]

    def pictures(self) -> list[Picture]:
        """Every picture in it, in order."""
        return [part.picture for turn in self.turns for part in turn.parts if isinstance(part, Image)]
