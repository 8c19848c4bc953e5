"""Prices: the same as the price list says, by date and by length, and unknown when unknown."""

import time
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from genai_prices import calc_price
from genai_prices import types as listed

from autorater.capability import known_models
from autorater.model import Usage
from autorater.prices import Price, price, price_of

NOVEMBER = datetime(2026, 11, 21, 12, tzinfo=UTC)
JANUARY = datetime(2027, 1, 2, 12, tzinfo=UTC)
USAGES = (
    Usage(input=1000, output=100),
    Usage(input=1000, output=100, cached=400, reasoning=50),
    Usage(input=5000, output=0, cached=1000, written=2000),
    Usage(input=150_000, output=10, cached=100_000),
    Usage(input=300_000, output=5000, written=1000),
    Usage(),
)
LISTED = [
    known.name
    for known in known_models()
    if known.price is not None and known.name.startswith(("openai:", "anthropic:", "google:"))
]


def by_the_list(name: str, usage: Usage, at: datetime) -> Decimal:
    """The cost as genai-prices computes it: an independent reference for our arithmetic."""
    provider, _, model = name.partition(":")
    given = listed.Usage(
        input_tokens=usage.input,
        output_tokens=usage.output,
        cache_read_tokens=usage.cached,
        cache_write_tokens=usage.written,
    )
    return calc_price(given, model, provider_id=provider, genai_request_timestamp=at).total_price


@pytest.mark.parametrize("at", [NOVEMBER, JANUARY])
@pytest.mark.parametrize("name", LISTED)
def test_the_same_as_the_price_list(name: str, at: datetime) -> None:
    provider, _, model = name.partition(":")
    for usage in USAGES:
        assert price(provider, model, usage, at=at) == by_the_list(name, usage, at)


@pytest.mark.parametrize(
    ("provider", "model", "dollars"),
    [
        ("openai", "gpt-6-luna", "0.10 0.50"),
        ("openai", "gpt-6.1-terra", "1 5"),
        ("openai", "gpt-6.1-sol", "2 10"),
        ("anthropic", "claude-haiku-5-5", "0.10 0.50"),
        ("anthropic", "claude-sonnet-5-5", "2 10"),
        ("google", "gemini-3.8-flash", "0.75 3.75"),
        ("openai-decisions", "gpt-6-luna", "0.10 0"),
        ("google-decisions", "gemini-decision-1", "0.10 0"),
    ],
)
def test_known_prices(provider: str, model: str, dollars: str) -> None:
    found = price_of(provider, model, at=NOVEMBER)
    assert found is not None
    assert [found.input_per_million, found.output_per_million] == [Decimal(part) for part in dollars.split()]
    million = Usage(input=1_000_000) if provider.endswith("decisions") else Usage(input=1000)
    assert price(provider, model, million, at=NOVEMBER)


def test_a_price_that_changes_by_date() -> None:
    usage = Usage(input=1_000_000, output=0)
    assert price("google", "gemini-3.8-flash", usage, at=NOVEMBER) == Decimal("0.75")
    assert price("google", "gemini-3.8-flash", usage, at=JANUARY) == Decimal("1.50")


@pytest.mark.parametrize(
    ("provider", "model"),
    [
        ("openai", "gpt-99"),
        ("anthropic", "no-such-model"),
        ("compatible", "http://127.0.0.1:8080/v1#qwen"),
        ("transformers", "some/model"),
        ("google-decisions", "gemini-decision-9"),
        ("nobody", "gpt-6-luna"),
    ],
)
def test_an_unknown_price_is_none(provider: str, model: str) -> None:
    assert price(provider, model, Usage(input=1000, output=10), at=NOVEMBER) is None
    assert price_of(provider, model) is None


def test_a_price_of_ones_own() -> None:
    own = Price(input_per_million=Decimal(2), output_per_million=Decimal(4))
    usage = Usage(input=1000, output=500, cached=300, written=100)
    assert price("compatible", "anything", usage, override=own) == Decimal("0.004")
    assert price("openai", "gpt-6-luna", usage, override=own) == Decimal("0.004")
    cheaper = own.model_copy(update={"cached_per_million": Decimal(0), "written_per_million": Decimal(3)})
    assert cheaper.cost(usage) == Decimal("0.0035")


def test_a_time_without_a_zone_is_utc() -> None:
    usage = Usage(input=1000)
    assert price("google", "gemini-3.8-flash", usage, at=JANUARY.replace(tzinfo=None)) == price(
        "google", "gemini-3.8-flash", usage, at=JANUARY
    )


def test_now_is_the_default() -> None:
    assert price("openai", "gpt-6-luna", Usage(input=1000))


def test_a_price_takes_less_than_a_tenth_of_a_millisecond_of_cpu() -> None:
    usage = Usage(input=1200, output=100, cached=300)
    price("openai", "gpt-6.1-terra", usage, at=NOVEMBER)
    rounds: list[float] = []
    for _ in range(5):
        start = time.process_time()
        for _ in range(200):
            price("openai", "gpt-6.1-terra", usage, at=NOVEMBER)
        rounds.append((time.process_time() - start) / 200)
    assert min(rounds) < 100e-6
