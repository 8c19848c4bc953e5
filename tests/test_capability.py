"""The table of models: image tokens by the published counts, limits that keep within them, rows for the unknown."""

from itertools import product
from math import ceil

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autorater._image_tokens import squares_size
from autorater.capability import TABLE, capability_of, image_tokens, known_models
from autorater.model import PROVIDERS

COARSE, FINE = (1568, 1568), (2576, 4784)


@pytest.mark.parametrize(
    ("name", "size", "tokens"),
    [
        # OpenAI, detail "high", as measured (1024x1024, 1920x1080, 4032x3024) and documented (2048x2048)
        ("openai:gpt-6.1-terra", (1024, 1024), 1229),
        ("openai:gpt-6.1-terra", (1920, 1080), 2448),
        ("openai:gpt-6.1-terra", (4032, 3024), 2942),
        ("openai:gpt-5.5", (2048, 2048), 3000),
        ("openai:gpt-6-luna", (1, 1), 2),
        ("openai-decisions:gpt-6-luna", (1024, 1024), 1229),
        # OpenAI's tiles: 85 + 170 each; 70 + 140 each for gpt-5.1
        ("openai:gpt-4o", (1024, 1024), 85 + 4 * 170),
        ("openai:gpt-4.1", (2048, 4096), 85 + 6 * 170),
        ("openai:gpt-5.1", (512, 512), 70 + 140),
        # Anthropic, as documented and measured
        ("anthropic:claude-sonnet-5-5", (1024, 1024), 1369),
        ("anthropic:claude-sonnet-5-5", (1920, 1080), 2691),
        ("anthropic:claude-opus-5-5", (3840, 2160), 4784),
        ("anthropic:claude-haiku-4-5", (1920, 1080), 1560),
        ("anthropic:claude-haiku-4-5-20251001", (2000, 1500), 1564),
        # Google: whatever the size
        ("google:gemini-3.8-flash", (64, 64), 1120),
        ("google:gemini-3.8-flash", (4000, 3000), 1120),
    ],
)
def test_image_tokens(name: str, size: tuple[int, int], tokens: int) -> None:
    assert image_tokens(name, *size) == tokens
    if not name.startswith("openai:gpt-4.1"):
        assert image_tokens(name, *reversed(size)) == tokens


@pytest.mark.parametrize(
    "name",
    [
        "openai:gpt-99",
        "anthropic:claude-9",
        "google:gemini-2.5-pro",
        "compatible:http://h/v1#m",
        "transformers:x",
        "x:y",
    ],
)
def test_unknown_image_tokens(name: str) -> None:
    assert image_tokens(name, 1024, 1024) is None


@pytest.mark.parametrize(
    ("size", "limits", "resized"),
    [
        ((1920, 1080), COARSE, (1456, 819)),
        ((2000, 1500), COARSE, (1269, 952)),
        ((1075, 1520), COARSE, (924, 1307)),
        ((3840, 2160), FINE, (2576, 1449)),
        ((1000, 1000), FINE, (1000, 1000)),
    ],
)
def test_anthropics_resize(size: tuple[int, int], limits: tuple[int, int], resized: tuple[int, int]) -> None:
    edge, budget = limits
    assert squares_size(*size, edge=edge, budget=budget) == resized


@given(st.integers(1, 9000), st.integers(1, 9000))
def test_no_resize_exceeds_its_limits(width: int, height: int) -> None:
    for edge, budget in (COARSE, FINE):
        wide, high = squares_size(width, height, edge=edge, budget=budget)
        assert ceil(wide / 28) * ceil(high / 28) <= budget
        assert max(wide, high) <= edge
    counted = image_tokens("openai:gpt-6.1-terra", width, height)
    assert counted is not None
    assert counted <= 3000


@pytest.mark.parametrize(
    ("name", "unit", "budget"),
    [("openai:gpt-6.1-terra", 32, 2500), ("anthropic:claude-sonnet-5-5", 28, 4784), ("anthropic:claude-9", 28, 1568)],
)
def test_what_we_send_is_not_shrunk_by_the_provider(name: str, unit: int, budget: int) -> None:
    """Every shape within `fit` stays within the provider's budget, so that the log knows what the model saw."""
    provider, _, model = name.partition(":")
    fit = capability_of(provider, model).fit
    for wide in range(1, fit.max_side + 1):
        high = min(fit.max_side, fit.max_pixels // wide)
        assert ceil(wide / unit) * ceil(high / unit) <= budget, (wide, high)


def test_the_longest_prefix_wins() -> None:
    assert capability_of("openai", "gpt-4.1-mini").image_tokens != capability_of("openai", "gpt-4.1").image_tokens
    assert capability_of("anthropic", "claude-sonnet-5-5-20260901").known


@pytest.mark.parametrize("provider", [*PROVIDERS, "nobody"])
def test_an_unknown_model_gets_a_cautious_row(provider: str) -> None:
    capability = capability_of(provider, "no-such-model")
    assert capability.known is False
    assert capability.efforts == ()
    assert capability.max_images >= 2


def test_every_provider_has_a_cautious_row_and_no_row_twice() -> None:
    names = [(row.provider, row.prefix) for row in TABLE]
    assert len(names) == len(set(names))
    assert {provider for provider, prefix in names if not prefix} == set(PROVIDERS)
    for row in TABLE:
        assert row.capability.known == bool(row.prefix)
        assert row.capability.fit.formats


def test_known_models() -> None:
    known = known_models()
    assert [row.name for row in known] == [f"{row.provider}:{row.prefix}" for row in TABLE if row.prefix]
    assert all(row.capability.known for row in known)
    assert [row.name for row in known if row.price is None] == []


def test_models_that_reason_take_no_temperature() -> None:
    for provider, model in product(("openai", "anthropic"), ("gpt-6.1-terra", "gpt-5.5", "claude-sonnet-5-5")):
        assert capability_of(provider, model).temperature is False
    assert capability_of("openai", "gpt-4o").temperature is True
    assert capability_of("google", "gemini-3.8-flash").temperature is True
    assert capability_of("google", "gemini-3.8-flash").logprobs is False
