"""Which specialists run: all, auto (the VLM chooses at most three, paper 001), agent, a fixed list, or none."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import BaseModel, ValidationError

from autorater.canonical import digest_of
from autorater.card import Card
from autorater.checklist import fold
from autorater.errors import UsageError
from autorater.judgment import Chosen
from autorater.ledger import Ledger
from autorater.model import Model, Question, Sampling
from autorater.prompting import get_prompt
from autorater.request import Request
from autorater.verdict import without_fence

LIMIT = 3
"""At most this many specialists are chosen under `auto` (paper 001)."""


@dataclass(frozen=True, slots=True)
class Selection:
    """How specialists are chosen; `names` are those of a fixed list. Under `agent` the VLM calls them itself."""

    how: Literal["all", "auto", "fixed", "none", "agent"]
    names: tuple[str, ...] = ()


def parse_selection(tools: str | Sequence[str]) -> Selection:
    """Read "all", "auto", "agent", "none", a comma-separated list of names, or a list.

    Raises UsageError when it is empty.
    """
    if tools in ("all", "auto", "none", "agent"):
        return Selection(tools)
    names = tools.split(",") if isinstance(tools, str) else list(tools)
    found = tuple(dict.fromkeys(name.strip() for name in names if name.strip()))
    if not found:
        raise UsageError("no specialist is named: give all, auto, agent, none, or names separated by commas (--tools)")
    return Selection("fixed", found)


def applicable(cards: Iterable[Card], request: Request) -> list[Card]:
    """The cards whose specialists can look at this request: no source, no preservation; one image, no comparison."""
    given = {"prompt"}
    if request.edit:
        given.add("source")
    if len(request.candidates) == 2:
        given.add("rival")
    return [card for card in cards if given >= set(card.meta.needs)]


async def select(
    selection: Selection,
    request: Request,
    cards: Mapping[str, Card],
    *,
    model: Model | None,
    ledger: Ledger,
    sampling: Sampling,
) -> Chosen:
    """The specialists for this request. Under `auto` the model is asked; without a model `auto` is `all`.

    What runs under `agent` is in `autorater.agent`. A choosing pass that fails chooses none and says so in `warnings`;
    it never stops the judgment.
    """
    offered = applicable(cards.values(), request)
    names = tuple(card.name for card in offered)
    if selection.how == "none":
        return Chosen(how="none", names=())
    if selection.how == "fixed":
        left_out = [name for name in selection.names if name not in names]
        warnings = tuple(f"{name} does not apply to this request and did not run" for name in left_out)
        return Chosen(how="fixed", names=tuple(n for n in selection.names if n in names), warnings=warnings)
    if not offered:
        return Chosen(how=selection.how, names=(), reason="no specialist applies to this request")
    if selection.how == "all" or model is None:
        return Chosen(how=selection.how, names=names)
    return await _ask(request, offered, model, ledger, sampling)


async def _ask(request: Request, offered: Sequence[Card], model: Model, ledger: Ledger, sampling: Sampling) -> Chosen:
    sources = {f"source_{place}": picture for place, picture in enumerate(request.sources, 1)}
    images = {f"image_{place}": picture for place, picture in enumerate(request.candidates, 1)}
    inputs: dict[str, Any] = {
        "prompt": request.prompt,
        "edit": request.edit,
        "sources": list(sources),
        "images": list(images),
        "cards": offered,
        "limit": LIMIT,
    }
    schema = _schema([card.name for card in offered])
    conversation = get_prompt("select").render(inputs, {**sources, **images})
    asked = await ledger.ask(
        model, Question(conversation, "selection", schema, schema_digest=digest_of(schema), sampling=sampling)
    )
    if asked.reply is None:
        return Chosen(how="auto", names=(), call=asked.key, warnings=(f"choosing failed: {asked.error}",))
    names, reason, warnings = _read(asked.reply.text, [card.name for card in offered])
    if asked.reply.finish == "refusal":
        warnings = (f"choosing was refused: {asked.reply.refusal}",)
    return Chosen(
        how="auto",
        names=names,
        reason=reason,
        call=asked.key,
        usage=asked.reply.usage,
        cost=asked.cost,
        warnings=(*warnings, *asked.reply.warnings),
    )


def _schema(names: list[str]) -> dict[str, Any]:
    chosen = {"type": "array", "items": {"type": "string", "enum": names}, "maxItems": LIMIT}
    return {
        "type": "object",
        "properties": {"reason": {"type": "string", "maxLength": 600}, "specialists": chosen},
        "required": ["reason", "specialists"],
        "additionalProperties": False,
    }


class _Answer(BaseModel):
    specialists: list[str]
    reason: str


def _read(text: str, offered: Sequence[str]) -> tuple[tuple[str, ...], str, tuple[str, ...]]:
    try:
        answer = _Answer.model_validate_json(without_fence(text))
    except ValidationError:
        return (), "", ("the choice of specialists could not be read, so none ran",)
    told = list(dict.fromkeys(str(fold(name)) for name in answer.specialists))
    known = [name for name in told if name in offered]
    warnings = [f"{name[:60]!r} was chosen but not offered" for name in told if name not in offered][:LIMIT]
    if len(known) > LIMIT:
        warnings.append(f"{len(known)} specialists were chosen, the first {LIMIT} ran")
    return tuple(known[:LIMIT]), answer.reason, tuple(warnings)
