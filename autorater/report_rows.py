"""The plots and tables of the report as rows of plain values: attributes, dimensions, checklist, regions."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from autorater.assessment import Measured, Region
from autorater.card import Card
from autorater.checklist import Answer, default_checklist
from autorater.judgment import Judgment, Look
from autorater.report_words import letters, words
from autorater.verdict import LEVELS

PAIR_LEVELS = ("a_much_better", "a_better", "same", "b_better", "b_much_better")
MAX_REGIONS = 40
"""Of one specialist on one image; more would hide the image."""


@dataclass(frozen=True, slots=True)
class Attribute:
    """One attribute on its five-level scale; `place` is 0 (left) to 4 (right), or None when it is not on the scale."""

    name: str
    level: str
    place: int | None


@dataclass(frozen=True, slots=True)
class Dimension:
    """One predicted human mean by candidate, 1 to 5, higher is better."""

    name: str
    values: dict[str, float]


def dimensions(judgment: Judgment) -> tuple[Dimension, ...]:
    """What the embedded judge predicts, in its order; empty for every other judge."""
    named = {letter: judgment.dimensions[letter] for letter in letters(judgment) if letter in judgment.dimensions}
    names = dict.fromkeys(name for values in named.values() for name in values)
    return tuple(
        Dimension(words(name), {letter: values[name] for letter, values in named.items() if name in values})
        for name in names
    )


def attribute_scale(judgment: Judgment) -> tuple[str, ...]:
    """The five levels from left to right: those of a pair, or those of one image."""
    return PAIR_LEVELS if judgment.task in ("compare", "rank") else LEVELS


def attributes(judgment: Judgment) -> tuple[Attribute, ...]:
    """The attributes in the order in which they were judged."""
    scale = attribute_scale(judgment)
    return tuple(
        Attribute(words(name), words(level), scale.index(level) if level in scale else None)
        for name, level in judgment.attributes.items()
    )


@dataclass(frozen=True, slots=True)
class Question:
    """One question and its answers by candidate; `differs` says that they are not all the same."""

    text: str
    answers: dict[str, Answer | None]
    differs: bool


def questions(judgment: Judgment, texts: Mapping[str, str]) -> tuple[Question, ...]:
    """The checklist in its order, with the texts that `_texts` finds, else the ids in words."""
    named = [letter for letter in letters(judgment) if letter in judgment.checklist]
    names = list(dict.fromkeys(name for letter in named for name in judgment.checklist[letter]))
    known = _texts(names, texts, edit=bool(judgment.sources))
    rows: list[Question] = []
    for name in names:
        answers: dict[str, Answer | None] = {letter: judgment.checklist[letter].get(name) for letter in named}
        rows.append(Question(known.get(name, words(name)), answers, len(set(answers.values())) > 1))
    return tuple(rows)


def _texts(names: Sequence[str], texts: Mapping[str, str], *, edit: bool) -> dict[str, str]:
    """The texts given; and those of the list that comes with the package, when exactly its questions were asked."""
    usual = default_checklist(edit=edit)
    known = {item.id: item.text for item in usual.items} if names == [item.id for item in usual.items] else {}
    known |= {name: texts[name] for name in names if name in texts}
    return known | {name: texts[f"{usual.name}.{name}"] for name in names if f"{usual.name}.{name}" in texts}


@dataclass(frozen=True, slots=True)
class AgentLook:
    """One call of the agent; `found` are candidate, outcome in a word, and the sha256 of its picture or ""."""

    title: str
    image: str
    look_for: str
    found: tuple[tuple[str, str, str], ...]
    problem: str


@dataclass(frozen=True, slots=True)
class AgentStep:
    """One turn of the agent."""

    thought: str
    looks: tuple[AgentLook, ...]


def agent_steps(judgment: Judgment, cards: Mapping[str, Card]) -> tuple[AgentStep, ...]:
    """What the agent did before the judge judged, in order; empty when there was none."""
    return tuple(
        AgentStep(step.thought, tuple(_agent_look(look, cards) for look in step.looks))
        for step in judgment.selection.steps
    )


def _agent_look(look: Look, cards: Mapping[str, Card]) -> AgentLook:
    title = cards[look.tool].meta.title if look.tool in cards else look.tool or "(unreadable)"
    found = tuple((each.candidate, each.outcome, each.picture) for each in look.found)
    return AgentLook(
        title, str(look.arguments.get("image", "")), str(look.arguments.get("look_for", "")), found, look.problem
    )


def drawn(judgment: Judgment) -> tuple[str, ...]:
    """The sha256 of every picture of findings that the agent was shown or the judge saw, each once."""
    looks = [look for step in judgment.selection.steps for look in step.looks]
    return tuple(dict.fromkeys(each.picture for look in looks for each in look.found if each.picture))


@dataclass(frozen=True, slots=True)
class Mark:
    """One region to draw; `hue` numbers the specialist."""

    title: str
    region: Region
    hue: int


def marks(judgment: Judgment, cards: Mapping[str, Card]) -> dict[str, tuple[Mark, ...]]:
    """Candidate → the regions that specialists found on it, at most `MAX_REGIONS` of each specialist."""
    found: dict[str, list[Mark]] = {}
    hues: dict[str, int] = {}
    for item in judgment.assessments:
        if isinstance(item.outcome, Measured) and item.outcome.regions:
            hue = hues.setdefault(item.specialist, len(hues))
            title = cards[item.specialist].meta.title if item.specialist in cards else words(item.specialist)
            drawn = [Mark(title, region, hue) for region in item.outcome.regions[:MAX_REGIONS]]
            found.setdefault(item.candidate, []).extend(drawn)
    return {letter: tuple(rows) for letter, rows in sorted(found.items())}
