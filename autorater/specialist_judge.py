"""The judge that needs no VLM: a small linear model over the readings of specialists, called "embedded".

It says in every rationale that no VLM looked and what was missing, and abstains when the heads have no reading. What
was not read on both sides of a comparison is used on neither. `autorater.embedded` has the model.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import exp

from autorater.assessment import Assessment, show
from autorater.canonical import digest_of
from autorater.card import Card
from autorater.embedded import OVERALL, Coefficients, Scores, read_coefficients, score
from autorater.errors import UsageError
from autorater.evidence import Drawing
from autorater.judgment import Pass
from autorater.request import LETTERS, Request
from autorater.verdict import LEVELS, Citation, Verdict

NOTICE = "No VLM looked at the images: this is decided by a fitted model over specialists' readings."
ATTRIBUTE_OF = {"appeal": "aesthetics", "prompt_matching": "object_adherence", OVERALL: "overall"}
"""Dimension → the attribute that asks the same of people."""
MUCH = 1.0
"""A whole step of the raters' five-level scale is "much better"."""
TOLD = 4
"""At most this many readings are told on each side of a decision."""


@dataclass(frozen=True)
class Found:
    """What the judge has to decide by: the readings that count, the scores they give, and what was not read."""

    readings: Mapping[str, Mapping[str, float]]
    """Candidate → `specialist.quantity` → value, the same readings for each."""
    scores: Mapping[str, Scores]
    missing: tuple[str, ...]


