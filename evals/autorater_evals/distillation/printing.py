"""What `autorater distill` prints."""

import json
import sys
from typing import Any

import typer

from autorater_evals.distillation.described import describe
from autorater_evals.distillation.distilling import Checked, Distilled


def show(found: Distilled, *, as_json: bool) -> None:
    """The card: as JSON with where the set is and why it stopped, or in words."""
    if as_json:
        told: dict[str, Any] = {"set": str(found.folder), "stopped": found.stopped, "card": dict(found.card)}
        sys.stdout.write(json.dumps(told, indent=1) + "\n")
    elif found.card:
        typer.echo(describe(found.card).rstrip("\n"))
        if not found.stopped:
            what = "set is" if found.card["examples"]["all"] else "set is empty; its card and its log are"
            typer.echo(f"\nThe {what} in {found.folder}.")


def show_check(found: Checked, *, as_json: bool) -> None:
    """Whether a set is what its log says."""
    if as_json:
        told = {"set": str(found.folder), "examples": found.examples, "differing": list(found.differing)}
        sys.stdout.write(json.dumps(told, indent=1) + "\n")
    elif found.differing:
        typer.echo(f"{found.folder}: differs from its log: {', '.join(found.differing)}")
    else:
        typer.echo(f"{found.folder}: {found.examples:,} examples and the card, identical to what the log gives")
