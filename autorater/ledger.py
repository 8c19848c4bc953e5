"""The one ledger through which every call of a model and of a specialist goes.

A call is named by the sha256 of its canonical request. What is recorded is never made again; what is in flight is
waited for; in a replay, what is not recorded is an error.
"""

import asyncio
import logging
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Any

from autorater.annotate import annotate
from autorater.assessment import Measured
from autorater.budget import Budget
from autorater.cache import Cache, Entry
from autorater.canonical import canonical_json, digest, digest_of
from autorater.capability import image_tokens
from autorater.card import Card
from autorater.errors import AutoRaterError, ProviderError, RateLimited, ReplayMiss, Unavailable
from autorater.events import Asked, Assessed, Drawn
from autorater.image import Picture, fit, fits
from autorater.messages import Text
from autorater.model import Model, Question, Reply, Usage
from autorater.retrying import Retries, with_retries
from autorater.runlog import RunLog, now
from autorater.toolbox import Toolbox, View
from autorater.work import Flights

_log = logging.getLogger(__name__)
_IMAGE = 5000
"""Tokens of an image of a model that nobody knows how to count."""
Pricer = Callable[[str, Usage, str, bool], float | None]
"""(model name, usage, UTC time, whether in a batch) → US dollars, or None when the price is unknown."""


def no_price(model: str, usage: Usage, at: str, batch: bool) -> float | None:
    """Every price is unknown."""
    return None


@dataclass
class Ledger:
    """`log` keeps the record (None: nothing is kept); `replaying` forbids new calls.

    `batched` says that answers come with a provider's batches, long after they were asked for.
    """

    log: RunLog | None = None
    replaying: bool = False
    retries: Retries = field(default_factory=Retries)
    budget: Budget = field(default_factory=Budget)
    price: Pricer = no_price
    cache: Cache | None = None
    batched: bool = False
    calls: int = 0
    """New calls of models made through this ledger."""
    _flights: Flights = field(default_factory=Flights, repr=False)

    async def ask(self, model: Model, question: Question) -> Asked:
        """The recorded or new answer of a model. `error` is set when the provider gave none after all retries.

        Raises:
            ProviderError: the provider refuses this key or model altogether (401, 402, 403, 404).
            BudgetExceeded, ReplayMiss, RecordError.

        """
        request = canonical_question(model, question)
        key = digest_of(request)
        found = self.log.find(Asked, key) if self.log else None
        if found is not None and (self.replaying or not found.error):
            return found
        if self.replaying:
            raise self._miss(key, request, "asked")
        return await self._flights.once(key, lambda: self._ask(model, question, key, request))

    async def _ask(self, model: Model, question: Question, key: str, request: dict[str, Any]) -> Asked:
        if not self.batched:
            self.budget.check()
            return await self._pay_for(model, question, key, request)
        most = Usage(input=most_input(model.name, question), output=question.sampling.max_output_tokens)
        async with self.budget.hold(self.price(model.name, most, now(), True) or 0.0, _kind(model, question)):
            return await self._pay_for(model, question, key, request)

    async def _pay_for(self, model: Model, question: Question, key: str, request: dict[str, Any]) -> Asked:
        limits = model.capability.fit
        pictures = question.conversation.pictures()
        for picture in pictures:
            if not fits(picture, limits):
                await asyncio.to_thread(fit, picture, limits)
        sent = {picture.sha256: fit(picture, limits).sha256 for picture in pictures if not fits(picture, limits)}
        attempts = 0

        async def attempt() -> Reply:
            nonlocal attempts
            attempts += 1
            self.calls += 1
            return await model.ask(question)

        start, at = time.perf_counter(), now()
        reply, error = None, None
        try:
            reply = await with_retries(attempt, self.retries)
        except (RateLimited, Unavailable) as failure:
            error = failure
        except ProviderError as failure:
            if failure.status in (401, 402, 403, 404):
                raise
            error = failure
        cost = self.price(model.name, reply.usage, at, bool(reply.batch)) if reply else 0.0
        self.budget.pay(cost, _kind(model, question))
        asked = Asked(
            key=key,
            cost=cost,
            request=request,
            sent=sent,
            reply=reply,
            error=str(error) if error else "",
            error_kind=type(error).__name__ if error else "",
            attempts=attempts,
            at=at,
            seconds=round(time.perf_counter() - start, 3),
        )
        if self.log:
            self.log.keep_text(question.conversation.system)
            self.log.keep(canonical_json(question.schema), sha256=request["schema"])
            if question.tools:
                self.log.keep(canonical_json(_described(question)), sha256=request["tools"])
            self.log.append(asked)
        return asked

    async def assess(self, card: Card, view: View, *, settings: str, toolbox: Toolbox | None) -> Assessed:
        """The recorded, remembered or new outcome of a specialist. `settings` is the toolbox's digest.

        Raises:
            ReplayMiss, RecordError.

        """
        request = {"specialist": card.name, "card": card.digest, "settings": settings, "view": view.canonical()}
        key = digest_of(request)
        found = self.log.find(Assessed, key) if self.log else None
        if found is not None:
            return found
        if self.replaying or toolbox is None:
            raise self._miss(key, request, "assessed")
        return await self._flights.once(key, lambda: self._assess(toolbox, card, view, key, request))

    async def _assess(self, toolbox: Toolbox, card: Card, view: View, key: str, request: dict[str, Any]) -> Assessed:
        cache = self.cache if toolbox.may_remember(card) else None
        remembered = cache.find(key, card) if cache else None
        if remembered is None:
            outcome, provenance = await asyncio.wrap_future(toolbox.submit(card.name, view))
            if cache and outcome.kind != "failed":
                cache.keep(key, card, Entry(outcome=outcome, provenance=provenance))
        else:
            outcome, provenance = remembered.outcome, remembered.provenance
        assessed = Assessed(key=key, request=request, outcome=outcome, provenance=provenance)
        if self.log:
            self.log.append(assessed)
        return assessed

    async def draw(self, assessed: Assessed, picture: Picture) -> Picture | None:
        """The recorded or new picture of what a specialist found on `picture`; None when there is nothing to draw.

        Raises:
            ReplayMiss, RecordError.

        """
        outcome = assessed.outcome
        if not isinstance(outcome, Measured) or not (outcome.regions or outcome.mask):
            return None
        found = self.log.find(Drawn, assessed.key) if self.log else None
        if found is not None and self.log is not None:
            return self.log.picture(found.picture) if found.picture else None
        if self.replaying:
            what = f"of what {assessed.request['specialist']} found ({assessed.key[:12]})"
            raise ReplayMiss(f"the log holds no picture {what}: record the run again")
        try:
            drawn = await asyncio.to_thread(annotate, picture, outcome)
        except Exception:  # a mask that is no image must not cost the judgment: the finding stands without its picture
            _log.warning("what %s found could not be drawn", assessed.request["specialist"], exc_info=True)
            drawn = None
        if self.log:
            self.log.append(Drawn(key=assessed.key, picture=self.log.keep_picture(drawn) if drawn else None))
        return drawn

    def _miss(self, key: str, request: dict[str, Any], kind: str) -> ReplayMiss:
        from autorater.nearest import describe_miss

        return ReplayMiss(describe_miss(self.log, key, request, kind))


