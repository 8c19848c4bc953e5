"""`autorater tools` and `autorater models`: what is there, as tables or as JSON."""

import json
import os
import sys
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from autorater.assessment import Outcome, Reading
from autorater.capability import known_models
from autorater.card import PLACES, Card, Option, Weights, find_cards
from autorater.errors import SpecialistError, one_line
from autorater.manifest import read_manifest
from autorater.model import PROVIDERS
from autorater.places.environment import environment_of
from autorater.store import folder_of, in_words, missing_files, size_on_disk

KEYS = {"openai": "OPENAI_API_KEY", "anthropic": "ANTHROPIC_API_KEY", "google": "GEMINI_API_KEY"}
"""Provider → the environment variable of its key."""


def describe_tool(card: Card) -> dict[str, Any]:
    """One specialist as an object, with its default options."""
    environment = "" if card.meta.environment is None else environment_of(card).wrong()
    missing = card.missing() if card.meta.environment is None else ()
    to_pull = missing_files(card, card.options())
    sizes = [entry.bytes for entry in to_pull]
    folder = folder_of(card)
    return {
        "name": card.name,
        "title": card.meta.title,
        "ready": not missing and not to_pull and not environment,
        "missing": list(missing),
        "extra": card.meta.extra,
        "own_environment": card.meta.environment is not None,
        "environment_lacks": environment,
        "weights_to_pull": [entry.file for entry in to_pull],
        "bytes_to_pull": None if None in sizes else sum(size or 0 for size in sizes),
        "by_hand": [entry.file for entry in to_pull if entry.by_hand],
        "terms_to_accept": "" if _accepted(card) else card.meta.accept,
        "bytes_on_disk": size_on_disk(folder),
        "needs": list(card.meta.needs),
        "quantities": [quantity.model_dump() for quantity in card.meta.quantities],
        "gives_text": card.meta.gives_text,
        "seconds": card.meta.seconds,
        "devices": ["cpu", "cuda"] if "torch" in card.meta.imports else ["cpu"],
        "options": [option.model_dump() for option in card.meta.options],
        "weights": [weights.model_dump() for weights in card.meta.weights],
        "licence": card.meta.licence,
        "commercial": card.meta.commercial,
        "errors": card.meta.errors,
        "card": card.digest,
    }


def _accepted(card: Card) -> bool:
    try:
        return card.meta.accept in read_manifest(folder_of(card)).accepted
    except SpecialistError:
        return False


def status_of(tool: dict[str, Any]) -> list[str]:
    """What is missing, each in a few words with the command that mends it; empty when the specialist is ready."""
    name, lacks = tool["name"], list[str]()
    if tool["environment_lacks"]:
        lacks.append(f"autorater tools env {name} (its own environment)")
    if tool["missing"]:
        lacks.append(f"pip install autorater-vision[{tool['extra']}]")
    if tool["weights_to_pull"]:
        size = tool["bytes_to_pull"]
        told = "size not known" if size is None else in_words(size)
        by_hand = ", by hand" if tool["by_hand"] else ""
        terms = ", terms to accept" if tool["terms_to_accept"] else ""
        lacks.append(f"autorater tools pull {name} ({told}{by_hand}{terms})")
    return lacks


def list_tools(*, as_json: bool) -> None:
    """Print every specialist: ready or what is missing, what it needs and gives."""
    tools = [describe_tool(card) for card in find_cards().values()]
    if as_json:
        sys.stdout.write(json.dumps(tools, indent=2) + "\n")
        return
    table = Table(box=None, padding=(0, 1, 0, 0), header_style="bold")
    table.add_column("specialist", no_wrap=True)
    console = Console()
    stored = any(tool["bytes_on_disk"] for tool in tools)
    narrow = console.width < 100
    for column, width in (("looks at", 8), ("gives", 20), ("s/image, device", 9), *[("on disk", 7)] * stored):
        table.add_column(column, overflow="fold", min_width=width, max_width=width if narrow else None)
    table.add_column("licence", overflow="fold")
    lacking: list[tuple[str, list[str]]] = []
    for tool in tools:
        if lacks := status_of(tool):
            lacking.append((tool["name"], lacks))
        gives = [quantity["name"] for quantity in tool["quantities"]] + ["text"] * tool["gives_text"]
        licence = escape(tool["licence"]) + ("" if tool["commercial"] else " [red](non-commercial)[/]")
        name = f"[yellow]· {tool['name']}[/]" if lacks else f"[green]✓ {tool['name']}[/]"
        table.add_row(
            name,
            ", ".join(["image", *tool["needs"]]),
            ", ".join(gives),
            f"{tool['seconds']:g}, {'/'.join(tool['devices'])}",
            *[in_words(tool["bytes_on_disk"]) if tool["bytes_on_disk"] else ""] * stored,
            licence,
        )
    console.print(table)
    console.print(f"✓ {len(tools) - len(lacking)} ready", style="green", highlight=False)
    if lacking:
        console.print(f"· {len(lacking)} lack something:", style="yellow", highlight=False)
        missing = Table(box=None, padding=(0, 1, 0, 0), show_header=False)
        missing.add_column(no_wrap=True)
        missing.add_column(overflow="fold")
        for name, lacks in lacking:
            missing.add_row(f"  {name}", escape("; ".join(lacks)))
        console.print(missing, highlight=False)


