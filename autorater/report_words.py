"""A judgment in words, as a person reads it in the report."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from autorater.checklist import Answer, share_of_yes
from autorater.errors import without_folders
from autorater.judgment import Duel, Judgment, OutcomeKind, Pass, total_cost
from autorater.model import Usage
from autorater.request import LETTERS

EMBEDDED = "embedded"
"""The name of the judge that looks at specialists' numbers alone."""
RESULTS: tuple[OutcomeKind, ...] = ("scored", "tie")
OUTCOMES: dict[OutcomeKind, str] = {
    "scored": "A result",
    "tie": "A tie",
    "abstained": "No result: the judge abstained",
    "refused": "No result: the model refused to judge",
    "unparsable": "No result: the model's answer could not be read",
    "unreachable": "No result: the model could not be reached",
}
METHODS = {
    "votes": "of the votes",
    "logprobs": "by the model's own token probabilities",
    "decisions": "by the provider's decision probabilities",
    "fitted": "by a fit to people's choices",
    "reading": "by one reading, which tells no odds",
}
_REPEATS = re.compile(r"^(image [a-z] is preferred|tie|scored [\d.]+ of 10)[,:]? ?")
"""What a reason says that the headline has said already."""


def letters(judgment: Judgment) -> str:
    """The names of the candidates, in order."""
    return LETTERS[: len(judgment.candidates)]


def words(name: str) -> str:
    """An identifier as words: `edit_complete` → "edit complete"."""
    return name.replace("_", " ")


def short(digest: str) -> str:
    """The first twelve digits of a sha256."""
    return digest[:12]


def percent(share: float) -> str:
    """A share as a whole percentage that never rounds a doubt away."""
    if 0 < share < 0.005:
        return "under 1\u00a0%"
    if 0.995 < share < 1:
        return "over 99\u00a0%"
    return f"{100 * share:.0f}\u00a0%"


def money(cost: float | None) -> str:
    """US dollars; None is "unknown", never 0."""
    if cost is None:
        return "unknown"
    if 0 < cost < 0.0001:
        return "under $0.0001"
    if cost == 0:
        return "$0"
    return f"${cost:,.2f}" if cost >= 1 else f"${cost:.4f}"


def and_list(names: Sequence[str]) -> str:
    """Names in a row: a, b and c."""
    return " and ".join(part for part in (", ".join(names[:-1]), *names[-1:]) if part)


def ranking_words(ranking: Sequence[Sequence[str]]) -> str:
    """Groups of candidates, best first: c, then a and d, then b."""
    return ", then ".join(and_list(group) for group in ranking)


def yes_share(answers: Mapping[str, Answer]) -> str:
    """The share of "yes" among "yes" and "no", as a percentage."""
    share = share_of_yes(answers)
    return "no share" if share is None else percent(share)


def yes_count(answers: Mapping[str, Answer]) -> str:
    """How many of the decided answers are "yes": 9 of 11."""
    given = list(answers.values())
    return f"{given.count('yes')} of {given.count('yes') + given.count('no')}"


def task_words(judgment: Judgment) -> str:
    """What was asked, in words."""
    kind = "edit" if judgment.sources else "generated image"
    return {
        "rate": f"Rating of one {kind}",
        "compare": f"Comparison of two {kind}s",
        "rank": f"Ranking of {len(judgment.candidates)} {kind}s",
        "check": f"Check of one {kind}",
    }[judgment.task]


def headline(judgment: Judgment) -> str:
    """The outcome in plain words."""
    if judgment.outcome not in RESULTS:
        return OUTCOMES[judgment.outcome]
    if judgment.ranking:
        best = judgment.ranking[0]
        if judgment.outcome == "tie":
            return "A tie: none is better"
        return f"Image{'s' * (len(best) > 1)} {and_list(best)} {'are' if len(best) > 1 else 'is'} best"
    if judgment.task == "check":
        return f"{yes_count(judgment.checklist.get('a', {}))} questions answered yes"
    if judgment.score is not None:
        return f"{judgment.score:g} of 10"
    return "A tie" if judgment.preferred in ("tie", None) else f"Image {judgment.preferred} is preferred"


def reason(judgment: Judgment) -> str:
    """Why the outcome is what it is, without what the headline says already."""
    said = without_folders(judgment.reason)
    if judgment.ranking and said.startswith("ranked by wins"):
        return said.partition(":")[0]
    return _REPEATS.sub("", said) if judgment.outcome in RESULTS else said


