"""The guide to specialists: its example runs, and its table names every card as it is."""

import re
from pathlib import Path
from typing import Any

import pytest
from asking import cards, small

from autorater.assessment import Measured, Outcome
from autorater.card import read_card
from autorater.toolbox import View, checked

README = (Path(__file__).parents[2] / "tools" / "README.md").read_text(encoding="utf-8")
ARROWS = {"higher": "↑", "lower": "↓", "neither": "·"}


def block(language: str) -> str:
    found = re.search(rf"```{language}\n(.*?)```", README, re.DOTALL)
    assert found
    return found.group(1)


def test_the_example_keeps_the_promises_of_its_card() -> None:
    scope: dict[str, Any] = {}
    exec(block("python"), scope)
    card = read_card(block("markdown"), name="squareness.md")
    outcomes: list[Outcome] = scope["Squareness"](device="cpu")([View(image=small("coffee"))])
    outcome = checked(card, outcomes[0])
    assert isinstance(outcome, Measured)
    assert outcome.readings[0].value == 1


@pytest.mark.parametrize("name", cards())
def test_the_table_names_every_card(name: str) -> None:
    row = next((line for line in README.splitlines() if line.startswith(f"| `{name}` |")), None)
    assert row, f"add {name} to the table of tools/README.md"
    meta = cards()[name].meta
    assert ", ".join(f"`{quantity.name}` {ARROWS[quantity.better]}" for quantity in meta.quantities) in row
    assert f"| {'yes' if meta.commercial else 'no'} |" in row
    assert meta.licence in row
