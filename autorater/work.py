"""Many items, a few at a time, results as they come; memory does not grow with the number of items.

And what is asked for twice at the same time is done once.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from autorater.errors import AutoRaterError, BudgetExceeded, ProviderError, RecordError, UsageError

Item = TypeVar("Item")
Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class _Done(Generic[Result]):
    """A result, an error, or (with neither) the end of one worker."""

    result: tuple[Result] | None = None
    error: Exception | None = None


@dataclass
class _Crew(Generic[Item, Result]):
    """The workers of one call of `in_parallel`."""

    work: Callable[[Item], Awaitable[Result]]
    items: AsyncIterator[Item]
    on_error: Callable[[Item, Exception], None] | None
    done: "asyncio.Queue[_Done[Result]]"
    taking: asyncio.Lock = field(default_factory=asyncio.Lock)
    over: bool = False

    async def take(self) -> tuple[Item] | None:
        """The next item, or None when there is no more or the work is to end."""
        async with self.taking:
            if self.over:
                return None
            try:
                return (await anext(self.items),)
            except StopAsyncIteration:
                self.over = True
                return None

    async def worker(self) -> None:
        """Take and do items until there is no more; an error that ends all stops every worker after its item."""
        try:
            while (taken := await self.take()) is not None:
                try:
                    await self.done.put(_Done(result=(await self.work(taken[0]),)))
                except Exception as error:
                    if self.on_error is None or not _about_one(error):
                        raise
                    self.on_error(taken[0], error)
        except asyncio.CancelledError as error:
            if (own := asyncio.current_task()) is not None and own.cancelling():
                raise  # the iteration was closed
            await self._stop(RuntimeError(f"the work on an item was cancelled from within: {error!r}"))
        except Exception as error:
            await self._stop(error)
        await self.done.put(_Done())

    async def _stop(self, error: Exception) -> None:
        self.over = True
        await self.done.put(_Done(error=error))


@dataclass
class Flights:
    """The work that is in flight, by name."""

    _flying: dict[tuple[int, str], "asyncio.Future[Any]"] = field(default_factory=dict[Any, Any], repr=False)

    async def once(self, key: str, make: Callable[[], Awaitable[Result]]) -> Result:
        """`make()` unless the same is in flight on this loop; then its result. No result is None.

        Whoever waited for work that failed or was cancelled does it anew.
        """
        loop = asyncio.get_running_loop()
        flight = (id(loop), key)
        while (flying := self._flying.get(flight)) is not None:
            if (landed := await asyncio.shield(flying)) is not None:
                return landed
        future: asyncio.Future[Any] = loop.create_future()
        self._flying[flight] = future
        landed = None
        try:
            landed = await make()
            return landed
        finally:
            del self._flying[flight]
            future.set_result(landed)  # None after an error


async def together(work: Iterable[Awaitable[Result]]) -> list[Result]:
    """All results in order; the first error is raised after all have ended, so that no paid call is thrown away."""
    done = await asyncio.gather(*work, return_exceptions=True)
    results: list[Result] = []
    for item in done:
        if isinstance(item, BaseException):
            raise item
        results.append(item)
    return results


async def in_parallel(
    work: Callable[[Item], Awaitable[Result]],
    items: Iterable[Item] | AsyncIterable[Item],
    *,
    concurrency: int,
    on_error: Callable[[Item, Exception], None] | None = None,
) -> AsyncGenerator[Result, None]:
    """Yield `await work(item)` for every item, `concurrency` of them in flight, each as soon as it is done.

    The first error that `on_error` does not take ends the iteration, after what is in flight has finished: paid calls
    are never thrown away. Errors about one item (a bad row, an unreadable image) go to `on_error` when it is given;
    money, keys, the record and programming errors always end the iteration.
    """
    if concurrency < 1:
        raise UsageError(f"concurrency is at least 1, got {concurrency}")
    source = aiter(items) if isinstance(items, AsyncIterable) else _listen(items)
    crew: _Crew[Any, Result] = _Crew(work, source, on_error, asyncio.Queue(maxsize=concurrency))
    workers = [asyncio.create_task(crew.worker()) for _ in range(concurrency)]
    running, failures = concurrency, list[Exception]()
    try:
        while running:
            done = await crew.done.get()
            if done.result is not None:
                yield done.result[0]
            elif done.error is not None:
                failures.append(done.error)
            else:
                running -= 1
        if failures:
            raise failures[0]
    finally:
        for task in workers:
            task.cancel()
        await asyncio.gather(*workers, return_exceptions=True)


def _about_one(error: Exception) -> bool:
    ends_all = (BudgetExceeded, ProviderError, RecordError)
    return isinstance(error, AutoRaterError) and not isinstance(error, ends_all)


async def _listen(items: Iterable[Item]) -> AsyncIterator[Item]:
    for item in items:
        yield item
