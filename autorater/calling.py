"""How an agent's model calls specialists: natively, or by a structured answer that names one. Same calls either way."""

import re
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from pydantic import BaseModel, ValidationError

from autorater.canonical import digest_of
from autorater.card import Card
from autorater.checklist import fold
from autorater.document import describe_errors
from autorater.messages import Conversation, Image, Text, Tool, ToolCall, ToolResult, Turn
from autorater.model import Called, Question, Reply, Sampling
from autorater.suggest import did_you_mean
from autorater.verdict import without_fence

FINISH = "finish"
"""The action of a structured answer that ends the loop."""
ALL = "all"
"""In the place of an image: every one of them."""
LONGEST_LOOK_FOR = 300
"""Characters."""
LONGEST_DESCRIPTION = 380
"""Characters of what a tool is described by."""
_WIDTHS = ((70, 110), (50, 110), (50, 60), (0, 110), (0, 60))
"""Characters for the meaning of a quantity and for the known errors; the next when the whole is too long."""
_END_OF_CLAUSE = re.compile(r"[.;](?:\s|$)")
_LOOK_FOR = "Short phrases to look for in place of the prompt; empty: the prompt."

Parts: TypeAlias = tuple[Text | Image, ...]


@dataclass(frozen=True, slots=True)
class Said:
    """One turn of the model: what it thought, and what it calls; nothing when it has seen enough."""

    thought: str
    wanted: tuple[Called, ...]


@dataclass(frozen=True, slots=True)
class Plan:
    """One call in our terms: who looks at which candidates; without a card, `problem` says why nobody does."""

    card: Card | None
    letters: tuple[str, ...] = ()
    look_for: str = ""
    problem: str = ""


def tools_for(cards: Sequence[Card], images: Sequence[str]) -> tuple[Tool, ...]:
    """One tool for each specialist; `images` are the names of the images that it may look at."""
    return tuple(Tool(card.name, _describe(card), _parameters(card, images)) for card in cards)


def _describe(card: Card) -> str:
    """Title, what it gives with range and direction, and the first that is known of its errors, all in short.

    Every step sends the descriptions of all specialists again. The rest of a card is told where it is wanted: by
    `auto`, which sends the cards once.
    """
    known = _END_OF_CLAUSE.split(card.meta.errors)[0]
    reads = " Reads look_for." if "prompt" in card.meta.needs else ""
    text = ""
    for meanings, errors in _WIDTHS:
        text = (
            f"{_ended(card.meta.title)} Gives {_gives(card, meanings)}.{reads} "
            f"Errors: {_ended(_shortened(known, errors))}"
        )
        if len(text) <= LONGEST_DESCRIPTION:
            return text
    return _shortened(text, LONGEST_DESCRIPTION)


def _gives(card: Card, width: int) -> str:
    """The quantities, each meaning in at most `width` characters, and whether there are words."""
    told: list[str] = []
    for quantity in card.meta.quantities:
        meaning = _shortened(quantity.meaning.partition(";")[0], width).removesuffix(".")
        spans = quantity.describe().replace(" to no upper bound", " and up")
        told.append(f"{quantity.name} ({meaning}: {spans})" if width else f"{quantity.name} ({spans})")
    return "; ".join([*told, *(["findings in words"] if card.meta.gives_text else [])])


def _shortened(text: str, width: int) -> str:
    return textwrap.shorten(text, width, placeholder="…") if width else ""


def _ended(text: str) -> str:
    return text if text.endswith((".", "?", "!", "…")) else f"{text}."


def _parameters(card: Card, images: Sequence[str]) -> dict[str, Any]:
    properties: dict[str, Any] = {"image": {"type": "string", "enum": _choices(images)}}
    if "prompt" in card.meta.needs:
        properties["look_for"] = {"type": "string", "maxLength": LONGEST_LOOK_FOR, "description": _LOOK_FOR}
    return _object(properties)


def _choices(images: Sequence[str]) -> list[str]:
    """What may stand in the place of an image: one of them, or, where there are several, all."""
    return [*images, ALL] if len(images) > 1 else list(images)


