"""Settings: what is logged, compared and priced."""

import re
from decimal import Decimal
from typing import Any

import pytest
from fakes import card
from pydantic import ValidationError
from scripted import ScriptedModel

from autorater.errors import UsageError
from autorater.model import Capability, Sampling, Usage
from autorater.prices import Price
from autorater.selection import Selection
from autorater.settings import AgentLimits, Settings, describe_difference, describe_settings, list_price, read_limits

ALL, AGENT = Selection("all"), Selection("agent")


def described(settings: Settings | None = None, **options: Any) -> dict[str, Any]:
    told: dict[str, Any] = {"model": ScriptedModel(), "scorer": None, "toolbox": "t", "cards": {}, "embedded": ""}
    return describe_settings(settings or Settings(selection=ALL), criterion="overall", **{**told, **options})


@pytest.mark.parametrize(
    ("protocol", "order", "asked"),
    [
        ("autorater", None, "both"),
        ("autorater-paper", None, "given"),
        ("autorater-paper", "both", "both"),
        ("autorater", "random", "random"),
    ],
)
def test_the_order_that_is_in_force(protocol: Any, order: Any, asked: str) -> None:
    assert Settings(selection=ALL, protocol=protocol, order=order).orders() == asked


def test_the_temperature_is_nought_unless_samples_must_differ() -> None:
    takes, not_ = Capability(temperature=True), Capability(temperature=False)
    assert Settings(selection=ALL).drawn(takes).temperature == 0.0
    assert Settings(selection=ALL).drawn(not_).temperature is None
    assert Settings(selection=ALL, samples=3).drawn(takes).temperature is None
    chosen = Sampling(temperature=0.7, seed=1)
    assert Settings(selection=ALL, sampling=chosen).drawn(not_) == chosen


@pytest.mark.parametrize("fields", [{"samples": 0}, {"order": "up"}, {"protocol": "mine"}, {"mood": "good"}])
def test_wrong_settings_are_refused(fields: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Settings(selection=ALL, **fields)


@pytest.mark.parametrize(
    "options",
    [
        {"model": ScriptedModel(name="scripted:two")},
        {"model": ScriptedModel(capability=Capability(schema="prompt"))},
        {"scorer": ScriptedModel()},
        {"toolbox": "u"},
        {"cards": {"width": card("width")}},
        {"settings": Settings(selection=Selection("none"))},
        {"settings": Settings(selection=ALL, samples=2)},
        {"settings": Settings(selection=ALL, order="given")},
        {"settings": Settings(selection=ALL, sampling=Sampling(seed=1))},
        {"settings": Settings(selection=AGENT)},
    ],
)
def test_whatever_changes_a_result_is_in_the_settings(options: dict[str, Any]) -> None:
    assert described(**options) != described()


@pytest.mark.parametrize(
    "options",
    [
        {"settings": Settings(selection=AGENT, agent=AgentLimits(steps=2))},
        {"model": ScriptedModel(capability=Capability(tools=True))},
        {"model": ScriptedModel(capability=Capability(max_images=4))},
    ],
)
def test_what_only_an_agent_depends_on_is_in_its_settings_alone(options: dict[str, Any]) -> None:
    told = options.get("settings", Settings(selection=AGENT))
    assert described(**{**options, "settings": told}) != described(Settings(selection=AGENT))
    assert described(**{**options, "settings": told.model_copy(update={"selection": ALL})}) == described()
    assert not any(name.startswith("agent") for name in described()["prompts"])


def test_a_judge_that_asks_no_model_depends_on_no_prompt() -> None:
    assert described(model=None)["prompts"] == {}


def test_a_difference_is_told_in_short() -> None:
    assert describe_difference({"a": 1, "b": 2}, {"a": 1, "b": 3, "c": "x" * 200}) == (
        "b: recorded 2, now 3; c: recorded None, now " + "x" * 77 + "…"
    )
    assert describe_difference({"a": 1}, {"a": 1}) == ""


def test_prices() -> None:
    usage, at = Usage(input=1_000_000, output=500_000), "2026-11-01T00:00:00+00:00"
    mine = Price(input_per_million=Decimal(2), output_per_million=Decimal(4))
    assert list_price("compatible:http://x#m", usage, at) is None
    assert list_price("compatible:http://x#m", usage, at, override=mine) == 4.0
    assert list_price("transformers:some/model", usage, at) == 0.0
    assert list_price("transformers:some/model", usage, at, override=mine) == 4.0


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("steps=4,steps=5", "steps is given twice (4 and 5)"),
        ("steps=4, steps =4", "steps is given twice (4 and 4)"),
        ("=", "'=' names no limit"),
        ("steps=4,=5", "'=5' names no limit"),
    ],
)
def test_limits_without_a_name_or_with_one_twice_are_refused(text: str, told: str) -> None:
    with pytest.raises(UsageError, match=rf"^--agent-limits: {re.escape(told)}; name=value pairs, as in steps=4"):
        read_limits(text)
