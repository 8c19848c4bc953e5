"""The judge that needs no VLM: a small linear model over the readings of specialists, called "embedded".

Its coefficients stand in `embedded.json` with the data they were fitted on; `python -m autorater_evals.fit_embedded`
fits them again. It says in every rationale that no VLM looked, and abstains when nothing was measured.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from math import exp

from autorater.assessment import Assessment, show
from autorater.canonical import Record, digest_of
from autorater.card import Card
from autorater.errors import UsageError
from autorater.judgment import Pass
from autorater.request import LETTERS, Request
from autorater.verdict import Citation, Verdict

NOTICE = "No VLM looked at the images: this is decided by a fitted model over specialists' readings."


class Scale(Record):
    """How one reading enters the model: z = direction × (clipped value − centre) / scale."""

    reading: str
    """`specialist.quantity`."""
    centre: float
    scale: float
    low: float
    high: float
    direction: int
    mean: float
    """The z that stands for a missing reading: its mean on the data of the fit."""


class Dimension(Record):
    """One dimension: base reading + offset + Σ coefficient × z, clipped to 1..5 (a human mean, higher is better)."""

    base: str
    offset: float
    coefficients: dict[str, float]
    fallback: float
    """The value that stands for a missing base reading: the mean of the fit."""
    tau: float
    """P(a over b) = 1 / (1 + exp(−(a − b) / tau))."""


class Rule(Record):
    """For edits: `effect` is added to the overall score (1..5) when the reading is on the named side of `limit`."""

    reading: str
    side: str
    limit: float
    effect: float
    words: str


class Coefficients(Record):
    """All that the embedded judge knows."""

    provenance: dict[str, str]
    readings: dict[str, Scale]
    dimensions: dict[str, Dimension]
    overall_tau: float
    tie_band: float
    """Probabilities within this of 0.5 are a tie."""
    edit_dimensions: tuple[str, ...]
    edit_rules: tuple[Rule, ...]


@cache
def read_coefficients() -> Coefficients:
    """The coefficients that come with the package."""
    file = resources.files("autorater") / "embedded.json"
    return Coefficients.model_validate_json(file.read_text(encoding="utf-8"))


@dataclass(frozen=True)
class Scores:
    """What one candidate got: dimension → 1..5, the overall, how it came about, and the readings that were used."""

    dimensions: Mapping[str, float]
    overall: float
    used: Mapping[str, float]
    words: tuple[str, ...]


class SpecialistJudge:
    """Decides from assessments alone. `criterion` is "overall" (the mean of the dimensions) or one dimension."""

    def __init__(self, *, criterion: str = "overall", coefficients: Coefficients | None = None) -> None:
        self.coefficients = coefficients or read_coefficients()
        self.criterion = criterion
        if criterion not in ("overall", *self.coefficients.dimensions):
            known = ", ".join(("overall", *self.coefficients.dimensions))
            raise UsageError(f"the embedded judge decides by one of {known}; got {criterion!r}")

    def reads(self, *, edit: bool) -> tuple[str, ...]:
        """The specialists whose readings decide, sorted."""
        names = {scale.reading for scale in self.coefficients.readings.values()}
        names |= {dimension.base for dimension in self.coefficients.dimensions.values()}
        if edit:
            names |= {rule.reading for rule in self.coefficients.edit_rules}
        return tuple(sorted({name.partition(".")[0] for name in names}))

    @property
    def digest(self) -> str:
        """The sha256 of the coefficients and the criterion."""
        return digest_of({"coefficients": self.coefficients.model_dump(mode="json"), "criterion": self.criterion})

    async def __call__(
        self, request: Request, assessments: Sequence[Assessment], cards: Mapping[str, Card], /
    ) -> list[Pass]:
        """One pass; the order of the candidates does not enter."""
        letters = LETTERS[: len(request.candidates)]
        scores = {letter: self.score(readings_of(assessments, letter), edit=request.edit) for letter in letters}
        if not any(item.used for item in scores.values()):
            why = "none of the specialists it reads has a reading (install the extra: embedded)"
            return [Pass(order="", outcome="abstained", detail=f"the embedded judge abstains: {why}", cost=0.0)]
        verdict, chance, value = self._decide(scores, request)
        dimensions = {letter: {**item.dimensions, "overall": item.overall} for letter, item in scores.items()}
        verdict = verdict.model_copy(update={"citations": tuple(self._cite(scores)), "dimensions": dimensions})
        return [
            Pass(
                order="",
                outcome="tie" if verdict.preference == "tie" else "scored",
                verdict=verdict,
                probability=chance,
                score=value,
                method="fitted",
                cost=0.0,
            )
        ]

    def score(self, readings: Mapping[str, float], *, edit: bool) -> Scores:
        """Scores of one candidate from `specialist.quantity` → value."""
        used: dict[str, float] = {}

        def z(name: str) -> float:
            scale = self.coefficients.readings[name]
            if scale.reading not in readings:
                return scale.mean
            used[scale.reading] = readings[scale.reading]
            clipped = min(max(readings[scale.reading], scale.low), scale.high)
            return scale.direction * (clipped - scale.centre) / scale.scale

        wanted = self.coefficients.edit_dimensions if edit else tuple(self.coefficients.dimensions)
        dimensions: dict[str, float] = {}
        for name in wanted:
            part = self.coefficients.dimensions[name]
            base = readings.get(part.base, part.fallback)
            if part.base in readings:
                used[part.base] = base
            total = base + part.offset + sum(weight * z(reading) for reading, weight in part.coefficients.items())
            dimensions[name] = round(min(max(total, 1.0), 5.0), 4)
        overall = sum(dimensions.values()) / len(dimensions)
        words: list[str] = []
        for rule in self.coefficients.edit_rules if edit else ():
            value = readings.get(rule.reading)
            if value is not None and (value < rule.limit if rule.side == "below" else value > rule.limit):
                used[rule.reading] = value
                overall += rule.effect
                words.append(rule.words)
        return Scores(dimensions, round(min(max(overall, 1.0), 5.0), 4), used, tuple(words))

    def _decide(self, scores: Mapping[str, Scores], request: Request) -> tuple[Verdict, float | None, float | None]:
        by = {letter: self._value(item) for letter, item in scores.items()}
        if request.task == "rate":
            score = 1 + (by["a"] - 1) * 9 / 4
            rationale = self._explain(scores, request, f"Scored {score:.1f} of 10.")
            return Verdict(rationale=rationale, score=round(score)), None, round(score, 3)
        gap = by["a"] - by["b"]
        tau = self.coefficients.overall_tau
        if self.criterion != "overall":
            tau = self.coefficients.dimensions[self.criterion].tau
        chance = round(1 / (1 + exp(-gap / tau)), 6)
        near = abs(chance - 0.5) < self.coefficients.tie_band
        preferred = "tie" if near else "a" if chance > 0.5 else "b"
        lead = "A tie: the scores are too close." if near else f"Image {preferred} is preferred."
        rationale = self._explain(scores, request, f"{lead} P(a preferred) = {chance:.2f}.")
        return Verdict(rationale=rationale, preference=preferred), chance, None

    def _value(self, scores: Scores) -> float:
        return scores.overall if self.criterion == "overall" else scores.dimensions[self.criterion]

    def _explain(self, scores: Mapping[str, Scores], request: Request, lead: str) -> str:
        names = next(iter(scores.values())).dimensions
        parts = [
            f"{name.replace('_', ' ')} {' against '.join(f'{item.dimensions[name]:.2f}' for item in scores.values())}"
            for name in names
        ]
        told = [f"Predicted human means of 1 to 5 ({' against '.join(scores)}): {', '.join(parts)}."]
        if len(scores) == 2:
            told.extend(self._contrast(scores))
        for letter, item in scores.items():
            told.extend(f"Image {letter}: {word}." for word in item.words)
        if request.edit:
            told.append("Whether the instruction was followed was not seen; the rules for edits are set by hand.")
        return " ".join([lead, *told, NOTICE])

    def _contrast(self, scores: Mapping[str, Scores]) -> Iterator[str]:
        """The readings that differ most in effect between the two candidates."""
        first, second = (item.used for item in scores.values())
        effects: list[tuple[float, str]] = []
        for name in sorted(first.keys() & second.keys()):
            effect = self._effect(name, first[name]) - self._effect(name, second[name])
            effects.append((effect, f"{name} {show(first[name])} against {show(second[name])}"))
        deciding = sorted((item for item in effects if item[0]), key=lambda item: -abs(item[0]))[:4]
        if deciding:
            yield "What tells most: " + "; ".join(words for _, words in deciding) + "."

    def _effect(self, reading: str, value: float) -> float:
        """What a reading adds to the deciding score."""
        total = 0.0
        wanted = self.coefficients.dimensions if self.criterion == "overall" else [self.criterion]
        for name in wanted:
            part = self.coefficients.dimensions[name]
            total += value if part.base == reading else 0.0
            for short, weight in part.coefficients.items():
                scale = self.coefficients.readings[short]
                if scale.reading == reading:
                    total += weight * scale.direction * (min(max(value, scale.low), scale.high)) / scale.scale
        return total / len(list(wanted))

    def _cite(self, scores: Mapping[str, Scores]) -> Iterator[Citation]:
        for letter, item in scores.items():
            for name, value in sorted(item.used.items()):
                yield Citation(assessment=f"{name}@{letter}", quote=show(value))


def readings_of(assessments: Sequence[Assessment], letter: str) -> dict[str, float]:
    """`specialist.quantity` → value, of one candidate."""
    return {
        f"{assessment.specialist}.{reading.quantity}": reading.value
        for assessment in assessments
        if assessment.candidate == letter and assessment.outcome.kind == "measured"
        for reading in assessment.outcome.readings
    }
