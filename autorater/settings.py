"""Everything that decides a judgment, in one value that is written to the log and compared at resume."""

from collections.abc import Mapping
from dataclasses import asdict, replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field, ValidationError

from autorater.canonical import Record
from autorater.card import Card
from autorater.checklist import Checklist
from autorater.document import describe_errors
from autorater.errors import UsageError
from autorater.model import BATCHED, Capability, Model, Sampling, Usage
from autorater.prices import Price, price
from autorater.prompting import find_prompts
from autorater.selection import Selection
from autorater.vlm_judge import Order, Protocols

if TYPE_CHECKING:
    from autorater.mailing import Mailing

TEACHING = ("anchor", "rederive")
"""Prompts of `autorater distill` alone, which change no judgment."""


class AgentLimits(Record):
    """Where the agent's loop ends (`--tools agent`); what was found until then goes to the judge."""

    steps: int = Field(default=6, ge=1)
    """How often the model is asked at most."""
    calls: int = Field(default=12, ge=1)
    """How many images specialists look at, at most, over all steps."""
    cost: float | None = Field(default=None, gt=0)
    """US dollars for the loop of one request; null is no limit but that of the run."""
    seconds: float = Field(default=120.0, gt=0)
    """No step begins later; a step that has begun is finished."""


def read_limits(text: str) -> AgentLimits:
    """Limits from words as "steps=4,calls=8,cost=0.05,seconds=60"; what is not named keeps its default.

    Raises UsageError when a name is missing, unknown or given twice, or a value is not allowed.
    """
    wanted = "name=value pairs, as in steps=4,calls=8,cost=0.05,seconds=60"
    given: dict[str, str] = {}
    for part in text.split(","):
        name, _, value = (piece.strip() for piece in part.partition("="))
        if not part.strip():
            continue
        if not name:
            raise UsageError(f"--agent-limits: {part.strip()!r} names no limit; {wanted}")
        if name in given:
            raise UsageError(f"--agent-limits: {name} is given twice ({given[name]} and {value}); {wanted}")
        given[name] = value
    try:
        return AgentLimits.model_validate(given)
    except ValidationError as error:
        raise UsageError(f"--agent-limits: {describe_errors(error)}; {wanted}") from error


def check_agent(selection: Selection, model: Model | None, limits: AgentLimits | None) -> None:
    """Raise UsageError when there is nobody who could call specialists, or limits are given and nothing to limit."""
    if selection.how == "agent" and model is None:
        raise UsageError(
            "--tools agent lets a VLM call the specialists, and the embedded judge has none: "
            "name one with --model, or choose --tools all, auto or names"
        )
    if selection.how != "agent" and limits is not None:
        raise UsageError("the agent's limits are for --tools agent: leave them out, or choose it")


def check_mailing(
    model: str | Model, selection: Selection, log: str | Path | None, given: "Literal[True] | Mailing"
) -> "Mailing":
    """How questions go by a provider's batch API. Raises UsageError when they cannot."""
    from autorater.mailing import Mailing

    name = model if isinstance(model, str) else model.name
    if not isinstance(model, str) or name.partition(":")[0] not in BATCHED:
        raise UsageError(
            f"--batch-api needs a model of {', '.join(BATCHED[:-1])} or {BATCHED[-1]}, given by its name; got {name}"
        )
    if selection.how == "agent":
        raise UsageError("--batch-api: each step of an agent would wait for a batch: choose --tools all, auto or names")
    if log is None:
        raise UsageError("--batch-api needs --log FOLDER, which keeps the names of the batches that were sent")
    return Mailing(folder=Path(log)) if given is True else replace(given, folder=Path(log))


class Settings(Record):
    """What the caller chose. `order` null is both orders, or the given one under `autorater-paper`."""

    selection: Selection
    order: Order | None = None
    samples: int = Field(default=1, ge=1)
    protocol: Protocols = "autorater"
    checklist: Checklist | None = None
    sampling: Sampling | None = None
    agent: AgentLimits = AgentLimits()

    def orders(self) -> Order:
        """The order that is in force."""
        return self.order or ("given" if self.protocol == "autorater-paper" else "both")

    def drawn(self, capability: Capability) -> Sampling:
        """The sampling that is in force: temperature 0 where the model takes one, unless the caller chose."""
        if self.sampling is not None:
            return self.sampling
        return Sampling(temperature=0.0 if capability.temperature and self.samples == 1 else None)


def describe_settings(
    settings: Settings,
    *,
    model: Model | None,
    scorer: Model | None,
    toolbox: str,
    cards: Mapping[str, Card],
    embedded: str,
    criterion: str,
) -> dict[str, Any]:
    """The settings as they are logged. Concurrency, retries, prices and the like change no result and are not in it.

    What only the agent needs (its limits, prompts, and what a model can do) stands in it when there is an agent. What
    only a teacher is shown stands in the record of the distillation.
    """
    agent = settings.selection.how == "agent"
    judging = {name: prompt for name, prompt in find_prompts().items() if name not in TEACHING}
    used = {name: prompt for name, prompt in judging.items() if agent or not name.startswith("agent")}
    described: dict[str, Any] = {
        "model": _describe_model(model, agent=agent),
        "scorer": _describe_model(scorer, agent=agent),
        "embedded": embedded,
        "criterion": criterion,
        "tools": {"how": settings.selection.how, "names": list(settings.selection.names)},
        "order": settings.orders(),
        "samples": settings.samples,
        "protocol": settings.protocol,
        "checklist": settings.checklist.model_dump(mode="json") if settings.checklist else None,
        "sampling": settings.drawn(model.capability).model_dump() if model else None,
        "toolbox": toolbox,
        "cards": {name: card.digest for name, card in cards.items()},
        "prompts": {name: prompt.digest for name, prompt in used.items()} if model else {},
    }
    return described | {"agent": settings.agent.model_dump()} if agent else described


def _describe_model(model: Model | None, *, agent: bool) -> dict[str, Any] | None:
    if model is None:
        return None
    capability = model.capability
    described: dict[str, Any] = {
        "name": model.name,
        "fit": asdict(capability.fit) | {"formats": list(capability.fit.formats)},
        "schema": capability.schema,
        "temperature": capability.temperature,
    }
    return described | {"tools": capability.tools, "max_images": capability.max_images} if agent else described


def describe_difference(recorded: Mapping[str, Any], asked: Mapping[str, Any]) -> str:
    """The names of the settings that differ, with short values."""
    names = [name for name in sorted({*recorded, *asked}) if recorded.get(name) != asked.get(name)]
    return "; ".join(f"{name}: recorded {_brief(recorded.get(name))}, now {_brief(asked.get(name))}" for name in names)


def _brief(value: object) -> str:
    text = str(value)
    return text if len(text) <= 80 else text[:77] + "…"


def list_price(
    model: str, usage: Usage, at: str, batch: bool = False, *, override: Price | None = None
) -> float | None:
    """US dollars for one call at UTC time `at`, alone or in a `batch`; None when the price is unknown.

    Local models cost nothing.
    """
    provider, _, name = model.partition(":")
    if provider == "transformers" and override is None:
        return 0.0
    amount = price(provider, name, usage, at=datetime.fromisoformat(at), override=override, batch=batch)
    return None if amount is None else float(amount)
