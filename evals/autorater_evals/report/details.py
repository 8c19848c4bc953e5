"""One item with all that its runs said of it, as the plain JSON that the browser of items draws."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

from autorater import report_evidence, report_rows, report_words
from autorater.assessment import Mask, Measured
from autorater.card import Card
from autorater.errors import without_folders
from autorater.judgment import Judgment, Pass
from autorater_evals.item import Item, Opinion, Preference
from autorater_evals.report.reading import QUESTIONS, Seen
from autorater_evals.report.scored import Scored

Numbered: TypeAlias = Callable[[str], int]
"""The number under which the page holds the picture of this sha256."""
KeepMask: TypeAlias = Callable[[Mask], int]
"""The number under which the page holds a mask; -1 when it was left out."""


def item_detail(item: Item, scored: Scored) -> dict[str, Any]:
    """What the benchmark says of an item: its labels and where it belongs."""
    people = [_preference(name, told) for name, told in item.preferences.items()]
    people += [_opinion(name, told, scored) for name, told in item.opinions.items()]
    questions = item.questions.items if item.questions else ()
    return {
        "id": item.id,
        "benchmark": scored.run.header.title,
        "part": item.part,
        "prompt": item.prompt,
        "edit": bool(item.sources),
        "cluster": item.cluster,
        "group": item.group,
        "generators": list(item.generators),
        "facets": [[name, value] for name, value in item.facets.items()],
        "people": people,
        "answers": [[one.text, item.answers[one.id]] for one in questions if one.id in item.answers],
    }


def _preference(dimension: str, told: Preference) -> dict[str, Any]:
    said = "a tie" if told.preferred == "tie" else f"{told.preferred} is preferred"
    said += f", both {told.both}" if told.both else ""
    facts = [] if told.gap is None else [f"gap a − b: {told.gap:+.3g}"]
    return {"dimension": dimension, "said": said, "facts": facts, "raters": _raters(told.votes)}


def _opinion(dimension: str, told: Opinion, scored: Scored) -> dict[str, Any]:
    known = {one.name: one for part in scored.run.header.parts for one in part.dimensions}
    scale, ends = known.get(dimension), ""
    if scale is not None and scale.low is not None and scale.high is not None:
        ends = f" on {scale.low:g} to {scale.high:g}, {scale.better} is better"
    facts = [] if told.deviation is None else [f"standard deviation {told.deviation:.3g}"]
    ratings = {name: "not relevant" if value is None else f"{value:g}" for name, value in told.ratings.items()}
    return {"dimension": dimension, "said": f"{told.mean:.3g}{ends}", "facts": facts, "raters": _raters(ratings)}


def _raters(told: Mapping[str, str]) -> list[list[str]]:
    """Choice or rating → how many gave it, most first: who gave it is nobody's business."""
    often = Counter(told.values())
    return [[value, str(often[value])] for value in sorted(often, key=lambda one: (-often[one], one))]


def judgment_detail(
    judgment: Judgment,
    seen: Seen,
    cards: Mapping[str, Card],
    *,
    picture: Numbered,
    mask: KeepMask,
) -> dict[str, Any]:
    """What one run said of an item, in the words of the core's report."""
    words, names = report_words, report_words.letters(judgment)
    shown = report_evidence.evidence(judgment, cards)
    texts = {one.id: one.text for one in seen.item.questions.items} if seen.item.questions else {}
    return {
        "letters": names,
        "sources": [picture(name) for name in judgment.sources],
        "candidates": [picture(name) for name in judgment.candidates],
        "outcome": judgment.outcome,
        "headline": words.headline(judgment),
        "preferred": judgment.preferred or "",
        "chance": words.chance(judgment),
        "certainty": words.certainty(judgment),
        "agreement": words.agreement(judgment),
        "reason": words.reason(judgment),
        "rationale": judgment.rationale,
        "observations": judgment.observations,
        "weaknesses": {key: [[one.what, one.where] for one in some] for key, some in judgment.weaknesses.items()},
        "attributes": [[one.name, one.level] for one in report_rows.attributes(judgment)],
        "dimensions": [
            [one.name, {key: f"{value:.2f}" for key, value in one.values.items()}]
            for one in report_rows.dimensions(judgment)
        ],
        "checklist": [
            [one.text, one.answers, one.differs, seen.item.answers.get(name, "")]
            for name, one in zip(_asked(judgment), report_rows.questions(judgment, texts), strict=True)
        ],
        "evidence": [_evidence(one, names) for one in shown],
        "loose": [[one.assessment, one.quote, one.flag] for one in report_evidence.loose_citations(judgment, shown)],
        "marks": _marks(judgment, cards, mask),
        "drawn": [picture(name) for name in report_rows.drawn(judgment)],
        "passes": [_pass(one) for one in judgment.passes],
        "steps": [
            [step.thought, [f"{look.title}: {look.look_for or look.image}" for look in step.looks]]
            for step in report_rows.agent_steps(judgment, cards)
        ],
        "selection": [judgment.selection.how, list(judgment.selection.names), judgment.selection.reason],
        "warnings": [without_folders(one) for one in judgment.warnings],
        "facts": _facts(judgment),
    }


