"""One answer of the teacher, with all that the filters look at."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, cast

from autorater.checklist import fold
from autorater.evidence import Evidence
from autorater.verdict import Verdict, without_fence
from autorater_evals.distillation.plan import Plan, Subject, Variant

NOTHING = Evidence((), {})


@dataclass(frozen=True)
class Draft:
    """A subject before it is drafted (`completion` is ""), or one draft of it in one order."""

    subject: Subject
    variant: Variant = "free"
    order: tuple[int, ...] = (0,)
    sample: int = 0
    completion: str = ""
    """The JSON by the schema, in its order of fields; "" when the answer cannot be used."""
    told: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """The same, read."""
    verdict: Verdict | None = None
    evidence: Evidence = NOTHING
    shown: str = ""
    """All text that the student is shown."""
    problem: str = ""
    """Why the answer cannot be used."""
    other: "Draft | None" = None
    """Of a pair: the draft of the other order, made by a call of its own."""
    other_problem: str = ""
    """What the filters say against the draft of the other order."""
    rederived: Mapping[str, Any] | None = None
    """What the second reader answers, who saw the rationale alone."""

    @property
    def rationale(self) -> str:
        """The rationale as it was written."""
        return str(self.told.get("rationale", ""))

    @property
    def rationales(self) -> tuple[str, ...]:
        """That of this order and, of a pair that was swapped, that of the other."""
        return (self.rationale,) if self.other is None else (self.rationale, self.other.rationale)

    @property
    def name(self) -> tuple[str, Variant]:
        """What distinguishes it in a set."""
        return self.subject.item, self.variant


@dataclass(frozen=True)
class Context:
    """What a filter may know beside the draft; computed before, and never changed."""

    plan: Plan
    prompts: Mapping[str, str] = field(default_factory=dict[str, str])
    """Digest of a normalised prompt → the benchmark that has it."""
    images: Mapping[str, str] = field(default_factory=dict[str, str])
    """sha256 of an image → the benchmark that has it."""
    equal: Mapping[str, str] = field(default_factory=dict[str, str])
    """Item → an earlier one with the same prompt and images."""
    alike: Mapping[str, str] = field(default_factory=dict[str, str])
    """Item → an earlier one with the same prompt and nearly the same images."""
    rationales: Mapping[tuple[str, Variant], str] = field(default_factory=dict[tuple[str, Variant], str])
    """(Item, variant) → another item that is kept and has nearly the same rationale."""


def texts_of(told: Mapping[str, Any]) -> Iterator[str]:
    """Every text of an answer that its writer was free to word."""
    for name in ("observations", "weaknesses", "citations", "rationale"):
        yield from _texts(told.get(name))


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for inner in cast("dict[str, Any]", value).values():
            yield from _texts(inner)
    elif isinstance(value, list):
        for inner in cast("list[Any]", value):
            yield from _texts(inner)


def in_form(text: str, schema: Mapping[str, Any]) -> dict[str, Any]:
    """The answer with exactly the fields of the schema, in its order; words of closed lists as they stand there.

    Raises ValueError that says what does not fit.
    """
    try:
        value = json.loads(without_fence(text))
    except RecursionError as error:
        raise ValueError("the answer is nested without end") from error
    return _formed(value, schema, "the answer")


def _formed(value: Any, schema: Mapping[str, Any], place: str) -> Any:
    if "enum" in schema:
        known = {fold(word): word for word in schema["enum"]}
        if fold(value) not in known:
            raise ValueError(f"{place}: expected one of {', '.join(schema['enum'])}, got {value!r}")
        return known[fold(value)]
    kinds: dict[str, type] = {"object": dict, "array": list, "string": str, "integer": int}
    if not isinstance(value, kinds[schema["type"]]) or isinstance(value, bool):
        raise ValueError(f"{place}: expected {schema['type']}, got {type(value).__name__}")
    if schema["type"] == "array":
        return [_formed(item, schema["items"], place) for item in cast("list[Any]", value)[: schema["maxItems"]]]
    if schema["type"] != "object":
        return value
    told, wanted = cast("dict[str, Any]", value), schema["properties"]
    if told.keys() != wanted.keys():
        odd = sorted(told.keys() ^ wanted.keys())
        raise ValueError(f"{place}: lacks, or has too much: {', '.join(odd[:5])}")
    return {name: _formed(told[name], part, f"{place}, {name}") for name, part in wanted.items()}
