"""What the judge must answer: the wire schema, in the order in which the model writes, and its parsed form.

Order matters: observations, weaknesses, checklist, attributes, citations, rationale, and only then the score or the
preference, so that the decision follows from what was seen. The schema is the common subset of all providers: every key
required, no open objects, no unions, no recursion.
"""

import json
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, Literal, TypeVar, cast

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from autorater.canonical import Record
from autorater.checklist import ANSWERS, Answer, Checklist, fold
from autorater.document import describe_errors
from autorater.errors import ReplyError
from autorater.request import LETTERS, Task

ATTRIBUTES = ("aesthetics", "artifacts", "anatomy", "composition", "object_adherence", "style", "overall")
"""The attributes of paper 000; "artifacts" and "anatomy" are rated by how free of faults the image is."""
EDIT_ATTRIBUTES = ("instruction_following", "over_editing", "identity_preservation", "detail_preservation")
"""Asked for edits besides; "over_editing" is rated by how little was changed that was not asked for."""
LEVELS = ("bad", "poor", "fair", "good", "excellent")
"""Five-level scale of one image, worst first (the words of ITU-T P.910)."""
RELATIVE = ("image_1_much_better", "image_1_better", "same", "image_2_better", "image_2_much_better")
"""Five-level scale of a pair."""
NOT_RELEVANT = "not_relevant"
SCALE = (1, 10)
"""Likert-10, whole numbers, higher is better (paper 001)."""


class Weakness(Record):
    """A fault and where it is."""

    where: str
    what: str


class Citation(Record):
    """A reference to one assessment shown to the judge. `flag` says what is wrong with it, "" when nothing is."""

    assessment: str
    """`specialist.quantity@candidate`, or the label that the judge used when there is no such assessment."""
    quote: str
    flag: str = ""


class Verdict(Record):
    """What one pass of a judge answered, by candidate letter ("a", "b")."""

    observations: dict[str, str] = {}
    weaknesses: dict[str, tuple[Weakness, ...]] = {}
    checklist: dict[str, dict[str, Answer]] = {}
    """Candidate → question → answer."""
    attributes: dict[str, str] = {}
    """Attribute → level: bad … excellent for one image, a_much_better … b_much_better for two, or not_relevant."""
    dimensions: dict[str, dict[str, float]] = {}
    """Candidate → dimension → predicted human mean, 1 to 5, higher is better; from the embedded judge only."""
    citations: tuple[Citation, ...] = ()
    rationale: str = ""
    score: int | None = None
    preference: Literal["a", "b", "tie"] | None = None


_WORDS = ("observations", "weaknesses", "citations", "rationale")
"""The fields that are words; all others hold answers of a closed list."""
_NOTHING: Mapping[str, Any] = {}
Form = TypeVar("Form", bound=BaseModel)


class _Wire(BaseModel):
    model_config = ConfigDict(extra="forbid")


class _WireWeakness(_Wire):
    where: str
    what: str


class _WireCitation(_Wire):
    assessment: str
    quote: str


class _Full(_Wire):
    observations: dict[str, str]
    weaknesses: dict[str, list[_WireWeakness]] = {}
    checklist: dict[str, dict[str, Answer]]
    attributes: dict[str, str] = {}
    citations: list[_WireCitation] = []
    rationale: str


class _Score(_Wire):
    score: int = Field(ge=SCALE[0], le=SCALE[1])


class _Preference(_Wire):
    preference: Literal["image_1", "image_2", "tie"]


class _FullRating(_Full, _Score):
    pass


class _FullComparison(_Full, _Preference):
    pass


class _BareRating(_Score):
    rationale: str


class _BareComparison(_Preference):
    rationale: str


def verdict_schema(task: Task, *, checklist: Checklist, edit: bool, bare: bool = False) -> dict[str, Any]:
    """The JSON schema that the model fills; `bare` (protocol `autorater-paper`) has rationale and decision alone."""
    images = ("image_1", "image_2") if task == "compare" else ("image_1",)
    answer = _object({image: {"type": "string", "enum": list(ANSWERS)} for image in images})
    weakness = _object({"where": _text(80), "what": _text(200)})
    decision: dict[str, Any] = {
        "rate": {"score": {"type": "integer", "minimum": SCALE[0], "maximum": SCALE[1]}},
        "compare": {"preference": {"type": "string", "enum": ["image_1", "image_2", "tie"]}},
    }.get(task, {})
    if bare:
        return _object({"rationale": _text(1500), **decision})
    levels = {"type": "string", "enum": [*(RELATIVE if task == "compare" else LEVELS), NOT_RELEVANT]}
    judged = {
        "weaknesses": _object({image: _list(weakness, 3) for image in images}),
        "checklist": _object({item.id: answer for item in checklist.items}),
        "attributes": _object(dict.fromkeys(attribute_names(edit=edit), levels)),
        "citations": _list(_object({"assessment": _text(12), "quote": _text(60)}), 8),
    }
    if task == "check":
        judged = {"checklist": judged["checklist"]}
    observations = _object({image: _text(600) for image in images})
    return _object({"observations": observations, **judged, "rationale": _text(1500), **decision})


