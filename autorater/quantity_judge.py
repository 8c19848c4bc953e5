"""The plainest judge: one reading of one specialist decides. The baselines of the papers are judges of this kind."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from autorater.assessment import Assessment, Quantity, show
from autorater.canonical import digest_of
from autorater.card import Card
from autorater.errors import UsageError
from autorater.evidence import Drawing
from autorater.judgment import Pass
from autorater.request import LETTERS, Request
from autorater.suggest import did_you_mean
from autorater.verdict import SCALE, Citation, Verdict

NOTICE = "No VLM looked at the images: one reading of one specialist decides."


@dataclass(frozen=True)
class QuantityJudge:
    """Prefers the candidate with the better reading; rates by the reading's place between its bounds."""

    specialist: str
    quantity: Quantity

    def reads(self, *, edit: bool) -> tuple[str, ...]:
        """The one specialist whose reading decides."""
        return (self.specialist,)

    @property
    def name(self) -> str:
        """`specialist.quantity`."""
        return f"{self.specialist}.{self.quantity.name}"

    @property
    def digest(self) -> str:
        """The sha256 of what decides."""
        return digest_of({"specialist": self.specialist, "quantity": self.quantity.model_dump(mode="json")})

    async def __call__(
        self,
        request: Request,
        assessments: Sequence[Assessment],
        cards: Mapping[str, Card],
        drawings: Sequence[Drawing] = (),
        /,
    ) -> list[Pass]:
        """One pass; the order of the candidates does not enter."""
        letters = LETTERS[: len(request.candidates)]
        own = {item.candidate: item for item in assessments if item.specialist == self.specialist}
        values: dict[str, float] = {}
        for letter in letters:
            value = own[letter].value(self.quantity.name) if letter in own else None
            if value is None:
                why = own[letter].absence or "the reading is absent" if letter in own else "it was not run"
                told = f"{self.name} has no reading (image {letter}: {why})"
                return [Pass(order="", outcome="abstained", detail=told, cost=0.0)]
            values[letter] = value
        return [self._rate(values["a"]) if request.task == "rate" else self._compare(values)]

    def _rate(self, value: float) -> Pass:
        low, high = self.quantity.low, self.quantity.high
        if low is None or high is None:
            why = f"{self.name} = {show(value)} has no bounds: it tells which image is better, not how good one is"
            return Pass(order="", outcome="abstained", detail=why, cost=0.0)
        share = (value - low) / (high - low)
        share = 1 - share if self.quantity.better == "lower" else share
        points = SCALE[0] + share * (SCALE[1] - SCALE[0])
        said = f"{self.name} is {show(value)} ({self.quantity.describe()})."
        verdict = Verdict(
            citations=(Citation(assessment=f"{self.name}@a", quote=show(value)),),
            rationale=f"Scored {points:.1f} of {SCALE[1]}: {said} {NOTICE}",
            score=round(points),
        )
        return Pass(order="", outcome="scored", verdict=verdict, score=round(points, 4), method="reading", cost=0.0)

    def _compare(self, values: Mapping[str, float]) -> Pass:
        one, other = (value if self.quantity.better == "higher" else -value for value in values.values())
        preferred = "tie" if one == other else "a" if one > other else "b"
        lead = "A tie" if preferred == "tie" else f"Image {preferred} is preferred"
        said = f"{self.name} is {' against '.join(show(value) for value in values.values())}"
        verdict = Verdict(
            citations=tuple(
                Citation(assessment=f"{self.name}@{letter}", quote=show(value)) for letter, value in values.items()
            ),
            rationale=f"{lead}: {said} ({self.quantity.describe()}). {NOTICE}",
            preference=preferred,
        )
        chance = {"a": 1.0, "b": 0.0, "tie": 0.5}[preferred]
        outcome = "tie" if preferred == "tie" else "scored"
        return Pass(order="", outcome=outcome, verdict=verdict, probability=chance, method="reading", cost=0.0)


def read_quantity(criterion: str, cards: Mapping[str, Card]) -> QuantityJudge:
    """The judge by `specialist.quantity`, or by `specialist.` with its only quantity that has a direction.

    Raises:
        UsageError: there is no such reading among the cards that are ready, or it has no direction.

    """
    specialist, _, name = criterion.partition(".")
    if specialist not in cards:
        raise UsageError(f"no specialist that is ready is called {specialist!r}; {did_you_mean(specialist, cards)}")
    directed = {item.name: item for item in cards[specialist].meta.quantities if item.better != "neither"}
    if not name and len(directed) == 1:
        return QuantityJudge(specialist, next(iter(directed.values())))
    if name not in directed:
        known = ", ".join(f"{specialist}.{quantity}" for quantity in directed) or "none that has a direction"
        raise UsageError(f"expected a reading of {specialist} that can be better or worse ({known}), got {criterion!r}")
    return QuantityJudge(specialist, directed[name])