def certainty(judgment: Judgment) -> str:
    """Where the probabilities or the score come from, in one sentence."""
    if judgment.method is None:
        return ""
    if judgment.method == "votes":
        count = len(judgment.passes)
        answers = f"the judge's {count} answers" if count > 1 else "the judge's answer"
        return f"The mean of {answers}." if judgment.score is not None and count > 1 else f"By {answers}."
    lead = "Expected score" if judgment.score is not None else "Probability that each is preferred"
    return f"{lead}, {METHODS[judgment.method]}."


def result(judgment: Judgment) -> str:
    """The outcome in a few words, for a table."""
    if judgment.outcome not in RESULTS:
        return judgment.outcome
    if judgment.ranking:
        return ranking_words(judgment.ranking)
    if judgment.task == "check":
        return f"{yes_count(judgment.checklist.get('a', {}))} yes"
    if judgment.score is not None:
        return f"{judgment.score:g} of 10"
    if judgment.preferred in ("tie", None):
        return "tie, the orders disagree" if judgment.consistent is False else "tie"
    return f"{judgment.preferred} is preferred"


def chance(judgment: Judgment) -> str:
    """The probability that the judgment gives to what it prefers ("b 83 %"), or ""."""
    if judgment.probability is None:
        return ""
    share = 1 - judgment.probability if judgment.preferred == "b" else judgment.probability
    return f"{'b' if judgment.preferred == 'b' else 'a'}\u00a0{percent(share)}"


def duel_words(duel: Duel) -> str:
    """What one comparison of a ranking decided."""
    if duel.preferred is None:
        return duel.outcome
    return "a tie" if duel.preferred == "tie" else f"{duel.preferred} is preferred"


def duel_chance(duel: Duel) -> str:
    """The probability that a comparison gives to what it prefers, or ""."""
    if duel.probability is None:
        return ""
    share = 1 - duel.probability if duel.preferred == duel.second else duel.probability
    return f"{duel.second if duel.preferred == duel.second else duel.first}\u00a0{percent(share)}"


def own_warnings(judgment: Judgment) -> tuple[str, ...]:
    """The warnings that are not said beside a pass or the selection anyway."""
    said = {warning for item in judgment.passes for warning in item.warnings} | set(judgment.selection.warnings)
    return tuple(warning for warning in judgment.warnings if warning not in said)


def pass_words(item: Pass) -> str:
    """What one pass decided."""
    if item.verdict is None:
        return item.outcome
    if item.verdict.preference is not None:
        return "a tie" if item.verdict.preference == "tie" else f"prefers {item.verdict.preference}"
    return "checklist answered" if item.score is None else f"{item.score:g} of 10"


def pass_chance(item: Pass) -> str:
    """The probability that a pass gives to what it prefers, or "" where it is the vote itself."""
    if item.probability is None or item.method == "votes":
        return ""
    if item.verdict and item.verdict.preference == "b":
        return f"b\u00a0{percent(1 - item.probability)}"
    return f"a\u00a0{percent(item.probability)}"


def agreement(judgment: Judgment) -> str:
    """Whether the orders agree, in one sentence."""
    if judgment.consistent is not None:
        return (
            "Both orders agree: showing the images the other way round does not change the answer."
            if judgment.consistent
            else "The orders disagree: the answer changes when the images are shown the other way round."
        )
    orders = {item.order for item in judgment.passes}
    if judgment.task == "compare":
        unknown = len(orders) == 1 and "" not in orders
        return "One order was asked; whether the other would agree is not known." if unknown else ""
    return f"{len(judgment.passes)} answers." if len(judgment.passes) > 1 else ""


@dataclass(frozen=True, slots=True)
class Totals:
    """What all judgments together took. `cost` is None when a price is unknown; `known` sums those that are."""

    counts: dict[OutcomeKind, int]
    usage: Usage
    calls: int
    cost: float | None
    known: float
    unknown: int
    models: tuple[str, ...]


def totals(judgments: Sequence[Judgment]) -> Totals:
    """Counts by outcome, tokens, calls and cost of all judgments."""
    kinds = [item.outcome for item in judgments]
    calls = {key for item in judgments for one in item.passes for key in one.calls}
    calls |= {item.selection.call for item in judgments if item.selection.call}
    calls |= {step.call for item in judgments for step in item.selection.steps}
    costs = [item.cost for item in judgments]
    return Totals(
        counts={kind: kinds.count(kind) for kind in OUTCOMES if kind in kinds},
        usage=sum((item.usage for item in judgments), Usage()),
        calls=len(calls),
        cost=total_cost(costs),
        known=sum(cost for cost in costs if cost is not None),
        unknown=costs.count(None),
        models=tuple(dict.fromkeys(item.judged_by.model for item in judgments)),
    )


def without_vlm(judgment: Judgment) -> bool:
    """Whether no VLM looked at the images."""
    return judgment.judged_by.model == EMBEDDED
