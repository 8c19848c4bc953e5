"""AutoRater: the front door, sync and async."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterable, Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import aclosing
from functools import partial
from importlib.metadata import version
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import ValidationError

from autorater.budget import Budget
from autorater.cache import Cache, default_cache
from autorater.canonical import digest_of
from autorater.checklist import Checklist, read_checklist
from autorater.devices import check_device
from autorater.document import describe_errors
from autorater.errors import UsageError
from autorater.image import ImageSource, Picture
from autorater.judge import Loop, begin, make_loop
from autorater.judgment import Judgment
from autorater.ledger import Ledger
from autorater.model import Model, Sampling, Usage, open_model
from autorater.prices import Price
from autorater.request import Request, make_request, request_from_row
from autorater.retrying import Retries
from autorater.runlog import RunLog, now
from autorater.selection import Selection, parse_selection
from autorater.settings import AgentLimits, Settings, check_agent, check_mailing, list_price
from autorater.sync import run_sync
from autorater.toolbox import Place, Toolbox
from autorater.vlm_judge import Order, Protocols
from autorater.work import in_parallel

if TYPE_CHECKING:
    from autorater.mailing import Mailing

T = TypeVar("T")
Item = Request | Mapping[str, Any]
"""A request, or an object with the fields of `autorater.request.Row`."""


class AutoRater:
    """An image judge.

    `model` is `provider:model`, an opened `Model`, or "embedded" (the default: no VLM looks, specialists decide).
    `tools` is "auto" (the VLM chooses at most three specialists), "agent" (the VLM calls them itself, step by step,
    within `agent_limits`), "all", "none", or names. `tool_options` are specialist → option → value, where they differ
    from its card. `order` is "both" (each pair is shown twice; a conflict is a tie; the default), "random" or "given".
    `log` is a folder that records the run and resumes it. `max_cost` is a limit in US dollars. `cache=False` measures
    every image anew. `criterion` is what the embedded judge decides by. `places` are specialist → where it runs:
    "here", "worker" (a process of its own), "worker:/path/to/python" or "http://host:8100" (see `autorater tools
    serve`). `batch_api` sends the questions by the provider's batch API, which costs half and answers within a day; it
    needs a log (a `Mailing` tells how long to wait). Other keywords go to the provider's adapter (api_key, base_url,
    timeout).

    Raises:
        UsageError: an argument is wrong, or no key is set for the provider.
        MissingExtraError: the package of the provider or of a named specialist is not installed.
        RecordError: the log belongs to another run, or cannot be written.

    """

    def __init__(
        self,
        model: str | Model = "embedded",
        *,
        tools: str | Sequence[str] = "auto",
        tool_options: Mapping[str, Mapping[str, object]] | None = None,
        agent_limits: AgentLimits | None = None,
        order: Order | None = None,
        samples: int = 1,
        protocol: Protocols = "autorater",
        checklist: str | Path | Checklist | None = None,
        scorer: str | Model | None = None,
        criterion: str = "overall",
        sampling: Sampling | None = None,
        log: str | Path | None = None,
        max_cost: float | None = None,
        price: Price | None = None,
        retries: Retries | None = None,
        cache: bool | Cache = True,
        device: str = "cpu",
        places: Mapping[str, str | Place] | None = None,
        commercial: bool = False,
        allow_urls: bool = False,
        batch_api: "bool | Mailing" = False,
        **provider: Any,
    ) -> None:
        chosen = parse_selection(tools)
        if batch_api:
            provider["mailing"] = check_mailing(model, chosen, log, batch_api)
        opened = None if model == "embedded" else open_model(model, **provider) if isinstance(model, str) else model
        unused = [*provider, *(["checklist"] if checklist else []), *(["scorer"] if scorer else [])]
        if opened is None and unused:
            raise UsageError(f"the embedded judge takes no {', '.join(sorted(unused))}: name a VLM with --model")
        check_agent(chosen, opened, agent_limits)
        check_device(device)
        self.toolbox = Toolbox(device=device, commercial=commercial, options=tool_options, places=places)
        self._require(chosen, criterion)
        read = checklist if isinstance(checklist, Checklist) or checklist is None else read_checklist(checklist)
        try:
            self.settings = Settings(
                selection=chosen,
                order=order,
                samples=samples,
                protocol=protocol,
                checklist=read,
                sampling=sampling,
                agent=agent_limits or AgentLimits(),
            )
        except ValidationError as error:
            raise UsageError(describe_errors(error)) from error
        self.allow_urls = allow_urls
        self.batched = bool(batch_api)
        self.closed = False
        rates = open_model(scorer) if isinstance(scorer, str) else scorer
        self._own = [found for found, given in ((opened, model), (rates, scorer)) if isinstance(given, str)]
        Budget(max_cost)  # refuses a wrong limit before a log is begun
        self.log = RunLog(log, write=True) if log is not None else None
        try:
            self.loop = self._loop(
                opened,
                scorer=rates,
                criterion=criterion,
                budget=Budget(max_cost, spent=self.log.spent if self.log else 0.0),
                price=price,
                retries=retries or Retries(),
                cache=cache if isinstance(cache, Cache) else default_cache() if cache else None,
            )
        except BaseException:
            if self.log is not None:
                self.log.close()
            raise

    def _require(self, chosen: Selection, criterion: str) -> None:
        """Raise unless every specialist that the caller named, for itself or by a place or criterion, can run."""
        named = list(chosen.names)
        if "." in criterion:
            decides = criterion.partition(".")[0]
            if chosen.how in ("fixed", "none") and decides not in named:
                raise UsageError(f"{criterion} decides, and --tools leaves {decides} out: name it there too")
            named.append(decides)
        if chosen.how in ("fixed", "none"):
            if idle := sorted(set(self.toolbox.places) - set(named)):
                raise UsageError(f"a place is given for {', '.join(idle)}, which --tools leaves out: name it there too")
        else:
            named += self.toolbox.places  # whoever names a place wants it used
        self.toolbox.require(list(dict.fromkeys(named)))

    def _loop(
        self,
        model: Model | None,
        *,
        scorer: Model | None,
        criterion: str,
        budget: Budget,
        price: Price | None,
        retries: Retries,
        cache: Cache | None,
    ) -> Loop:
        pricer = partial(list_price, override=price)
        limited = budget.limit is not None or self.settings.agent.cost is not None
        if model is not None and limited and pricer(model.name, Usage(input=1), now()) is None:
            raise UsageError(
                f"the price of {model.name} is not known, so a limit on money cannot be kept: "
                "give it in US dollars for a million tokens in and out by --price 1,5 (in Python: "
                "price=Price(input_per_million=…, output_per_million=…))"
            )
        ledger = Ledger(log=self.log, retries=retries, budget=budget, price=pricer, cache=cache, batched=self.batched)
        loop = make_loop(
            self.settings,
            model=model,
            scorer=scorer,
            criterion=criterion,
            ledger=ledger,
            cards=self.toolbox.ready(),
            toolbox=self.toolbox,
            tool_settings=self.toolbox.settings,
            version=version("autorater-vision"),
        )
        if self.log is not None:
            begin(self.log, loop.settings, loop.cards, loop.version)
        return loop

    # One request ----------------------------------------------------------------------------------------------------

    async def arate(self, image: ImageSource, *, prompt: str, source: Any = None, id: str = "") -> Judgment:
        """Rate one image from 1 to 10."""
        return await self.ajudge(await self._request([image], prompt, source, "rate", id))

    async def acompare(
        self, a: ImageSource, b: ImageSource, *, prompt: str, source: Any = None, id: str = ""
    ) -> Judgment:
        """Compare two images of one prompt; `.preferred` is "a", "b", "tie" or None (see `.outcome`)."""
        return await self.ajudge(await self._request([a, b], prompt, source, "compare", id))

    async def acheck(self, image: ImageSource, *, prompt: str, source: Any = None, id: str = "") -> Judgment:
        """Answer the checklist about one image, without a score. Needs a VLM."""
        return await self.ajudge(await self._request([image], prompt, source, "check", id))

    async def arank(self, images: Sequence[ImageSource], *, prompt: str, source: Any = None, id: str = "") -> Judgment:
        """Rank two or more images by comparing every pair; `.ranking` is best first."""
        return await self.ajudge(await self._request(list(images), prompt, source, "rank", id))

    async def ajudge(self, request: Request) -> Judgment:
        """Judge a request made by `autorater.request.make_request`."""
        if self.closed:
            raise UsageError("this judge is closed: make another AutoRater, with the same log to resume")
        return await self.loop(request)

    async def _request(self, images: list[ImageSource], prompt: str, source: Any, task: Any, id: str) -> Request:
        return await asyncio.to_thread(
            make_request, images, prompt=prompt, source=source, task=task, id=id, allow_urls=self.allow_urls
        )

    def rate(self, image: ImageSource, *, prompt: str, source: Any = None, id: str = "") -> Judgment:
        """As `arate`, from code that is not async; works in a notebook too."""
        return run_sync(self.arate(image, prompt=prompt, source=source, id=id))

    def compare(self, a: ImageSource, b: ImageSource, *, prompt: str, source: Any = None, id: str = "") -> Judgment:
        """As `acompare`, from code that is not async; works in a notebook too."""
        return run_sync(self.acompare(a, b, prompt=prompt, source=source, id=id))

    def check(self, image: ImageSource, *, prompt: str, source: Any = None, id: str = "") -> Judgment:
        """As `acheck`, from code that is not async; works in a notebook too."""
        return run_sync(self.acheck(image, prompt=prompt, source=source, id=id))

    def rank(self, images: Sequence[ImageSource], *, prompt: str, source: Any = None, id: str = "") -> Judgment:
        """As `arank`, from code that is not async; works in a notebook too."""
        return run_sync(self.arank(images, prompt=prompt, source=source, id=id))

    # Many requests --------------------------------------------------------------------------------------------------

    async def judge_all(
        self,
        requests: Iterable[Item] | AsyncIterable[Item],
        *,
        concurrency: int | None = None,
        on_error: Callable[[Item, Exception], None] | None = None,
        folder: str | Path = ".",
    ) -> AsyncGenerator[Judgment, None]:
        """Judge many requests, `concurrency` at a time; yields each judgment when it is done (order is not kept).

        Without `concurrency` eight at a time, or 300 with a batch API.

        Requests are taken one by one as places become free, so a generator of any length is fine. Items of a log that
        are judged already are yielded from it. A request that cannot be used goes to `on_error` when given, and ends
        the iteration otherwise. Relative paths are taken from `folder`.

        Raises:
            BudgetExceeded: the limit on money is reached; run again with the same log to resume.

        """

        async def one(item: Item) -> Judgment:
            request = item if isinstance(item, Request) else await asyncio.to_thread(self._open, item, folder)
            return await self.ajudge(request)

        places = self.in_flight(concurrency)
        async with aclosing(in_parallel(one, requests, concurrency=places, on_error=on_error)) as stream:
            async for judgment in stream:
                yield judgment

    def _open(self, item: Mapping[str, Any], folder: str | Path) -> Request:
        return request_from_row(dict(item), folder=folder, allow_urls=self.allow_urls)

    def judge_many(self, requests: Iterable[Item], *, concurrency: int | None = None) -> Iterator[Judgment]:
        """As `judge_all`, from code that is not async: yields judgments when they are done."""
        stream = self.judge_all(requests, concurrency=concurrency)
        end = object()

        async def step() -> Any:
            return await anext(stream, end)

        try:
            while (judgment := run_sync(step())) is not end:
                yield judgment
        finally:
            run_sync(stream.aclose())

    def in_flight(self, concurrency: int | None = None) -> int:
        """How many items are judged at the same time: `concurrency`, or what suits the way of asking."""
        if concurrency is not None:
            return concurrency
        from autorater.mailing import IN_FLIGHT

        return IN_FLIGHT if self.batched else 8

    # The rest -------------------------------------------------------------------------------------------------------

    def pictures(self, request: Request) -> dict[str, Picture]:
        """sha256 → picture of a request, as a report needs them."""
        return {picture.sha256: picture for picture in (*request.sources, *request.candidates)}

    @property
    def digest(self) -> str:
        """The sha256 of all settings that change results."""
        return digest_of(dict(self.loop.settings))

    def close(self) -> None:
        """Finish the log, free the specialists and close the connections of the sync door."""
        self.closed = True
        run_sync(self._close_models())
        if self.log is not None:
            self.log.close()
        self.toolbox.close()

    async def aclose(self) -> None:
        """As `close`, and closes the connections of the running event loop too."""
        await self._close_models()
        await asyncio.to_thread(self.close)

    async def _close_models(self) -> None:
        for model in self._own:  # a model that was given opened belongs to the caller
            close: Callable[[], Awaitable[None]] | None = getattr(model, "close", None)
            if close is not None:
                await close()

    async def __aenter__(self) -> "AutoRater":
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    def __enter__(self) -> "AutoRater":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
