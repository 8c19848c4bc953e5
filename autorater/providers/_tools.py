"""What the wire formats of the providers share about tools: calls as they are read, and as they are sent back."""

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import count
from typing import Any, NoReturn, cast

from autorater.errors import UsageError
from autorater.image import Picture
from autorater.messages import Conversation, Image, Text, Tool, ToolCall, ToolResult, Turn
from autorater.model import Called, Capability, Question
from autorater.providers._json import Json
from autorater.providers._wire import said

FAILED = "The tool failed."
"""Stands before a failed result where the wire has no other word for it."""


def check_tools(question: Question, takes: Capability, *, name: str, advice: str) -> None:
    """Refuse tools that a model cannot call. With a schema they are only declared, which does no harm.

    Raises:
        UsageError: the model takes no tools; `advice` says what to do.

    """
    if question.tools and not question.schema and not takes.tools:
        raise UsageError(f"{name} takes no tools: {advice}")


def check_no_tools(question: Question, *, name: str) -> None:
    """Refuse tools, and conversations in which some were called.

    Raises:
        UsageError: there are some.

    """
    parts = [part for turn in question.conversation.turns for part in turn.parts]
    if question.tools or any(isinstance(part, ToolCall | ToolResult) for part in parts):
        raise UsageError(
            f"{name} takes no tools: say in text what a tool found, and have the answer's schema name the tool to call"
        )


def calls_of(turn: Turn) -> list[ToolCall]:
    """What the model asked for in its turn."""
    return [part for part in turn.parts if isinstance(part, ToolCall)]


def results_of(turn: Turn) -> list[ToolResult]:
    """The results in the user's turn."""
    return [part for part in turn.parts if isinstance(part, ToolResult)]


def words_of(result: ToolResult) -> str:
    """The text of a result, a piece a line; its pictures are elsewhere, and their numbers stand for them."""
    numbers = count(1)
    lines = [part.text if isinstance(part, Text) else f"[picture {next(numbers)}]" for part in result.parts]
    return "\n".join(filter(None, lines))


def told(result: ToolResult) -> str:
    """The text of a result, for a wire that does not tell failures apart."""
    return "\n".join(filter(None, (FAILED if result.failed else "", words_of(result))))


def has_picture(result: ToolResult) -> bool:
    """Whether a picture is in the result."""
    return any(isinstance(part, Image) for part in result.parts)


def pictures_of(result: ToolResult, image: Callable[[Picture], Json], label: Callable[[int], list[Json]]) -> list[Json]:
    """The pictures of a result alone, each after what `label` makes of its number."""
    pictures = [part.picture for part in result.parts if isinstance(part, Image)]
    return [item for number, picture in enumerate(pictures, 1) for item in (*label(number), image(picture))]


def declared_of(conversation: Conversation) -> tuple[Tool, ...]:
    """The tools that were called in a conversation, for a wire that wants to know them although nobody tells."""
    names = dict.fromkeys(call.name for turn in conversation.turns for call in calls_of(turn))
    return tuple(Tool(name, "No longer on offer.", {"type": "object"}) for name in names)


def with_ids(conversation: Conversation) -> Conversation:
    """The same with a name for every call that its provider gave none; results pair with the calls before them."""
    parts = [part for turn in conversation.turns for part in turn.parts]
    if all(part.id for part in parts if isinstance(part, ToolCall | ToolResult)):
        return conversation
    turns: list[Turn] = []
    waiting: Iterator[str] = iter(())
    made = 0
    for turn in conversation.turns:
        named: list[Any] = []
        for part in turn.parts:
            if isinstance(part, ToolCall) and not part.id:
                made += 1
                named.append(replace(part, id=f"call_{made}"))
            elif isinstance(part, ToolResult) and not part.id:
                named.append(replace(part, id=next(waiting, "") or _unasked(part)))
            else:
                named.append(part)
        if turn.role == "assistant":
            waiting = iter([after.id for after in named if isinstance(after, ToolCall) and after not in turn.parts])
        turns.append(Turn(turn.role, tuple(named)))
    return replace(conversation, turns=tuple(turns))


def _unasked(result: ToolResult) -> NoReturn:
    raise UsageError(f"the result of {result.name!r} answers no call of the turn before it: give it the call's id")


def called(name: str, arguments: object, *, id: str = "", signature: str = "", problem: str = "") -> Called:
    """A call as the model made it. `arguments` is an object or its JSON; anything else is told in `problem`."""
    value = arguments
    given: dict[str, Any] = {}
    try:
        if isinstance(value, str):
            value = json.loads(value.strip() or "{}", parse_constant=_no_number)
        if value is None:  # some write nothing, or null, where there are none
            pass
        elif isinstance(value, dict):
            given = cast("dict[str, Any]", value)
            json.dumps(given, ensure_ascii=False, allow_nan=False).encode()  # or the log could not hold it
        else:
            problem = problem or f"expected the arguments as a JSON object, got {_short(value)}"
    except (ValueError, RecursionError) as error:
        problem = problem or f"expected the arguments as JSON, got {_short(arguments)} ({error})"
    return Called(id=id, name=name, arguments={} if problem else given, signature=signature, problem=problem)


def _no_number(word: str) -> NoReturn:
    raise ValueError(f"{word} is no JSON")


def _short(value: object) -> str:
    shown = (value if isinstance(value, str) else repr(value)).encode("utf-8", "replace").decode()
    return repr(shown if len(shown) <= 60 else shown[:59] + "…")


def with_what_precedes(items: list[Json], kind: str) -> Iterator[tuple[Json, list[Json]]]:
    """Each item of `kind` with the others that stand between it and the one before."""
    before: list[Json] = []
    for item in items:
        if item.get("type") == kind:
            yield item, before
            before = []
        else:
            before.append(item)


def packed(items: list[Json]) -> str:
    """What the provider wants back unread, as the signature of a call; what it left empty is left out."""
    told = [{key: value for key, value in item.items() if value is not None} for item in items]
    return json.dumps(told, separators=(",", ":"))


def unpacked(signature: str) -> list[Json]:
    """What `packed` made a signature of; nothing from a signature that is not ours."""
    try:
        value = json.loads(signature or "[]")
    except ValueError:
        return []
    if not isinstance(value, list):
        return []
    return [cast(Json, item) for item in cast("list[object]", value) if isinstance(item, dict)]


def turn_with_calls(turn: Turn, text: Json, call: Any, *, spoken: str) -> list[Json]:
    """The items of a turn of the model: each call after what its signature holds; `text` is what the turn says.

    When the signatures hold items of the type `spoken`, these are what it said, and `text` is left out.
    """
    made: list[Json] = []
    for each in calls_of(turn):
        made += [*unpacked(each.signature), call(each)]
    if not said(turn) or any(item.get("type") == spoken for item in made):
        return made
    return [text, *made]