def _asked(judgment: Judgment) -> list[str]:
    """The ids of the questions in the order of `report_rows.questions`."""
    names = [letter for letter in report_words.letters(judgment) if letter in judgment.checklist]
    return list(dict.fromkeys(name for letter in names for name in judgment.checklist[letter]))


def _evidence(told: report_evidence.Evidence, names: str) -> dict[str, Any]:
    return {
        "name": told.specialist,
        "title": told.title,
        "errors": told.errors,
        "rows": [
            [
                row.quantity.meaning if row.quantity else report_words.words(row.name),
                row.quantity.describe() if row.quantity else "",
                {letter: [_cell(cell) for cell in row.cells.get(letter, ())] for letter in names},
            ]
            for row in told.measures
        ],
        "texts": {
            letter: [[text, [[one.quote, one.flag] for one in cited]] for text, cited in some]
            for letter, some in told.texts.items()
        },
    }


def _cell(cell: report_evidence.Cell) -> list[Any]:
    """kind, text, sigma, whether it is the better one, citations as (quote, flag)."""
    sigma = "" if cell.sigma is None else f"± {cell.sigma:.2g}"
    return [cell.kind, cell.text, sigma, cell.best, [[one.quote, one.flag] for one in cell.citations]]


def _marks(judgment: Judgment, cards: Mapping[str, Card], mask: KeepMask) -> dict[str, list[dict[str, Any]]]:
    """Candidate → what specialists found on it: regions as (label, left, top, width, height, score), and masks."""
    found: dict[str, dict[str, dict[str, Any]]] = {}
    hues: dict[str, int] = {}
    for told in judgment.assessments:
        if not isinstance(told.outcome, Measured) or not (told.outcome.regions or told.outcome.mask):
            continue
        title = cards[told.specialist].meta.title if told.specialist in cards else report_words.words(told.specialist)
        hue = hues.setdefault(told.specialist, len(hues))
        empty: dict[str, Any] = {"title": title, "hue": hue, "regions": [], "masks": []}
        entry = found.setdefault(told.candidate, {}).setdefault(told.specialist, empty)
        for one in told.outcome.regions[: report_rows.MAX_REGIONS]:
            left, top, right, bottom = one.box
            box = [round(value, 4) for value in (left, top, right - left, bottom - top)]
            entry["regions"].append([one.label, *box, one.score])
        if told.outcome.mask is not None:
            entry["masks"].append([told.outcome.mask.label, mask(told.outcome.mask)])
    return {letter: list(some.values()) for letter, some in found.items()}


def _pass(told: Pass) -> dict[str, Any]:
    return {
        "order": told.order,
        "sample": told.sample,
        "outcome": told.outcome,
        "said": report_words.pass_words(told),
        "chance": report_words.pass_chance(told),
        "rationale": told.verdict.rationale if told.verdict else "",
        "detail": without_folders(told.detail),
        "warnings": [without_folders(one) for one in told.warnings],
    }


def _facts(judgment: Judgment) -> list[list[str]]:
    usage = judgment.usage
    return [
        ["Judged by", judgment.judged_by.model],
        ["Cost", report_words.money(judgment.cost)],
        ["Tokens", f"{usage.input:,} read, {usage.output:,} written"],
        ["Protocol", judgment.judged_by.protocol],
    ]


def search_text(item: Item) -> str:
    """What the search of the list finds at once."""
    return " ".join((item.id, item.prompt, *item.generators, *item.facets.values()))


def said_of(seen: Seen, dimension: str) -> str:
    """The judge's answer in a few characters, for the list."""
    if dimension == QUESTIONS:
        return "" if seen.share is None else f"{100 * seen.share:.0f} %"
    answer = seen.answers.get(dimension)
    if answer is None:
        return ""
    if answer.side is not None:
        return answer.side
    return f"{answer.score:.3g}" if answer.score is not None else answer.outcome


def people_said(item: Item, dimension: str) -> str:
    """People's label in a few characters, for the list."""
    if dimension in item.preferences:
        return item.preferences[dimension].preferred
    return f"{item.opinions[dimension].mean:.3g}" if dimension in item.opinions else ""


def cited(judgments: Sequence[Judgment | None]) -> set[str]:
    """The specialists that a judge cited, without a flag or with."""
    known = {told.specialist for one in judgments if one for told in one.assessments}
    names = {cite.assessment.partition("@")[0].partition(".")[0] for one in judgments if one for cite in one.citations}
    return names & known
