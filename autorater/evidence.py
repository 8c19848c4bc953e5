"""Assessments as the judge reads them, and whether what the judge quotes is what it was shown."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, zip_longest

from autorater.assessment import Assessment, Declined, Failed, Measured, Reading, Region
from autorater.card import Card
from autorater.image import Picture
from autorater.prompting import fence
from autorater.request import LETTERS
from autorater.verdict import Citation

MAX_TEXT = 400
"""Characters of a specialist's text that the judge is shown."""
_NUMBER = re.compile(r"[-+]?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?")


@dataclass(frozen=True, slots=True)
class Shown:
    """One labelled line: where it comes from and what may be quoted from it."""

    reference: str
    value: str
    text: str


@dataclass(frozen=True, slots=True)
class Drawing:
    """What a specialist found on a candidate, drawn into it."""

    specialist: str
    candidate: str
    picture: Picture
    look_for: str = ""


@dataclass(frozen=True, slots=True)
class Evidence:
    """The lines for the prompt, and label → what it stands for."""

    lines: tuple[str, ...]
    labels: Mapping[str, Shown]


def show_evidence(assessments: Sequence[Assessment], cards: Mapping[str, Card], order: Sequence[int]) -> Evidence:
    """Label every reading E1, E2, … in the order in which the images are shown; `order` as in `parse_verdict`."""
    lines: list[str] = []
    labels: dict[str, Shown] = {}
    names = list(dict.fromkeys(assessment.specialist for assessment in assessments))
    for name in names:
        for place, index in enumerate(order, 1):
            for assessment in assessments:
                if assessment.specialist == name and assessment.candidate == LETTERS[index]:
                    lines.extend(_lines(assessment, cards[name], f"Image {place}", labels))
    return Evidence(tuple(lines), labels)


def show_drawings(
    drawings: Sequence[Drawing], order: Sequence[int], *, most: int
) -> tuple[list[dict[str, str]], dict[str, Picture]]:
    """At most `most` drawings, in the order in which the images are shown: as a prompt tells them, and by name.

    The images take turns, each with the newest that it has left, so that no image's findings crowd out another's.
    """
    places = {LETTERS[index]: place for place, index in enumerate(order, 1)}
    shown = _in_turns(drawings, places, most)
    named = {f"drawing_{number}": drawing for number, drawing in enumerate(shown, 1)}
    told = [
        {
            "name": name,
            "image": f"Image {places[drawing.candidate]}",
            "specialist": drawing.specialist,
            "asked": asked_for(drawing.look_for),
        }
        for name, drawing in named.items()
    ]
    return told, {name: drawing.picture for name, drawing in named.items()}


def _in_turns(drawings: Sequence[Drawing], places: Mapping[str, int], most: int) -> list[Drawing]:
    """Each candidate's newest, then each one's next, until there are `most`; then by place, the oldest first."""
    numbered = list(enumerate(drawings))
    newest = ([one for one in reversed(numbered) if one[1].candidate == letter] for letter in places)
    taken = [one for one in chain.from_iterable(zip_longest(*newest)) if one is not None][: max(0, most)]
    return [drawing for _, drawing in sorted(taken, key=lambda one: (places[one[1].candidate], one[0]))]


def tell(assessment: Assessment, card: Card, image: str) -> tuple[str, ...]:
    """The same lines without labels, as the agent reads them; `image` is what it calls the image."""
    return tuple(_lines(assessment, card, image, None))


def asked_for(look_for: str) -> str:
    """What a specialist was asked to look for, on one line; "" when nothing was."""
    return f", asked for {_one_line(look_for)}" if look_for else ""


def _lines(assessment: Assessment, card: Card, image: str, labels: dict[str, Shown] | None) -> Iterator[str]:
    outcome, image = assessment.outcome, image + asked_for(assessment.look_for)
    if isinstance(outcome, Declined):
        yield f"- {card.name}, {image}: no reading; it declined: {_one_line(outcome.reason)}"
    elif isinstance(outcome, Failed):
        yield f"- {card.name}, {image}: no reading; it failed: {_one_line(outcome.error)}"
    else:
        for reading in outcome.readings:
            yield _reading(assessment, reading, card, image, labels)
        text = _said(outcome)
        if text:
            label = _label(labels, Shown(assessment.reference(), "", text))
            yield f"- {label}{card.name}, {image}, says: {fence(text, card.name)}"


def _reading(assessment: Assessment, reading: Reading, card: Card, image: str, labels: dict[str, Shown] | None) -> str:
    quantity = card.quantity(reading.quantity)
    name = f"{card.name}.{quantity.name}"
    label = _label(labels, Shown(assessment.reference(quantity.name), reading.text(), ""))
    spread = f" ± {reading.sigma:.2g}" if reading.sigma is not None else ""
    return f"- {label}{name}, {image} = {reading.text()}{spread} ({quantity.describe()})"


def _label(labels: dict[str, Shown] | None, shown: Shown) -> str:
    if labels is None:
        return ""
    label = f"E{len(labels) + 1}"
    labels[label] = shown
    return f"{label}: "


def _said(outcome: Measured) -> str:
    where = [_region(region) for region in outcome.regions[:5]]
    return "; ".join(part for part in (outcome.text[:MAX_TEXT], ", ".join(where)) if part)


def _region(region: Region) -> str:
    left, top, right, bottom = (round(100 * side) for side in region.box)
    return f"{region.label[:60]} at {left}-{right}% across, {top}-{bottom}% down"


def _one_line(text: str) -> str:
    return repr(" ".join(text.split())[:200])


def check_citations(citations: Sequence[Citation], evidence: Evidence) -> tuple[Citation, ...]:
    """The citations with full references, each flagged when it names nothing or quotes another value."""
    return tuple(_check(citation, evidence.labels) for citation in citations)


def _check(citation: Citation, labels: Mapping[str, Shown]) -> Citation:
    shown = labels.get(citation.assessment.strip().upper().strip("[]()"))
    if shown is None:
        return citation.model_copy(update={"flag": "no such assessment was shown"})
    flag = ""
    if shown.value:
        numbers = _NUMBER.findall(citation.quote)
        if not numbers:
            flag = f"quotes no number; the reading is {shown.value}"
        elif not any(_same(number, shown.value) for number in numbers):
            flag = f"quotes {numbers[0]}; the reading is {shown.value}"
    elif not (said := _words(citation.quote)) or f" {said} " not in f" {_words(shown.text)} ":
        flag = "quotes words that the specialist did not say"
    return Citation(assessment=shown.reference, quote=citation.quote, flag=flag)


def _same(quoted: str, shown: str) -> bool:
    """Whether `quoted` is `shown`, or `shown` rounded to the digits that were quoted (two significant at least)."""
    if float(quoted) == float(shown):
        return True
    decimals = len(quoted.partition(".")[2])
    significant = len(quoted.replace(".", "").lstrip("+-0"))
    return significant >= 2 and round(float(shown), decimals) == float(quoted)


def _words(text: str) -> str:
    return " ".join(re.findall(r"\w+", text.lower()))
