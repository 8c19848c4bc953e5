"""Reading JSON that others wrote: what is missing or of another shape reads as nothing, and never raises."""

from typing import Any, TypeAlias, cast

from autorater.model import Token

Json: TypeAlias = dict[str, Any]


def as_object(value: object) -> Json:
    """`value` when it is an object, the first of a list of them, or else an object with its text as `message`."""
    if isinstance(value, list) and value:
        return as_object(cast("list[object]", value)[0])
    return cast(Json, value) if isinstance(value, dict) else {"message": str(cast(object, value))}


def inner(value: Json, key: str) -> Json:
    """The object under `key`, or an empty one."""
    found = value.get(key)
    return cast(Json, found) if isinstance(found, dict) else {}


def items(value: Json, key: str) -> list[Json]:
    """The objects in the list under `key`."""
    found = value.get(key)
    return (
        [cast(Json, item) for item in cast("list[Any]", found) if isinstance(item, dict)]
        if isinstance(found, list)
        else []
    )


def text(value: Json, key: str) -> str:
    """The text under `key`, or ""."""
    found = value.get(key)
    return found if isinstance(found, str) else ""


def count(value: Json, key: str) -> int:
    """The whole number under `key`, or 0."""
    found = value.get(key)
    return found if isinstance(found, int) else 0


def number(value: Json, key: str) -> float:
    """The number under `key`, or 0."""
    found = value.get(key)
    return float(found) if isinstance(found, int | float) else 0.0


def token(value: Json, others: list[Json], *, word: str = "token", weight: str = "logprob") -> Token | None:
    """A token with the likeliest `others` at its place; None when it has no text or no log probability."""
    top = {
        other[word]: float(other[weight])
        for other in (*others, value)
        if isinstance(other.get(word), str) and isinstance(other.get(weight), int | float)
    }
    chosen = value.get(word)
    return Token(text=chosen, logprob=top[chosen], top=top) if isinstance(chosen, str) and chosen in top else None