def attribute_names(*, edit: bool) -> tuple[str, ...]:
    """The attributes asked for, `overall` last."""
    return (*ATTRIBUTES[:-1], *(EDIT_ATTRIBUTES if edit else ()), ATTRIBUTES[-1])


def parse_verdict(text: str, *, task: Task, checklist: Checklist, order: Sequence[int], bare: bool = False) -> Verdict:
    """Read the model's JSON. `order[i]` is the index of the candidate that was shown as image i + 1.

    Raises:
        ReplyError: it is not JSON, or does not fit the schema; the message says where.

    """
    forms = {("rate", False): _FullRating, ("compare", False): _FullComparison, ("check", False): _Full}
    form = forms[task, False] if not bare or task == "check" else _BareRating if task == "rate" else _BareComparison
    try:
        wire = _read(form, without_fence(text))
    except ValidationError as error:
        raise ReplyError(f"the answer does not fit the schema: {describe_errors(error)}", text=text) from error
    letters = {f"image_{place + 1}": LETTERS[index] for place, index in enumerate(order)}
    fields: dict[str, Any] = _full_fields(wire, checklist, letters, text) if isinstance(wire, _Full) else {}
    fields["rationale"] = in_letters(getattr(wire, "rationale", ""), letters)
    if isinstance(wire, _Score):
        fields["score"] = wire.score
    if isinstance(wire, _Preference):
        fields["preference"] = letters.get(wire.preference, "tie")
    return Verdict(**fields)


def _read(form: type[Form], text: str) -> Form:
    """The JSON as `form`. Folding every answer costs more than the rest together, so it is done only when needed."""
    try:
        return form.model_validate_json(text)
    except ValidationError:
        try:
            told = json.loads(text)
        except (ValueError, RecursionError):
            told = None
        if not isinstance(told, dict):
            raise
        return form.model_validate_json(json.dumps(_folded(told)))


def _folded(value: Any) -> Any:
    """The same with every text folded that could be an answer; the words that are shown to people stay as they are."""
    if not isinstance(value, dict):
        return fold(value)
    told = cast("dict[str, Any]", value)
    return {name: item if name in _WORDS else _folded(item) for name, item in told.items()}


def _full_fields(wire: _Full, checklist: Checklist, letters: Mapping[str, str], text: str) -> dict[str, Any]:
    told, images = wire.checklist, letters.keys()
    if missing := [item.id for item in checklist.items if told.get(item.id, _NOTHING).keys() != images]:
        raise ReplyError(f"the checklist lacks answers to: {', '.join(missing[:5])}", text=text)
    answers = {
        letter: checklist.settle({question: answers[image] for question, answers in told.items() if image in answers})
        for image, letter in letters.items()
    }
    levels = _levels(tuple(letters.items()))
    return {
        "observations": {letter: wire.observations.get(image, "") for image, letter in letters.items()},
        "weaknesses": {
            letter: [
                {"where": in_letters(item.where, letters), "what": in_letters(item.what, letters)}
                for item in wire.weaknesses.get(image, ())[:3]
            ]
            for image, letter in letters.items()
        },
        "checklist": answers,
        "attributes": {
            name: levels.get(value) or _level(value, levels, text) for name, value in wire.attributes.items()
        },
        "citations": [{"assessment": item.assessment, "quote": item.quote} for item in wire.citations],
    }


@lru_cache
def _levels(letters: tuple[tuple[str, str], ...]) -> dict[str, str]:
    """Each level as the model writes it → with the candidates' letters."""
    told: dict[str, str] = {}
    for level in (*(RELATIVE if len(letters) == 2 else LEVELS), NOT_RELEVANT):
        told[level] = level
        for image, letter in letters:
            told[level] = told[level].replace(image, letter)
    return told


def _level(value: str, levels: Mapping[str, str], text: str) -> str:
    folded = str(fold(value))
    if folded not in levels:
        raise ReplyError(f"expected one of {', '.join(levels)} as an attribute's level, got {value!r}", text=text)
    return levels[folded]


def in_letters(text: str, letters: Mapping[str, str]) -> str:
    """`text` with the positional names that the model saw ("Image 1") put back to the candidates' ("image a")."""
    if "mage" not in text:  # the usual case: nothing to put back
        return text
    for image, letter in letters.items():
        number = image.removeprefix("image_")
        for form in (f"Image {number}", f"image {number}", f"Image_{number}", image):
            text = text.replace(form, f"image {letter}")
    return text


def without_fence(text: str) -> str:
    """The JSON object inside a Markdown code fence or a sentence, as servers without schema support return it."""
    text = text.strip()
    if text.startswith("{"):
        return text
    start, end = text.find("{"), text.rfind("}")
    return text[start : end + 1] if 0 <= start < end else text


def _object(properties: Mapping[str, Any]) -> dict[str, Any]:
    names = list(properties)
    return {"type": "object", "properties": dict(properties), "required": names, "additionalProperties": False}


def _text(length: int) -> dict[str, Any]:
    return {"type": "string", "maxLength": length}


def _list(items: dict[str, Any], most: int) -> dict[str, Any]:
    return {"type": "array", "items": items, "maxItems": most}
