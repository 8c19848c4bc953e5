"""What a person reads in the terminal. Imported by the command line only."""

from collections.abc import Mapping
from textwrap import shorten
from typing import Any

from rich.console import Console, Group
from rich.markup import escape
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from autorater.assessment import Assessment, Measured
from autorater.card import Card
from autorater.errors import one_line
from autorater.judgment import Judgment

LONGEST = 320
"""Letters of what a specialist says in words."""
_STYLE = {"scored": "green", "tie": "yellow"}


def show_judgment(judgment: Judgment, cards: Mapping[str, Card]) -> None:
    """Print one judgment: the verdict, why, and the evidence."""
    console = Console()
    style = _STYLE.get(judgment.outcome, "red")
    # What models, specialists and prompts say is put on one line without control characters: terminals obey those.
    lines = [Text(headline(judgment), style=f"bold {style}"), Text(one_line(judgment.reason))]
    if judgment.rationale:
        lines += [Text(""), Text(one_line(judgment.rationale))]
    lines += [Text(f"warning: {one_line(warning)}", style="yellow") for warning in judgment.warnings]
    prompt = one_line(judgment.prompt)
    title = escape(prompt if len(prompt) <= 70 else prompt[:69] + "…")
    console.print(Panel(Group(*lines), title=title, title_align="left", border_style=style))
    for table in (_agent(judgment), _assessments(judgment, cards), _checklist(judgment), _attributes(judgment)):
        if table is not None:
            console.print(table)
    cost = "cost unknown" if judgment.cost is None else f"${judgment.cost:.4f}"
    tokens = f"{judgment.usage.input} tokens in, {judgment.usage.output} out"
    spent = f", {cost}, {tokens}" if judgment.usage.input or judgment.cost is None else ""
    console.print(Text(f"judged by {judgment.judged_by.model}{spent}", style="dim"))


def headline(judgment: Judgment) -> str:
    """The result in a few words."""
    if judgment.ranking:
        return "Ranking, best first: " + ", ".join(" = ".join(group) for group in judgment.ranking)
    if judgment.score is not None:
        return f"Score {judgment.score:.1f} of 10"
    if judgment.preferred == "tie":
        return "A tie"
    if judgment.preferred:
        chance = judgment.probability
        sure = "" if chance is None else f" (P(a preferred) = {chance:.2f}, {judgment.method})"
        return f"Image {judgment.preferred} is preferred{sure}"
    return judgment.outcome.capitalize() if judgment.task != "check" else "Checklist answered"


def _table(*columns: str) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="bold")
    for column in columns:
        table.add_column(column)
    return table


def _letters(judgment: Judgment) -> list[str]:
    return [chr(ord("a") + place) for place in range(len(judgment.candidates))]


def _agent(judgment: Judgment) -> Table | None:
    if not judgment.selection.steps:
        return None
    table = _table("agent", "called", "found")
    for number, step in enumerate(judgment.selection.steps, 1):
        for look in step.looks:
            asked = [f"{name}={value}" for name, value in look.arguments.items() if value]
            found = ", ".join(f"{each.candidate}: {each.outcome}" for each in look.found) or look.problem
            called = f"{look.tool}({', '.join(asked)})"
            table.add_row(str(number), escape(one_line(called)), escape(one_line(found)))
        if not step.looks:
            table.add_row(str(number), "(no call)", escape(one_line(step.thought[:200])))
    return table


def _assessments(judgment: Judgment, cards: Mapping[str, Card]) -> Table | None:
    if not judgment.assessments:
        return None
    letters = _letters(judgment)
    table = _table("assessment", *letters, "unit and direction")
    for name, look_for in dict.fromkeys((item.specialist, item.look_for) for item in judgment.assessments):
        items = [item for item in judgment.assessments if (item.specialist, item.look_for) == (name, look_for)]
        told = {item.candidate: item for item in items}
        title = f"{name} ({look_for})" if look_for else name
        for row in _rows(title, told, letters, cards.get(name)):
            table.add_row(*(escape(one_line(cell)) for cell in row))
    return table