def show_tool(card: Card, *, as_json: bool) -> None:
    """Print one card: what it measures, its options, its weights, and how to read it."""
    tool = describe_tool(card)
    if as_json:
        sys.stdout.write(json.dumps({**tool, "body": card.body}, indent=2) + "\n")
        return
    console = Console()
    console.print(Text(f"{card.name}: {card.meta.title}", style="bold"))
    lacks = status_of(tool)
    console.print(Text("; ".join(lacks) or "ready", style="yellow" if lacks else "green"))
    tables = {
        "gives": [(one.name, one.describe(), one.meaning) for one in card.meta.quantities],
        "options": [(one.name, _values(one), one.meaning) for one in card.meta.options],
        "weights": [
            (one.file, "size not known" if one.bytes is None else in_words(one.bytes), _place(one))
            for one in card.meta.weights
        ],
        "": [
            ("looks at", ", ".join(["image", *card.meta.needs]), ""),
            ("licence", card.meta.licence + ("" if card.meta.commercial else " (non-commercial)"), card.meta.accept),
            ("source", card.meta.source, ""),
            ("errors", card.meta.errors, ""),
        ],
    }
    for title, rows in tables.items():
        if rows:
            _print_rows(console, title, rows)
    for paragraph in card.body.strip().split("\n\n"):
        console.print(Text(f"\n{' '.join(paragraph.split())}"))


def _values(option: Option) -> str:
    """What is in force, and what may be chosen."""
    return f"{option.default} (of {', '.join(map(str, option.choices))})" if option.choices else str(option.default)


def _place(weights: Weights) -> str:
    place = next(name for name in PLACES if getattr(weights, name))
    when = ", ".join(f"{name}={value}" for name, value in weights.when.items())
    return f"{place.replace('_', ' ')}: {getattr(weights, place)}" + (f" (when {when})" if when else "")


def _print_rows(console: Console, title: str, rows: list[tuple[str, str, str]]) -> None:
    table = Table(box=None, padding=(0, 1, 0, 0), show_header=False, title=title or None, title_justify="left")
    table.add_column(no_wrap=True, style="bold")
    table.add_column(overflow="fold")
    table.add_column(overflow="fold")
    for row in rows:
        table.add_row(*(Text(one_line(cell)) for cell in row))
    console.print(table)


def show_tried(card: Card, image: str, outcome: Outcome, picture: Path | None) -> None:
    """Print what a specialist said of one image."""
    console = Console()
    console.print(Text(f"{card.name} on {one_line(image)}", style="bold"))
    if outcome.kind != "measured":
        why = outcome.reason if outcome.kind == "declined" else outcome.error
        console.print(Text(f"{outcome.kind}: {one_line(why)}", style="yellow"))
        return
    rows = [(one.quantity, _value(one), card.quantity(one.quantity).describe()) for one in outcome.readings]
    rows += [
        (f"box {number}", region.label + ("" if region.score is None else f" {region.score:.2f}"), _box(region.box))
        for number, region in enumerate(outcome.regions, 1)
    ]
    if rows:
        _print_rows(console, "", rows)
    if outcome.text:
        console.print(Text(one_line(outcome.text)))
    if picture is not None:
        console.print(Text(f"picture: {picture}"), soft_wrap=True)


def _value(reading: Reading) -> str:
    return reading.text() + ("" if reading.sigma is None else f" ± {reading.sigma:.2g}")


def _box(box: tuple[float, float, float, float]) -> str:
    left, top, right, bottom = (f"{100 * edge:.0f}" for edge in box)
    return f"{left} to {right} % across, {top} to {bottom} % down"


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
    table.add_column("model (by prefix)", no_wrap=True)
    for column in ("$ in / out per million", "image tokens", "temperature", "logprobs"):
        table.add_column(column, overflow="fold")
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
