"""The guide to specialists: its example runs, and its table names every card as it is."""

import re
from pathlib import Path
from typing import Any

import pytest
from asking import small

from autorater.assessment import Measured, Outcome
from autorater.card import read_card
from autorater.errors import UsageError
from autorater.toolbox import View, checked
from autorater_evals.specialist_table import placed, rendered

README = (Path(__file__).parents[2] / "tools" / "README.md").read_text(encoding="utf-8")


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


def test_the_tables_are_those_of_the_cards() -> None:
    command = "python -m autorater_evals.specialist_table --write tools/README.md"
    assert placed(README, rendered()) == README, f"run {command}"


def test_a_file_without_marks_is_refused() -> None:
    with pytest.raises(UsageError, match="expected the marks"):
        placed("# Nothing here\n", {"table": "|"})