def _rows(name: str, told: Mapping[str, Assessment], letters: list[str], card: Card | None) -> list[list[str]]:
    measured = {letter: item.outcome for letter, item in told.items() if isinstance(item.outcome, Measured)}
    rows: list[list[str]] = []
    for quantity in card.meta.quantities if card and measured else ():
        values = [told[letter].value(quantity.name) if letter in told else None for letter in letters]
        shown = ["–" if value is None else f"{value:.4g}" for value in values]
        rows.append([f"{name}.{quantity.name}", *shown, quantity.describe()])
    for letter, item in told.items():
        if not isinstance(item.outcome, Measured):
            why = item.outcome.reason if item.outcome.kind == "declined" else item.outcome.error
            word = "declined" if item.outcome.kind == "declined" else "failed"
            rows.append([name, *("" for _ in letters), f"{word} on {letter}: {why}"])
    texts: dict[str, list[str]] = {}
    for letter, outcome in measured.items():
        if outcome.text:
            texts.setdefault(one_line(outcome.text), []).append(letter)
    said = [f"{', '.join(of)}: {shorten(text, LONGEST, placeholder=' …')}" for text, of in texts.items()]
    return rows + [[name, *("" for _ in letters), one] for one in said]


def _checklist(judgment: Judgment) -> Table | None:
    if not judgment.checklist:
        return None
    letters = sorted(judgment.checklist)
    table = _table("checklist", *letters)
    for question in judgment.checklist[letters[0]]:
        table.add_row(question.replace("_", " "), *(judgment.checklist[letter][question] for letter in letters))
    shares = [judgment.checklist_score[letter] for letter in letters]
    table.add_row("share of yes", *("–" if share is None else f"{share:.0%}" for share in shares), style="bold")
    return table


def _attributes(judgment: Judgment) -> Table | None:
    if not judgment.attributes and not judgment.dimensions:
        return None
    if judgment.dimensions:
        letters = sorted(judgment.dimensions)
        table = _table("predicted human mean (1 to 5, higher is better)", *letters)
        for name in judgment.dimensions[letters[0]]:
            table.add_row(name.replace("_", " "), *(f"{judgment.dimensions[letter][name]:.2f}" for letter in letters))
        return table
    table = _table("attribute", "level")
    for name, level in judgment.attributes.items():
        table.add_row(escape(one_line(name.replace("_", " "))), level.replace("_", " "))
    return table


def show_summary(summary: Mapping[str, Any]) -> None:
    """Print the counts of a run."""
    console = Console()
    outcomes = ", ".join(f"{count} {kind}" for kind, count in summary["outcomes"].items()) or "nothing judged"
    coverage = "" if summary["coverage"] is None else f"; {summary['coverage']:.1%} have a result"
    cost = "cost unknown" if summary["cost"] is None else f"${summary['cost']:.4f}"
    console.print(f"{_count(summary['items'], 'item')}: {outcomes}{coverage}", highlight=False)
    told = f"{cost}, {summary['tokens'].get('input', 0)} tokens in, {summary['tokens'].get('output', 0)} out"
    console.print(f"{told}, {summary['seconds']} s", highlight=False)
    if summary["orders_conflict"]:
        console.print(f"{summary['orders_conflict']} pairs: the two orders disagree, counted as ties", highlight=False)
    if summary["errors"]:
        console.print(f"{_count(len(summary['errors']), 'item')} could not be used (named above)", style="yellow")
    if summary["stopped"]:
        console.print(escape(summary["stopped"]), style="yellow")


def show_replay(summary: Mapping[str, Any]) -> None:
    """Print how a replay went."""
    console = Console()
    calls = f"{summary['recorded_calls']} recorded calls, {summary['seconds']} s, no network"
    if summary["differing"]:
        names = ", ".join(summary["differing"][:10])
        console.print(
            f"{len(summary['differing'])} of {_count(summary['items'], 'judgment')} differ: {names}", style="red"
        )
    else:
        console.print(
            f"{_count(summary['items'], 'judgment')}, identical to the byte ({calls})", style="green", highlight=False
        )


def _count(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"
