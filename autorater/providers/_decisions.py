"""What the Decisions APIs of OpenAI and Google share: the last field of a schema posed as a choice or a score."""

import json
from dataclasses import dataclass
from typing import Any, Literal, cast

from autorater.errors import Unavailable, UsageError
from autorater.messages import Conversation
from autorater.model import Question


@dataclass(frozen=True, slots=True)
class Decision:
    """The field to decide: `labels` are its values, in order for a score."""

    field: str
    kind: Literal["choice", "score"]
    labels: tuple[str, ...]

    @property
    def instructions(self) -> str:
        """The question itself; what it rests on stands in the conversation."""
        if self.kind == "score":
            worst, best = self.labels[0], self.labels[-1]
            return f'Give the value of "{self.field}" by the instructions: {worst} is worst, {best} is best.'
        return f'Give the value of "{self.field}" by the instructions.'

    def answer(self, probabilities: dict[str, float], *, name: str) -> str:
        """The likeliest label as the JSON of the field alone.

        Raises:
            Unavailable: the provider gave no probabilities for the labels.

        """
        if not probabilities or not set(probabilities) <= set(self.labels):
            raise Unavailable(f"{name}: expected probabilities of {', '.join(self.labels)}, got {probabilities}")
        best = max(probabilities, key=lambda label: probabilities[label])
        return json.dumps({self.field: int(best) if self.kind == "score" else best})


def decision_of(question: Question, *, name: str) -> Decision:
    """What `question` asks for, read from the last property of its schema.

    Raises:
        UsageError: that property is neither an enumeration of 2 or more texts nor a whole number with two bounds.

    """
    properties = cast("dict[str, dict[str, Any]]", question.schema.get("properties") or {"": {}})
    field, form = next(reversed(properties.items()))
    values = form.get("enum")
    if isinstance(values, list) and len(cast("list[Any]", values)) > 1:
        return Decision(field, "choice", tuple(str(value) for value in cast("list[Any]", values)))
    low, high = form.get("minimum"), form.get("maximum")
    if form.get("type") == "integer" and isinstance(low, int) and isinstance(high, int) and 1 <= high - low <= 9:
        return Decision(field, "score", tuple(str(level) for level in range(low, high + 1)))
    raise UsageError(
        f"{name} decides between choices or gives a score of 2 to 10 levels; the last field of the schema, {field!r}, "
        "is neither: use a model that writes"
    )


def warnings_of(question: Question, *, name: str) -> tuple[str, ...]:
    """What of the sampling is dropped: a decision is not drawn."""
    sampling = question.sampling
    given = {"temperature": sampling.temperature, "seed": sampling.seed, "effort": sampling.effort}
    return tuple(
        f"{argument} {value} was dropped: {name} does not take it"
        for argument, value in given.items()
        if value is not None
    )


def check_first_turn(conversation: Conversation, *, name: str) -> None:
    """Refuse a conversation that has an answer in it: there is nothing to mend in a decision.

    Raises:
        UsageError: the conversation has an assistant's turn.

    """
    if any(turn.role == "assistant" for turn in conversation.turns):
        raise UsageError(f"{name} decides once and takes no earlier answers: ask it with the user's turns only")
