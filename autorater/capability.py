"""What each model takes and gives, by the start of its name; the longest start wins.

From the providers' documentation as read in November 2026. Where a model is not listed, its provider's last row is
used: it is cautious, and says `known=False`. What such a row gets wrong about sampling, the adapter learns from the
server's answer. Every writing model of OpenAI, Anthropic and Google takes tools, so that an unknown one is taken to; a
server of one's own only when its adapter is told so.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import TypeAlias

from autorater._image_tokens import patches, squares, tiles
from autorater.image import Fit
from autorater.model import Capability
from autorater.prices import Price, price_of

Counter: TypeAlias = Callable[[int, int], int]
"""(width, height) in pixels → the tokens that one image costs."""

_PNG_JPEG_WEBP = ("image/png", "image/jpeg", "image/webp")
_MEBIBYTE = 2**20


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table: the models whose names start with `prefix`."""

    provider: str
    prefix: str
    capability: Capability
    tokens: Counter | None = None


@dataclass(frozen=True, slots=True)
class Known:
    """One model of the table, for showing."""

    name: str
    capability: Capability
    price: Price | None


def capability_of(provider: str, model: str) -> Capability:
    """What a model takes and gives; a cautious guess with `known=False` when it is not in the table."""
    row = _row(provider, model)
    return row.capability if row else Capability(known=False)


def image_tokens(name: str, width: int, height: int) -> int | None:
    """The tokens that an image of width x height pixels, as sent, costs `provider:model`; None when unknown."""
    provider, _, model = name.partition(":")
    row = _row(provider, model)
    return row.tokens(width, height) if row and row.tokens else None


def known_models() -> list[Known]:
    """Every model of the table with its price today, in the table's order."""
    return [
        Known(f"{row.provider}:{row.prefix}", row.capability, price_of(row.provider, row.prefix))
        for row in TABLE
        if row.capability.known
    ]


def _row(provider: str, model: str) -> Row | None:
    rows = [row for row in TABLE if row.provider == provider and model.startswith(row.prefix)]
    return max(rows, key=lambda row: len(row.prefix), default=None)


# What a model's provider would shrink is shrunk here instead, so that the record knows what was seen. `max_pixels` is
# the largest area at which every shape within `max_side` stays within the budget of patches or squares.
_PATCHED = Fit(formats=_PNG_JPEG_WEBP, max_side=2048, max_pixels=2_460_800, max_bytes=20 * _MEBIBYTE)
_TILED = Fit(formats=_PNG_JPEG_WEBP, max_side=2048, max_pixels=2048 * 2048, max_bytes=20 * _MEBIBYTE)
_FINE = Fit(formats=_PNG_JPEG_WEBP, max_side=2576, max_pixels=3_644_816, max_bytes=7_500_000)
_COARSE = Fit(formats=_PNG_JPEG_WEBP, max_side=1568, max_pixels=1_175_048, max_bytes=7_500_000)
_GEMINI = Fit(formats=_PNG_JPEG_WEBP, max_side=3072, max_pixels=3072 * 3072, max_bytes=3_500_000)
_LOCAL = Fit(formats=("image/png", "image/jpeg"), max_side=2048, max_pixels=2048 * 2048, max_bytes=5 * _MEBIBYTE)

_GPT = Capability(
    fit=_PATCHED,
    max_images=500,
    temperature=False,
    seed=False,
    logprobs=False,
    tools=True,
    efforts=("none", "low", "medium", "high", "xhigh"),
    image_tokens="32 px patches x 1.2, at most 2500",
)
_GPT_TILED = replace(
    _GPT, fit=_TILED, temperature=True, logprobs=True, efforts=(), image_tokens="512 px tiles: 85 + 170 each"
)
_CLAUDE = Capability(
    fit=_FINE,
    max_images=20,  # with more, each may have only 2000 px a side
    temperature=False,
    seed=False,
    logprobs=False,
    tools=True,
    efforts=("low", "medium", "high", "xhigh", "max"),
    image_tokens="28 px squares, at most 4784",
)
_CLAUDE_COARSE = replace(_CLAUDE, fit=_COARSE, efforts=(), image_tokens="28 px squares, at most 1568")
_GEMINI_3 = Capability(
    fit=_GEMINI,
    max_images=100,
    logprobs=False,
    tools=True,
    efforts=("minimal", "low", "medium", "high", "xhigh"),
    image_tokens="1120, whatever the size",
)
_GEMINI_2 = replace(
    _GEMINI_3,
    logprobs=True,
    efforts=("0", "1024", "8192", "24576", "-1"),
    image_tokens="256 and more, by pan and scan",
)
_ANY = Capability(fit=_LOCAL, max_images=16, logprobs=True, known=False)
_GPT_DECIDES = replace(_GPT, efforts=(), tools=False)
_GEMINI_DECIDES = replace(_GEMINI_3, seed=False, temperature=False, efforts=(), tools=False)


