"""`autorater tools` and `autorater models`."""

import json
import os
import sys
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from autorater.capability import known_models
from autorater.card import Card, find_cards
from autorater.model import PROVIDERS

KEYS = {"openai": "OPENAI_API_KEY", "anthropic": "ANTHROPIC_API_KEY", "google": "GEMINI_API_KEY"}
"""Provider → the environment variable of its key."""


def describe_tool(card: Card) -> dict[str, Any]:
    """One specialist as an object."""
    missing = card.missing()
    return {
        "name": card.name,
        "title": card.meta.title,
        "ready": not missing,
        "missing": list(missing),
        "extra": card.meta.extra,
        "needs": list(card.meta.needs),
        "quantities": [quantity.model_dump() for quantity in card.meta.quantities],
        "seconds": card.meta.seconds,
        "weights": [weights.model_dump() for weights in card.meta.weights],
        "licence": card.meta.licence,
        "commercial": card.meta.commercial,
        "errors": card.meta.errors,
        "card": card.digest,
    }


def list_tools(*, as_json: bool) -> None:
    """Print every specialist: ready or what is missing, what it needs and gives."""
    tools = [describe_tool(card) for card in find_cards().values()]
    if as_json:
        sys.stdout.write(json.dumps(tools, indent=2) + "\n")
        return
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="bold")
    for column in ("specialist", "status", "looks at", "gives", "s/image", "licence"):
        table.add_column(column)
    for tool in tools:
        status = "[green]ready[/]" if tool["ready"] else f"[yellow]pip install autorater-vision\\[{tool['extra']}][/]"
        gives = ", ".join(quantity["name"] for quantity in tool["quantities"]) or "text"
        licence = escape(tool["licence"]) + ("" if tool["commercial"] else " [red](non-commercial)[/]")
        looks = ", ".join(["image", *tool["needs"]])
        table.add_row(tool["name"], status, looks, gives, f"{tool['seconds']:g}", licence)
    Console().print(table)


def list_models(*, as_json: bool) -> None:
    """Print the known models with their limits and prices, and which providers have a key."""
    rows = [
        {
            "model": known.name,
            "input_per_million": None if known.price is None else float(known.price.input_per_million),
            "output_per_million": None if known.price is None else float(known.price.output_per_million),
            "max_images": known.capability.max_images,
            "max_side": known.capability.fit.max_side,
            "temperature": known.capability.temperature,
            "logprobs": known.capability.logprobs,
            "image_tokens": known.capability.image_tokens,
        }
        for known in known_models()
    ]
    keys = {provider: bool(os.environ.get(name)) for provider, name in KEYS.items()}
    if as_json:
        sys.stdout.write(json.dumps({"models": rows, "keys": keys, "providers": sorted(PROVIDERS)}, indent=2) + "\n")
        return
    console = Console()
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="bold")
    for column in ("model (by prefix)", "$ in / out per million", "image tokens", "temperature", "logprobs"):
        table.add_column(column)
    table.add_row("embedded", "0 / 0", "no VLM: specialists and a fitted model", "", "")
    for row in rows:
        given, told = row["input_per_million"], row["output_per_million"]
        price = "unknown" if given is None else f"{given:g} / {told:g}"
        yes = {True: "yes", False: "no"}
        told_tokens = escape(str(row["image_tokens"]))
        table.add_row(str(row["model"]), price, told_tokens, yes[bool(row["temperature"])], yes[bool(row["logprobs"])])
    console.print(table)
    console.print(
        "Also: compatible:URL#model (vLLM, llama.cpp, SGLang, Ollama …), transformers:ID (local).", style="dim"
    )
    for provider, name in KEYS.items():
        console.print(f"{name}: {'set' if keys[provider] else 'not set'}", style="dim", highlight=False)