def ask_natively(conversation: Conversation, tools: tuple[Tool, ...], sampling: Sampling) -> Question:
    """The next question to a model that takes tools."""
    return Question(conversation, "agent", {}, schema_digest=digest_of({}), sampling=sampling, tools=tools)


def ask_in_words(
    conversation: Conversation, tools: Sequence[Tool], images: Sequence[str], sampling: Sampling
) -> Question:
    """The next question to a model that takes none."""
    schema = _object(
        {
            "thought": {"type": "string", "maxLength": 600},
            "action": {"type": "string", "enum": [*(tool.name for tool in tools), FINISH]},
            "image": {"type": "string", "enum": _choices(images)},
            "look_for": {"type": "string", "maxLength": LONGEST_LOOK_FOR},
        }
    )
    return Question(conversation, "agent", schema, schema_digest=digest_of(schema), sampling=sampling)


def _object(properties: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": list(properties), "additionalProperties": False}


def read_natively(reply: Reply) -> Said:
    """What a model that takes tools said."""
    return Said(reply.text, reply.calls)


class _Answer(BaseModel):
    thought: str
    action: str
    image: str = ""
    look_for: str = ""


def read_in_words(reply: Reply) -> Said:
    """What a model that takes none said. What cannot be read is a call with a problem."""
    try:
        answer = _Answer.model_validate_json(without_fence(reply.text))
    except ValidationError as error:
        problem = f"the answer does not fit the schema: {describe_errors(error)}"
        return Said("", (Called(id="", name="", arguments={}, problem=problem),))
    name = str(fold(answer.action))
    if name == FINISH:
        return Said(answer.thought, ())
    arguments = {"image": answer.image, "look_for": answer.look_for}
    return Said(answer.thought, (Called(id="", name=name, arguments=arguments),))


class _Arguments(BaseModel):
    """What a specialist is called with; whatever else a model invents is passed over."""

    image: str = ""
    look_for: str = ""


def plan_call(wanted: Called, cards: Mapping[str, Card], images: Mapping[str, str], prompt: str) -> Plan:
    """What a call comes to. `images` are the names of the images → their candidates' letters."""
    if wanted.problem:
        return Plan(None, problem=wanted.problem)
    card = cards.get(wanted.name)
    if card is None:
        advice = did_you_mean(wanted.name, cards)
        return Plan(None, problem=f"no specialist on offer is called {wanted.name[:60]!r}; {advice}")
    try:
        given = _Arguments.model_validate(wanted.arguments)
    except ValidationError as error:
        return Plan(None, problem=describe_errors(error))
    image = str(fold(given.image)) or (next(iter(images)) if len(images) == 1 else "")
    letters = tuple(letter for name, letter in images.items() if image in (name, ALL))
    if not letters:
        return Plan(None, problem=f"image: expected one of {', '.join([*images, ALL])}, got {given.image[:60]!r}")
    look_for = given.look_for.strip() if "prompt" in card.meta.needs else ""
    if len(look_for) > LONGEST_LOOK_FOR:
        return Plan(None, problem=f"look_for has {len(look_for)} characters; give at most {LONGEST_LOOK_FOR}")
    return Plan(card, letters, "" if look_for == prompt else look_for)


def answer_natively(said: Said, results: Sequence[Parts], failed: Sequence[bool]) -> tuple[Turn, Turn]:
    """The model's turn and the answer to it, one result for each call."""
    spoken = (Text(said.thought),) if said.thought else ()
    calls = [ToolCall(each.id, each.name, each.arguments, each.signature) for each in said.wanted]
    told = [
        ToolResult(each.id, each.name, parts, failed=wrong)
        for each, parts, wrong in zip(said.wanted, results, failed, strict=True)
    ]
    return Turn("assistant", (*spoken, *calls)), Turn("user", tuple(told))


def answer_in_words(reply: Reply, results: Sequence[Parts]) -> tuple[Turn, Turn]:
    """The same for a model that takes no tools: its answer as it was, and the results as the user's words."""
    parts = tuple(part for result in results for part in result)
    return Turn("assistant", (Text(reply.text or "(no answer)"),)), Turn("user", parts)