class SpecialistJudge:
    """Decides from assessments alone. `criterion` is "overall" (the mean of the dimensions) or one dimension."""

    def __init__(self, *, criterion: str = OVERALL, coefficients: Coefficients | None = None) -> None:
        self.coefficients = coefficients or read_coefficients()
        self.criterion = criterion
        if criterion not in (OVERALL, *self.coefficients.dimensions):
            known = ", ".join((OVERALL, *self.coefficients.dimensions))
            raise UsageError(
                f"the embedded judge decides by one of {known}, or by a reading (sharpness.detail); got {criterion!r}"
            )

    def reads(self, *, edit: bool) -> tuple[str, ...]:
        """The specialists whose readings decide, sorted."""
        return tuple(sorted({name.partition(".")[0] for name in self.coefficients.names(edit=edit)}))

    @property
    def digest(self) -> str:
        """The sha256 of the coefficients and the criterion."""
        return digest_of({"coefficients": self.coefficients.model_dump(mode="json"), "criterion": self.criterion})

    async def __call__(
        self,
        request: Request,
        assessments: Sequence[Assessment],
        cards: Mapping[str, Card],
        drawings: Sequence[Drawing] = (),
        /,
    ) -> list[Pass]:
        """One pass; the order of the candidates does not enter."""
        found = self.find(request, assessments)
        if isinstance(found, str):
            return [Pass(order="", outcome="abstained", detail=f"the embedded judge abstains: {found}", cost=0.0)]
        dimensions = {letter: dict(item.values) for letter, item in found.scores.items()}
        if request.task == "rate":
            return [self._rate(found, dimensions, edit=request.edit)]
        return [self._compare(found, dimensions, edit=request.edit)]

    def find(self, request: Request, assessments: Sequence[Assessment]) -> Found | str:
        """The readings that every candidate has and the scores they give, or why there are none."""
        letters = LETTERS[: len(request.candidates)]
        wanted = self.coefficients.names(edit=request.edit)
        every = {letter: readings_of(assessments, letter) for letter in letters}
        common = [name for name in wanted if all(name in readings for readings in every.values())]
        readings = {letter: {name: every[letter][name] for name in common} for letter in letters}
        scores = {letter: score(self.coefficients, readings[letter], edit=request.edit) for letter in letters}
        there = {letter: item for letter, item in scores.items() if item is not None}
        missing = tuple(self._absences(wanted, common, assessments, letters))
        if len(there) < len(letters):
            return f"the predicted ratings that it starts from are missing ({'; '.join(missing)})"
        if any(self.criterion not in item.values for item in there.values()):
            why = "it says nothing of edits" if request.edit else "; ".join(missing)
            return f"there is no score for {self.criterion.replace('_', ' ')} ({why})"
        return Found(readings, there, missing)

    def _rate(self, found: Found, dimensions: dict[str, dict[str, float]], *, edit: bool) -> Pass:
        scores = next(iter(found.scores.values()))
        value = scores.values[self.criterion]
        points = 1 + (value - 1) * 9 / 4
        what = f"the predicted mean rating ({self.criterion.replace('_', ' ')}) is {value:.2f}"
        told = self._influences(scores)
        lead = f"Scored {points:.1f} of 10: {what}, where 1 is bad and 5 excellent."
        parts = [lead, self._dimensions(found)]
        for word, sign in (("Raised by", 1), ("Lowered by", -1)):
            if names := [name for name, effect in told if effect * sign > 0]:
                parts.append(f"{word} {'; '.join(self._name(found, name) for name in names)}.")
        verdict = Verdict(
            dimensions=dimensions,
            attributes={ATTRIBUTE_OF[n]: LEVELS[int(v - 0.5)] for n, v in scores.values.items() if n in ATTRIBUTE_OF},
            citations=tuple(self._cite(found, [*self._bases(scores), *(name for name, _ in told)])),
            rationale=" ".join([*parts, *self._close(found, edit=edit)]),
            score=round(points),
        )
        return Pass(order="", outcome="scored", verdict=verdict, score=round(points, 3), method="fitted", cost=0.0)

    def _compare(self, found: Found, dimensions: dict[str, dict[str, float]], *, edit: bool) -> Pass:
        first, second = found.scores.values()
        one, other = first.values[self.criterion], second.values[self.criterion]
        gap, tau = one - other, self._tau(self.criterion)
        chance = round(1 / (1 + exp(-gap / tau)), 6)
        preferred = "tie" if abs(gap) < tau / 2 else "a" if gap > 0 else "b"
        lead = "A tie: the scores are too close" if preferred == "tie" else f"Image {preferred} is preferred"
        what = f"predicted mean rating ({self.criterion.replace('_', ' ')}) {one:.2f} against {other:.2f} of 5"
        told = self._contrasts(first, second)
        sign = 1 if gap > 0 else -1
        decides = [name for name, effect in told if effect * sign > 0][:TOLD]
        against = [name for name, effect in told if effect * sign < 0][:TOLD]
        parts = [f"{lead}: {what}; P(a preferred) = {chance:.2f}.", self._dimensions(found)]
        for word, names in (("What tells most", decides), ("Against it", against)):
            if names:
                parts.append(f"{word}: {'; '.join(self._name(found, name) for name in names)}.")
        levels = {name: self._relative(name, first.values[name] - second.values[name]) for name in first.values}
        verdict = Verdict(
            dimensions=dimensions,
            attributes={ATTRIBUTE_OF[name]: level for name, level in levels.items() if name in ATTRIBUTE_OF},
            citations=tuple(self._cite(found, [*decides, *against])),
            rationale=" ".join([*parts, *self._close(found, edit=edit)]),
            preference=preferred,
        )
        outcome = "tie" if preferred == "tie" else "scored"
        return Pass(order="", outcome=outcome, verdict=verdict, probability=chance, method="fitted", cost=0.0)

    def _tau(self, criterion: str) -> float:
        known = self.coefficients.dimensions
        return known[criterion].tau if criterion in known else self.coefficients.overall_tau

    def _relative(self, name: str, gap: float) -> str:
        """The level of a pair, as the VLM judge names it."""
        if abs(gap) < self._tau(name) / 2:
            return "same"
        return f"{'a' if gap > 0 else 'b'}{'_much' if abs(gap) >= MUCH else ''}_better"

    def _bases(self, scores: Scores) -> list[str]:
        return [item.base for name, item in self.coefficients.dimensions.items() if name in scores.values]

    def _influences(self, scores: Scores) -> list[tuple[str, float]]:
        """The readings that move the score of one image most, and by how much; the predicted ratings are not told."""
        bases = self._bases(scores)
        effects = [(name, effect) for name, effect in scores.effects[self.criterion].items() if name not in bases]
        return sorted((item for item in effects if item[1]), key=lambda item: -abs(item[1]))[:TOLD]

    def _contrasts(self, first: Scores, second: Scores) -> list[tuple[str, float]]:
        """The readings by what they add to the first image's score beyond the second's, the greatest first."""
        one, other = first.effects[self.criterion], second.effects[self.criterion]
        # A rule may hold for one image alone; its reading adds nothing to the other.
        gaps = [(name, one.get(name, 0.0) - other.get(name, 0.0)) for name in dict.fromkeys([*one, *other])]
        return sorted((item for item in gaps if item[1]), key=lambda item: -abs(item[1]))

    def _dimensions(self, found: Found) -> str:
        every = list(found.scores.values())
        names = [name for name in every[0].values if name != OVERALL]
        parts = [
            f"{name.replace('_', ' ')} " + " against ".join(f"{item.values[name]:.2f}" for item in every)
            for name in names
        ]
        whose = f" ({' against '.join(found.scores)})" if len(every) > 1 else ""
        return f"By dimension{whose}: {', '.join(parts)}."

    def _name(self, found: Found, reading: str) -> str:
        """The reading in words, with its values and its direction: "BRISQUE 12 against 41 (lower is better)"."""
        values = " against ".join(show(readings[reading]) for readings in found.readings.values())
        scale = next((item for item in self.coefficients.readings.values() if item.reading == reading), None)
        if scale is not None:
            return f"{scale.words} {values} ({'higher' if scale.direction > 0 else 'lower'} is better)"
        if reading in {item.base for item in self.coefficients.dimensions.values()}:
            return f"the {self.coefficients.words(reading)} that the network sees {values} (higher is better)"
        return f"{self.coefficients.words(reading)} {values}"

    def _close(self, found: Found, *, edit: bool) -> Iterator[str]:
        for letter, item in found.scores.items():
            for rule in item.rules:
                value = show(found.readings[letter][rule.reading])
                yield f"Image {letter}: {rule.words} ({self.coefficients.words(rule.reading)} {value})."
        if edit:
            yield "Whether the instruction was followed was not seen; the rules for edits are set by hand."
        if found.missing:
            yield f"Not used: {'; '.join(found.missing)}."
        yield NOTICE

    def _cite(self, found: Found, names: Sequence[str]) -> Iterator[Citation]:
        for letter, readings in found.readings.items():
            for name in dict.fromkeys(names):
                yield Citation(assessment=f"{name}@{letter}", quote=show(readings[name]))

    def _absences(
        self, wanted: Sequence[str], common: Sequence[str], assessments: Sequence[Assessment], letters: Sequence[str]
    ) -> Iterator[str]:
        """Why specialists that are wanted have no reading, once for each specialist."""
        for specialist in dict.fromkeys(name.partition(".")[0] for name in wanted if name not in common):
            said = {item.candidate: item for item in assessments if item.specialist == specialist}
            if not said:
                yield f"{specialist} was not run"
                continue
            reasons = [f"image {x}: {said[x].absence}" for x in letters if x in said and said[x].absence]
            yield f"{specialist} ({', '.join(reasons) or 'a reading is absent'})"


def readings_of(assessments: Sequence[Assessment], letter: str) -> dict[str, float]:
    """`specialist.quantity` → value, of one candidate."""
    return {
        f"{assessment.specialist}.{reading.quantity}": reading.value
        for assessment in assessments
        if assessment.candidate == letter and assessment.outcome.kind == "measured"
        for reading in assessment.outcome.readings
    }