_patches = partial(patches, multiplier=1.2)
_fine = partial(squares, edge=2576, budget=4784)
_coarse = partial(squares, edge=1568, budget=1568)


def _each(tokens: int) -> Counter:
    return lambda width, height: tokens


TABLE = (
    Row("openai", "gpt-6-luna", _GPT, _patches),
    Row("openai", "gpt-6.1-terra", _GPT, _patches),
    Row("openai", "gpt-6.1-sol", _GPT, _patches),
    Row("openai", "gpt-6-astra", _GPT, _patches),
    Row("openai", "gpt-5.6-luna", _GPT, _patches),
    Row("openai", "gpt-5.5", _GPT, _patches),
    Row("openai", "gpt-5.4", _GPT, _patches),
    Row("openai", "gpt-5.4-mini", _GPT, _patches),
    Row("openai", "gpt-5.4-nano", _GPT, _patches),
    Row(
        "openai",
        "gpt-5.1",
        replace(_GPT, fit=_TILED, image_tokens="512 px tiles: 70 + 140 each"),
        partial(tiles, base=70, each=140),
    ),
    Row("openai", "gpt-4.1", _GPT_TILED, partial(tiles, base=85, each=170)),
    Row("openai", "gpt-4.1-mini", replace(_GPT_TILED, fit=_PATCHED, image_tokens="32 px patches x 1.62")),
    Row("openai", "gpt-4o", _GPT_TILED, partial(tiles, base=85, each=170)),
    Row("openai", "gpt-4o-mini", replace(_GPT_TILED, image_tokens="unknown")),
    Row("openai", "", replace(_GPT, max_images=100, efforts=(), image_tokens="unknown", known=False)),
    Row("anthropic", "claude-haiku-5-5", _CLAUDE, _fine),
    Row("anthropic", "claude-sonnet-5-5", _CLAUDE, _fine),
    Row("anthropic", "claude-opus-5-5", _CLAUDE, _fine),
    Row("anthropic", "claude-fable-5-2", _CLAUDE, _fine),
    Row("anthropic", "claude-sonnet-5", _CLAUDE, _fine),
    Row("anthropic", "claude-opus-5", _CLAUDE, _fine),
    Row("anthropic", "claude-fable-5-1", _CLAUDE, _fine),
    Row("anthropic", "claude-haiku-4-5", _CLAUDE_COARSE, _coarse),
    Row("anthropic", "claude-sonnet-4-5", _CLAUDE_COARSE, _coarse),
    Row("anthropic", "", replace(_CLAUDE_COARSE, image_tokens="unknown", known=False)),
    Row("google", "gemini-3.8-flash", _GEMINI_3, _each(1120)),
    Row("google", "gemini-3.7-flash", _GEMINI_3, _each(1120)),
    Row("google", "gemini-3.6-flash", _GEMINI_3, _each(1120)),
    Row("google", "gemini-3.5-flash-lite", _GEMINI_3, _each(1120)),
    Row("google", "gemini-3.1-flash-lite", _GEMINI_3, _each(1120)),
    Row("google", "gemini-3.1-pro-preview", _GEMINI_3, _each(1120)),
    Row("google", "gemini-4-argon", replace(_GEMINI_3, image_tokens="unknown")),
    Row("google", "gemini-2.5-pro", _GEMINI_2),
    Row("google", "gemini-2.5-flash", _GEMINI_2),
    Row("google", "", replace(_GEMINI_3, max_images=16, efforts=(), image_tokens="unknown", known=False)),
    Row("openai-decisions", "gpt-6-luna", _GPT_DECIDES, _patches),
    Row("openai-decisions", "", replace(_GPT_DECIDES, image_tokens="unknown", known=False)),
    Row("google-decisions", "gemini-decision-1", _GEMINI_DECIDES),
    Row("google-decisions", "", replace(_GEMINI_DECIDES, known=False)),
    Row("compatible", "", _ANY),
    Row("transformers", "", _ANY),
)
"""The longest matching prefix wins; an empty prefix is the cautious row of a provider."""
