"""Everything that decides a judgment, in one value that is written to the log and compared at resume."""

from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime
from typing import Any

from pydantic import Field

from autorater.canonical import Record
from autorater.card import Card
from autorater.checklist import Checklist
from autorater.model import Capability, Model, Sampling, Usage
from autorater.prices import Price, price
from autorater.prompting import find_prompts
from autorater.selection import Selection
from autorater.vlm_judge import Order, Protocols


class Settings(Record):
    """What the caller chose. `order` null is both orders, or the given one under `autorater-paper`."""

    selection: Selection
    order: Order | None = None
    samples: int = Field(default=1, ge=1)
    protocol: Protocols = "autorater"
    checklist: Checklist | None = None
    sampling: Sampling | None = None

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
    """The settings as they are logged. Concurrency, retries, prices and the like change no result and are not in it."""
    return {
        "model": _describe_model(model),
        "scorer": _describe_model(scorer),
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
        "prompts": {name: prompt.digest for name, prompt in find_prompts().items()},
    }


def _describe_model(model: Model | None) -> dict[str, Any] | None:
    if model is None:
        return None
    capability = model.capability
    return {
        "name": model.name,
        "fit": asdict(capability.fit) | {"formats": list(capability.fit.formats)},
        "schema": capability.schema,
        "temperature": capability.temperature,
    }


def describe_difference(recorded: Mapping[str, Any], asked: Mapping[str, Any]) -> str:
    """The names of the settings that differ, with short values."""
    names = [name for name in sorted({*recorded, *asked}) if recorded.get(name) != asked.get(name)]
    return "; ".join(f"{name}: recorded {_brief(recorded.get(name))}, now {_brief(asked.get(name))}" for name in names)


def _brief(value: object) -> str:
    text = str(value)
    return text if len(text) <= 80 else text[:77] + "…"


def list_price(model: str, usage: Usage, at: str, *, override: Price | None = None) -> float | None:
    """US dollars for one call at UTC time `at`; None when the price is unknown. Local models cost nothing."""
    provider, _, name = model.partition(":")
    if provider == "transformers" and override is None:
        return 0.0
    amount = price(provider, name, usage, at=datetime.fromisoformat(at), override=override)
    return None if amount is None else float(amount)
