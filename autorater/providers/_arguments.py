"""Which sampling arguments a call carries: what the model takes, less what its server turned out to refuse."""

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from autorater.errors import ProviderError
from autorater.model import Capability, Question, Reply

TOP_LOGPROBS = 5
"""Likeliest tokens asked for at each place."""

_NAMES = {
    "temperature": re.compile(r"temperature", re.I),
    "seed": re.compile(r"\bseed\b", re.I),
    "logprobs": re.compile(r"log_?prob", re.I),
    "effort": re.compile(r"effort|thinking|reasoning", re.I),
    "schema": re.compile(r"response_format|json_schema|guided|grammar|structured.?output", re.I),
}
_TOOLS = re.compile(r"\btools?\b|\btool_|function.?call", re.I)
_UNSUPPORTED = re.compile(
    r"(un|not |n't |in)support|not (permitted|allowed|available|enabled|accepted|recogni[sz]ed|implemented)"
    r"|unknown|unrecogni[sz]ed|unexpected|deprecated|removed|only the default|extra inputs|requires --",
    re.I,
)


def refuses_tools(error: ProviderError) -> bool:
    """Whether a server's complaint says that it takes no tools."""
    complaint = str(error)
    return error.status in (400, 422, 500, 501) and bool(_UNSUPPORTED.search(complaint) and _TOOLS.search(complaint))


@dataclass(frozen=True, slots=True)
class Drawn:
    """The sampling arguments of one call; None is not sent. `schema` says whether the server is given the schema."""

    temperature: float | None
    seed: int | None
    effort: str | None
    logprobs: bool
    schema: bool
    max_output_tokens: int
    warnings: tuple[str, ...]

    def named_in(self, error: ProviderError) -> str:
        """The argument that a server's complaint (400 or 422) names as unsupported, if it was sent; else ""."""
        complaint = str(error)
        if error.status not in (400, 422) or not _UNSUPPORTED.search(complaint):
            return ""
        sent = {
            "temperature": self.temperature is not None,
            "seed": self.seed is not None,
            "logprobs": self.logprobs,
            "effort": self.effort is not None,
            "schema": self.schema,
        }
        return next((name for name, pattern in _NAMES.items() if sent[name] and pattern.search(complaint)), "")


@dataclass(slots=True)
class Arguments:
    """What one model takes. `refused` grows during its life: argument → what its server said."""

    name: str
    schema_may_go: bool = False
    """Whether the schema may move from the request to the prompt when the server refuses it."""
    refused: dict[str, str] = field(default_factory=dict[str, str])

    def draw(self, question: Question, takes: Capability) -> Drawn:
        """The arguments for `question`; each one dropped is told in `warnings`.

        Log probabilities are asked for by default "where the model gives them": that a model gives none is told only
        when the caller asked in so many words; of free text and calls, which no label stands in, none are asked for.
        The seed is moved on by the sample's number, or all would be equal.
        """
        sampling = question.sampling
        wants_logprobs = sampling.logprobs and bool(question.schema)
        asked_for_logprobs = sampling.logprobs and "logprobs" in sampling.model_fields_set
        wanted: dict[str, tuple[object, bool, bool]] = {  # argument → value, whether it is known to be taken, to tell
            "temperature": (sampling.temperature, takes.temperature, True),
            "seed": (sampling.seed, takes.seed, True),
            "effort": (sampling.effort, bool(takes.efforts) or not takes.known, True),
            "logprobs": (wants_logprobs or None, takes.logprobs, asked_for_logprobs),
        }
        kept: set[str] = set()
        warnings: list[str] = []
        for argument, (value, taken, tell) in wanted.items():
            if value is None:
                continue
            if taken and argument not in self.refused:
                kept.add(argument)
            elif argument in self.refused:
                warnings.append(f"{argument} was dropped: {self.refused[argument]}")
            elif tell:
                shown = "" if value is True else f" {value}"
                warnings.append(f"{argument}{shown} was dropped: {self.name} does not take it")
        if "schema" in self.refused and question.schema:
            warnings.append(f"the schema is in the prompt only: {self.refused['schema']}")
        return Drawn(
            temperature=sampling.temperature if "temperature" in kept else None,
            seed=sampling.seed + question.sample if "seed" in kept and sampling.seed is not None else None,
            effort=sampling.effort if "effort" in kept else None,
            logprobs="logprobs" in kept,
            schema=takes.schema == "strict" and bool(question.schema) and "schema" not in self.refused,
            max_output_tokens=sampling.max_output_tokens,
            warnings=tuple(warnings),
        )

    async def ask(
        self, question: Question, takes: Capability, call: Callable[[Question, Drawn], Awaitable[Reply]]
    ) -> Reply:
        """`call` with the arguments drawn; once more without each that the server names as unsupported."""
        while True:
            drawn = self.draw(question, takes)
            try:
                return await call(question, drawn)
            except ProviderError as error:
                named = drawn.named_in(error)
                if not named or named in self.refused or (named == "schema" and not self.schema_may_go):
                    raise
                self.refused[named] = str(error)