def canonical_question(model: Model, question: Question) -> dict[str, Any]:
    """What a model is asked, by content: the same question gives the same key on every machine."""
    asked: dict[str, Any] = {
        "model": model.name,
        "system": digest(question.conversation.system.encode()),
        "schema": question.schema_digest or digest_of(question.schema),
        "turns": question.conversation.canonical(model.capability.fit),
        "sampling": question.sampling.model_dump(),
        "sample": question.sample,
    }
    return asked | {"tools": digest_of(_described(question))} if question.tools else asked


def _kind(model: Model, question: Question) -> str:
    """Calls that cost about the same."""
    return f"{model.name} {question.schema_name}"


def _described(question: Question) -> list[dict[str, Any]]:
    """The tools that a question offers, as they are recorded."""
    return [asdict(tool) for tool in question.tools]


def most_input(name: str, question: Question) -> int:
    """Tokens that a question has at most, roughly: two characters are one, and images as their provider counts."""
    words = len(canonical_json(question.schema)) + len(question.conversation.system)
    tokens = 0
    for part in (part for turn in question.conversation.turns for part in turn.parts):
        words += len(part.text) if isinstance(part, Text) else 0
    for picture in question.conversation.pictures():
        tokens += image_tokens(name, picture.width, picture.height) or _IMAGE
    return tokens + words // 2


def unreachable(error: AutoRaterError | str) -> str:
    """The words for a pass that got no answer."""
    return f"the provider could not be reached: {error}"
