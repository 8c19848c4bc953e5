"""What the embedded judge knows and how it scores: a small linear model over readings, kept in `embedded.json`.

The score of one image in one dimension is a human mean of 1 to 5, higher is better:

    base reading + offset + Σ coefficient × z        z = direction × (clipped value − centre) / scale

`python -m autorater_evals.fit_embedded` fits it; the rules for edits are set by hand.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Literal

from autorater.canonical import Record

OVERALL = "overall"
"""The mean of the dimensions; for edits, with the rules' effects added."""
BAD, EXCELLENT = 1.0, 5.0
"""The ends of the raters' scale."""


class Scale(Record):
    """How one reading enters the model."""

    reading: str
    """`specialist.quantity`."""
    words: str
    """What a person calls it."""
    centre: float
    scale: float
    low: float
    high: float
    direction: Literal[-1, 1]
    """1 where higher is better, -1 where lower is better."""
    mean: float
    """The z that stands for a missing reading: its mean on the data of the fit."""
    of_prompt: bool = False
    """Whether it compares the image with the prompt as a description, which an instruction for an edit is not."""

    def standardise(self, value: float) -> float:
        """Z of a reading; higher is better."""
        return self.direction * (min(max(value, self.low), self.high) - self.centre) / self.scale


class Dimension(Record):
    """One dimension: base reading + offset + Σ coefficient × z, clipped to 1..5."""

    base: str
    """`specialist.quantity` of the reading that predicts the human mean; without it there is no score."""
    offset: float
    coefficients: dict[str, float]
    tau: float
    """P(a over b) = 1 / (1 + exp(−(a − b) / tau)); scores within tau / 2 are a tie."""


class Rule(Record):
    """For edits: `effect` is added to the overall score when the reading is on the named side of `limit`."""

    reading: str
    side: Literal["above", "below"]
    limit: float
    effect: float
    words: str


class Coefficients(Record):
    """All that the embedded judge knows."""

    provenance: dict[str, str | int]
    """The data and the command of the fit."""
    readings: dict[str, Scale]
    dimensions: dict[str, Dimension]
    overall_tau: float
    edit_dimensions: tuple[str, ...]
    """The dimensions that say something of an edit, whose prompt is an instruction."""
    edit_rules: tuple[Rule, ...]
    """Set by hand; the first rule that holds among those of one reading counts."""

    def names(self, *, edit: bool) -> tuple[str, ...]:
        """`specialist.quantity` of everything that can enter a score, sorted."""
        dimensions = [self.dimensions[name] for name in (self.edit_dimensions if edit else self.dimensions)]
        names = {dimension.base for dimension in dimensions}
        for dimension in dimensions:
            scales = [self.readings[key] for key, weight in dimension.coefficients.items() if weight]
            names |= {scale.reading for scale in scales if not (edit and scale.of_prompt)}
        if edit:
            names |= {rule.reading for rule in self.edit_rules}
        return tuple(sorted(names))

    def words(self, reading: str) -> str:
        """`specialist.quantity` in words, with its direction where it has one."""
        for scale in self.readings.values():
            if scale.reading == reading:
                return scale.words
        return reading.partition(".")[2].replace("_", " ")


@cache
def read_coefficients() -> Coefficients:
    """The coefficients that come with the package."""
    file = resources.files("autorater") / "embedded.json"
    return Coefficients.model_validate_json(file.read_text(encoding="utf-8"))


@dataclass(frozen=True)
class Scores:
    """What one candidate got.

    `values`: dimension, and "overall", → 1 to 5. `effects`: criterion → reading → points that the reading adds to it
    beyond what a missing one would (a base reading: all of its value). `rules`: the rules for edits that hold.
    """

    values: Mapping[str, float]
    effects: Mapping[str, Mapping[str, float]]
    rules: tuple[Rule, ...]


def score(coefficients: Coefficients, readings: Mapping[str, float], *, edit: bool) -> Scores | None:
    """Scores of one candidate from `specialist.quantity` → value, or None when no base reading is there."""
    values: dict[str, float] = {}
    effects: dict[str, dict[str, float]] = {}
    for name in coefficients.edit_dimensions if edit else coefficients.dimensions:
        dimension = coefficients.dimensions[name]
        if dimension.base not in readings:
            continue
        total = readings[dimension.base] + dimension.offset
        effects[name] = {dimension.base: readings[dimension.base]}
        for key, weight in dimension.coefficients.items():
            scale = coefficients.readings[key]
            total += weight * scale.mean
            if scale.reading in readings and weight and not (edit and scale.of_prompt):
                effect = weight * (scale.standardise(readings[scale.reading]) - scale.mean)
                # One reading may enter twice, with other limits.
                effects[name][scale.reading] = effects[name].get(scale.reading, 0.0) + effect
                total += effect
        values[name] = _clip(total)
    if not values:
        return None
    rules = holding(coefficients.edit_rules, readings) if edit else ()
    together = {name: sum(part.get(name, 0.0) for part in effects.values()) / len(values) for name in _keys(effects)}
    for rule in rules:
        together[rule.reading] = together.get(rule.reading, 0.0) + rule.effect
    overall = sum(values.values()) / len(values) + sum(rule.effect for rule in rules)
    return Scores({**values, OVERALL: _clip(overall)}, {**effects, OVERALL: together}, rules)


def holding(rules: Collection[Rule], readings: Mapping[str, float]) -> tuple[Rule, ...]:
    """The rules that hold, at most one of a reading: the first."""
    found: dict[str, Rule] = {}
    for rule in rules:
        value = readings.get(rule.reading)
        if value is not None and (value < rule.limit if rule.side == "below" else value > rule.limit):
            found.setdefault(rule.reading, rule)
    return tuple(found.values())


def _keys(effects: Mapping[str, Mapping[str, float]]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name for part in effects.values() for name in part))


def _clip(value: float) -> float:
    return round(min(max(value, BAD), EXCELLENT), 4)
