"""One VLM behind one provider: what it is asked, what it answers, what it can do, and how it is opened by name."""

import importlib
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol, TypeAlias

from autorater.canonical import Record
from autorater.errors import MissingExtraError, UsageError
from autorater.image import Fit
from autorater.messages import Conversation, Tool
from autorater.suggest import did_you_mean

Finish: TypeAlias = Literal["stop", "length", "refusal", "other"]


class Usage(Record):
    """Tokens of one or more calls. `input` includes what was read from a cache; `output` includes reasoning."""

    input: int = 0
    output: int = 0
    cached: int = 0
    """The part of `input` that the provider read from its cache."""
    written: int = 0
    """The part of `input` that the provider wrote to its cache, which some charge for."""
    reasoning: int = 0
    """The part of `output` that the model spent on reasoning."""

    def __add__(self, other: "Usage") -> "Usage":
        return Usage(
            input=self.input + other.input,
            output=self.output + other.output,
            cached=self.cached + other.cached,
            written=self.written + other.written,
            reasoning=self.reasoning + other.reasoning,
        )


class Token(Record):
    """One token of the answer with the log probabilities (natural) of the likeliest tokens at its place."""

    text: str
    logprob: float
    top: dict[str, float] = {}
    """Token text → log probability, this one included."""


class Sampling(Record):
    """How the answer is drawn; null leaves it to the model. What a model does not take is dropped with a warning."""

    temperature: float | None = None
    seed: int | None = None
    effort: str | None = None
    """Reasoning effort by the provider's own word ("none", "low", "medium", "high", …)."""
    max_output_tokens: int = 4096
    logprobs: bool = True
    """Ask for log probabilities where the model gives them."""


@dataclass(frozen=True, slots=True)
class Question:
    """One call: the conversation, the schema that the answer must fill, and how it is drawn.

    `schema_digest` is the sha256 of the schema's canonical JSON. `sample` numbers repeated calls that are otherwise
    equal, from 0.
    """

    conversation: Conversation
    schema_name: str
    schema: dict[str, Any]
    schema_digest: str = ""
    sampling: Sampling = field(default_factory=Sampling)
    sample: int = 0
    tools: tuple[Tool, ...] = ()
    """What the model may call. With tools and an empty `schema` the model calls tools or answers in free text; with a
    schema it calls none, and the tools only explain the calls that are in the conversation."""


class Called(Record):
    """A tool that the model asked for. `problem` says what was wrong with the arguments, which are then empty."""

    id: str
    name: str
    arguments: dict[str, Any]
    signature: str = ""
    problem: str = ""


class Reply(Record):
    """What came back from one call, in our words; `raw` is the provider's own JSON."""

    text: str
    """The answer, which should be JSON of the schema; "" when the model refused. Beside calls, what it said to them."""
    finish: Finish
    calls: tuple[Called, ...] = ()
    """The tools that the model asks for, in order; only when the question had tools."""
    refusal: str = ""
    """Why the model or its provider declined, in its own words, when `finish` is "refusal"."""
    usage: Usage = Usage()
    served_by: str = ""
    """The model version that answered, as the provider names it."""
    request_id: str = ""
    tokens: tuple[Token, ...] = ()
    """Log probabilities of the answer's tokens in order, where the model gives them."""
    probabilities: dict[str, float] = {}
    """Choice → calibrated probability, from a provider's Decisions API; empty elsewhere."""
    warnings: tuple[str, ...] = ()
    """What was dropped or changed to make the call possible."""
    batch: str = ""
    """The provider's batch that the answer came with, at half price; "" for a call of its own."""
    raw: dict[str, Any] = {}


@dataclass(frozen=True, slots=True)
class Capability:
    """What one model takes and gives. The row for an unknown model is conservative.

    `image_tokens` says in words how an image is counted; `capability.image_tokens()` computes it.
    """

    fit: Fit = field(default_factory=Fit)
    max_images: int = 16
    schema: Literal["strict", "prompt"] = "strict"
    """Whether the provider enforces the schema, or we can only ask for it in the prompt."""
    temperature: bool = True
    seed: bool = True
    logprobs: bool = False
    tools: bool = False
    """Whether it takes tools natively; without, a structured answer that names a tool does the same."""
    efforts: tuple[str, ...] = ()
    image_tokens: str = "unknown"
    known: bool = True


class Model(Protocol):
    """One VLM behind one provider."""

    @property
    def name(self) -> str:
        """The name it was opened by, as `provider:model`."""
        ...

    @property
    def capability(self) -> Capability:
        """What it takes and gives."""
        ...

    async def ask(self, question: Question) -> Reply:
        """Make one call, without retries.

        Raises:
            RateLimited, Unavailable: worth a retry.
            ProviderError: an error that a retry does not mend.
        A refusal is a Reply whose `finish` is "refusal".

        """
        ...


PROVIDERS = {
    "openai": ("autorater.providers.openai:OpenAIModel", "openai"),
    "anthropic": ("autorater.providers.anthropic:AnthropicModel", "anthropic"),
    "google": ("autorater.providers.google:GoogleModel", "google"),
    "compatible": ("autorater.providers.compatible:CompatibleModel", "openai"),
    "transformers": ("autorater.providers.transformers:TransformersModel", "transformers"),
    "openai-decisions": ("autorater.providers.openai_decisions:OpenAIDecisions", "openai"),
    "google-decisions": ("autorater.providers.google_decisions:GoogleDecisions", "google"),
}
"""Provider name → ("module:Class", the extra that brings its SDK). Nothing is imported until a model is opened."""
BATCHED = ("openai", "anthropic", "google")
"""The providers whose batch API can be used: they take `mailing`."""


def open_model(name: str, **settings: Any) -> Model:
    """Open `provider:model`. `settings` go to the adapter (api_key, base_url, timeout in seconds).

    Raises:
        UsageError: the name is not `provider:model`, the provider is unknown, or no key is set.
        MissingExtraError: the provider's package is not installed.

    """
    provider, colon, model = name.partition(":")
    if not colon or not model:
        raise UsageError(f"expected a model as provider:model (openai:gpt-6.1-terra) or 'embedded', got {name!r}")
    if provider not in PROVIDERS:
        raise UsageError(f"unknown provider {provider!r} in {name!r}; {did_you_mean(provider, PROVIDERS)}")
    entry, extra = PROVIDERS[provider]
    module, _, class_name = entry.partition(":")
    try:
        opened: Model = getattr(importlib.import_module(module), class_name)(model, **settings)
    except ModuleNotFoundError as error:
        raise MissingExtraError(f"{provider}: ({error.name} is missing)", extra=extra) from error
    return opened
