"""What people said, as one's own data say it: preferences, opinions, questions."""

from collections import Counter
from collections.abc import Mapping
from statistics import fmean, stdev
from typing import Any, Literal, cast

from pydantic import ValidationError

from autorater.checklist import Checklist
from autorater.checklist import Item as Question
from autorater.document import describe_errors
from autorater_evals.benchmarks._jsonl_row import Row, shown
from autorater_evals.item import Opinion, Preference, Side, side_of

SIDES: dict[str, tuple[Side, Literal["", "good", "bad"]]] = {
    "a": ("a", ""),
    "b": ("b", ""),
    "tie": ("tie", ""),
    "both_good": ("tie", "good"),
    "both_bad": ("tie", "bad"),
}
QUESTION = ("id", "text", "depends_on", "answer")


def preferences(row: Row) -> dict[str, Preference]:
    """Dimension → preference, from `preferred`, `gap` and `votes`: the first that is there decides the side."""
    chosen = {name: _side(row, word, at) for name, word, at in _by_dimension(row, "preferred", str)}
    gaps = {name: row.number(gap, at) for name, gap, at in _by_dimension(row, "gap", (int, float))}
    votes = {name: _votes(row, given, at) for name, given, at in _raters(row, "votes")}
    found: dict[str, Preference] = {}
    for name in dict.fromkeys((*chosen, *gaps, *votes)):
        gap, counted = gaps.get(name), Counter(votes.get(name, {}).values()).most_common(2)
        told = chosen.get(name)
        if told is not None:
            side, both = told
        elif gap is not None:
            side, both = side_of(gap), ""
        elif counted:
            equal = len(counted) == 2 and counted[0][1] == counted[1][1]
            side, both = "tie" if equal else counted[0][0], ""
        else:
            continue  # what was there is wrong, and flagged
        if gap and side != "tie" and side_of(gap) != side:
            fix = "the gap is a minus b: turn its sign, or correct what is preferred"
            row.flag(_at("gap", name), f"a gap on the side of {side!r}, which is preferred", shown(gap), fix)
        found[name] = Preference(preferred=side, both=both, gap=gap, votes=votes.get(name, {}))
    return found


def opinions(row: Row) -> dict[str, Opinion]:
    """Dimension → opinion, from `score` or `scores`, and `ratings`, whose mean is taken where there is no score."""
    scores: dict[str, float | None] = {}
    if "score" in row.fields:
        scores["overall"] = row.number(row.fields["score"], "score")
    if "scores" in row.fields:
        for name, value in row.mapping(row.fields["scores"], "scores", "dimension → number").items():
            if name in scores:
                row.flag("scores.overall", "one score of a dimension", "two", "leave out `score` or this one")
            scores[name] = row.number(value, f"scores.{name}")
    ratings = {name: _ratings(row, given, at) for name, given, at in _raters(row, "ratings")}
    found: dict[str, Opinion] = {}
    for name in dict.fromkeys((*scores, *ratings)):
        given = ratings.get(name, {})
        known = [value for value in given.values() if value is not None]
        score = scores.get(name)
        if score is None and not known:
            if name not in scores:
                row.flag(_at("ratings", name), "at least one rating", "none", "leave the dimension out")
            continue
        if score is not None and known and not min(known) <= score <= max(known):
            expected = f"a score from {min(known):g} to {max(known):g}, as the ratings are"
            row.flag("score" if name == "overall" else f"scores.{name}", expected, f"{score:g}", "correct one of them")
        found[name] = Opinion(
            mean=fmean(known) if score is None else score,
            deviation=stdev(known) if len(known) > 1 else None,
            ratings=given,
        )
    return found


def questions(row: Row) -> tuple[Checklist | None, dict[str, Literal["yes", "no"]]]:
    """The questions in their order, and people's answers; None where there are none or they are wrong."""
    value: Any = row.fields.get("questions")
    if value is None:
        return None, {}
    if not isinstance(value, list) or not value:
        row.flag(
            "questions", "a list of questions", shown(cast(object, value)), 'write [{"text": "…", "answer": "yes"}]'
        )
        return None, {}
    found: list[Question] = []
    answers: dict[str, Literal["yes", "no"]] = {}
    for number, given in enumerate(cast(list[Any], value), 1):
        at = f"questions[{number}]"
        told = row.mapping(given, at, "with text and answer")
        if not told:
            continue
        row.unknown(told, QUESTION, within=f"{at}.")
        needed: Any = told.get("depends_on", ())
        id = told.get("id", f"q{number}")
        try:
            parents = (needed,) if isinstance(needed, str) else needed
            found.append(Question(id=id, text=told.get("text", ""), depends_on=parents))
        except ValidationError as error:
            row.flag(
                at, "a question", describe_errors(error), "an id is small letters, digits and _; a text is one line"
            )
            continue
        if (answer := told.get("answer")) in ("yes", "no"):
            answers[id] = answer
        elif "answer" in told:
            row.flag(f"{at}.answer", "'yes' or 'no'", shown(answer), "leave out an answer that nobody gave")
    if not answers:
        row.flag("questions", "an answer to at least one question", "none", 'add "answer": "yes" or "no"')
    return _checklist(row, found), answers


def _checklist(row: Row, items: list[Question]) -> Checklist | None:
    if not items:
        return None
    try:
        return Checklist(name="questions", items=tuple(items))
    except ValidationError as error:
        row.flag("questions", "ids that differ, parents first", describe_errors(error), "rename or move the question")
        return None


def _at(field: str, dimension: str) -> str:
    return field if dimension == "overall" else f"{field}.{dimension}"


def _by_dimension(row: Row, name: str, kind: type | tuple[type, ...]) -> list[tuple[str, Any, str]]:
    """(dimension, value, where) of a field that is one value, for "overall", or dimension → value."""
    if name not in row.fields:
        return []
    value: Any = row.fields[name]
    if isinstance(value, kind) and not isinstance(value, bool):
        return [("overall", value, name)]
    return [(key, one, f"{name}.{key}") for key, one in row.mapping(value, name, "dimension → value").items()]


def _raters(row: Row, name: str) -> list[tuple[str, Mapping[str, Any], str]]:
    """(dimension, rater → value, where) of a field that is rater → value, for "overall", or dimension → that."""
    if name not in row.fields:
        return []
    given = row.mapping(row.fields[name], name, "rater → value, or dimension → (rater → value)")
    nested = [isinstance(value, dict) for value in given.values()]
    if any(nested) and not all(nested):
        row.flag(name, "raters or dimensions", "some of each", "write dimension → (rater → value) throughout")
        return []
    if given and not any(nested):
        return [("overall", given, name)]
    return [(key, row.mapping(one, f"{name}.{key}", "rater → value"), f"{name}.{key}") for key, one in given.items()]


def _side(row: Row, word: object, at: str) -> tuple[Side, Literal["", "good", "bad"]] | None:
    if isinstance(word, str) and word in SIDES:
        return SIDES[word]
    row.flag(at, ", ".join(map(repr, SIDES)), shown(word), "write one of these words in small letters")
    return None


def _votes(row: Row, given: Mapping[str, Any], at: str) -> dict[str, Side]:
    read = {rater: _side(row, word, f"{at}.{rater}") for rater, word in given.items()}
    return {rater: side[0] for rater, side in read.items() if side is not None}


def _ratings(row: Row, given: Mapping[str, Any], at: str) -> dict[str, float | None]:
    read = {rater: None if one is None else row.number(one, f"{at}.{rater}") for rater, one in given.items()}
    return {rater: value for rater, value in read.items() if value is not None or given[rater] is None}
