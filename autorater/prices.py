"""What a call costs, in US dollars, from the price list that genai-prices ships (offline), by the date of the call.

An unknown price is None and never 0: a sum that leaves calls out must be able to say so.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from autorater.canonical import Record
from autorater.model import Usage

if TYPE_CHECKING:
    from genai_prices.types import ModelPrice, TieredPrices

_MILLION = Decimal(1_000_000)
BATCH_SHARE = Decimal("0.5")
"""What a batch costs of the full price at OpenAI, Anthropic and Google (their price pages, October 2026)."""
_PROVIDERS = {
    "openai": "openai",
    "anthropic": "anthropic",
    "google": "google",
    "openai-decisions": "openai-decisions",
}
"""Our provider → the price list's."""


class Price(Record):
    """US dollars for a million tokens. Cached input costs as much as other input when nothing else is said."""

    input_per_million: Decimal
    output_per_million: Decimal
    cached_per_million: Decimal | None = None
    """Input that was read from the provider's cache."""
    written_per_million: Decimal | None = None
    """Input that was written to the provider's cache."""

    def cost(self, usage: Usage) -> Decimal:
        """The cost of `usage` in US dollars."""
        return _Rates(
            self.input_per_million, self.output_per_million, self.cached_per_million, self.written_per_million
        ).cost(usage)


KNOWN: dict[tuple[str, str], Price] = {
    # Announced price (November 2026); the price list does not have it yet.
    ("google-decisions", "gemini-decision-1"): Price(input_per_million=Decimal("0.10"), output_per_million=Decimal(0)),
}
"""Prices that the price list does not hold."""

Prices: TypeAlias = Mapping[str, Price]
"""The user's own prices: model name as `provider:model` → price. They win over the price list."""


def price(
    provider: str,
    model: str,
    usage: Usage,
    *,
    at: datetime | None = None,
    override: Price | None = None,
    batch: bool = False,
) -> Decimal | None:
    """The cost of one call in US dollars, or None when the price is unknown.

    `at` is when the call was made (now if None): a replay costs what the run cost. Prices by the length of the prompt
    are honoured. Local models (`compatible`, `transformers`) have no known price; give one as `override`. `batch` is
    the price of the provider's batch API, half of `override`.
    """
    if override is not None:
        return override.cost(usage) * (BATCH_SHARE if batch else 1)
    moment = at or datetime.now(UTC)
    hour = moment.replace(minute=0, second=0, microsecond=0, tzinfo=moment.tzinfo or UTC)
    rates = _rates(provider, model, hour)
    if rates is None or not batch:
        return None if rates is None else rates.cost(usage)
    # Where the list has no batch price of a model, its prices come back as they are.
    halved = _rates(provider, model, hour, batch=True) or rates
    return halved.cost(usage) if halved != rates else rates.cost(usage) * BATCH_SHARE


def price_of(provider: str, model: str, *, at: datetime | None = None) -> Price | None:
    """The price of a model for short prompts, or None when it is unknown."""
    moment = (at or datetime.now(UTC)).replace(minute=0, second=0, microsecond=0)
    rates = _rates(provider, model, moment)
    if rates is None:
        return None
    cached, written = (None if rate is None else _rate(rate, 0) for rate in (rates.cached, rates.written))
    return Price(
        input_per_million=_rate(rates.input, 0),
        output_per_million=_rate(rates.output, 0),
        cached_per_million=cached,
        written_per_million=written,
    )


class _Rates(NamedTuple):
    """The rates that hold at one time; a rate may depend on the length of the prompt."""

    input: "Decimal | TieredPrices"
    output: "Decimal | TieredPrices"
    cached: "Decimal | TieredPrices | None"
    written: "Decimal | TieredPrices | None"

    def cost(self, usage: Usage) -> Decimal:
        length = usage.input
        cached = self.input if self.cached is None else self.cached
        written = self.input if self.written is None else self.written
        total = _rate(self.input, length) * (length - usage.cached - usage.written)
        total += _rate(self.output, length) * usage.output
        if usage.cached:
            total += _rate(cached, length) * usage.cached
        if usage.written:
            total += _rate(written, length) * usage.written
        return total / _MILLION


def _rate(rate: "Decimal | TieredPrices", length: int) -> Decimal:
    """The rate for a prompt of `length` tokens: crossing a threshold applies the dearer rate to all tokens."""
    if isinstance(rate, Decimal):
        return rate
    return next((tier.price for tier in reversed(rate.tiers) if length > tier.start), rate.base)


@lru_cache(maxsize=4096)
def _rates(provider: str, model: str, hour: datetime, batch: bool = False) -> _Rates | None:
    """The rates of a model in one hour; finding them is slow, so they are kept."""
    known = KNOWN.get((provider, model))
    if known is not None:
        return _Rates(known.input_per_million, known.output_per_million, None, None)
    if provider not in _PROVIDERS:
        return None
    from genai_prices.data_snapshot import get_snapshot  # 0.2 s to import: only when something is priced

    try:
        found = get_snapshot().find_provider_model(model, None, _PROVIDERS[provider], None)[1]
    except LookupError:
        return None
    listed: ModelPrice = found.get_prices(hour, {"processing": "batch"} if batch else None)
    tokens_in, tokens_out = listed.input_mtok, listed.output_mtok
    if tokens_in is None:
        return None
    return _Rates(
        tokens_in, Decimal(0) if tokens_out is None else tokens_out, listed.cache_read_mtok, listed.cache_write_mtok
    )
