"""Many items at once: order, bounds, errors, closing early."""

import asyncio
from collections.abc import AsyncIterator, Iterator

import pytest

from autorater.errors import BudgetExceeded, ImageError, ProviderError, UsageError
from autorater.work import Flights, in_parallel, together


async def double(number: int) -> int:
    await asyncio.sleep(0)
    return 2 * number


async def collect(stream: AsyncIterator[int]) -> tuple[list[int], Exception | None]:
    """All results and the error that ended them."""
    found: list[int] = []
    try:
        async for result in stream:
            found.append(result)
    except Exception as error:
        return found, error
    return found, None


async def test_every_item_is_done_once_and_given_as_soon_as_it_is_done() -> None:
    async def work(number: int) -> int:
        await asyncio.sleep(0.05 if number == 0 else 0)
        return number

    found = [result async for result in in_parallel(work, range(200), concurrency=7)]
    assert sorted(found) == list(range(200))
    assert found[0] != 0


async def test_one_at_a_time_keeps_the_order() -> None:
    assert [result async for result in in_parallel(double, range(9), concurrency=1)] == [2 * n for n in range(9)]


@pytest.mark.parametrize("concurrency", [1, 3, 32])
async def test_no_more_than_the_wanted_number_is_in_flight_or_taken(concurrency: int) -> None:
    flying, most, taken = 0, 0, 0

    def items() -> Iterator[int]:
        nonlocal taken
        for number in range(100):
            taken += 1
            yield number

    async def work(number: int) -> int:
        nonlocal flying, most
        flying += 1
        most = max(most, flying)
        await asyncio.sleep(0.001)
        flying -= 1
        return number

    given = 0
    async for _ in in_parallel(work, items(), concurrency=concurrency):
        given += 1
        assert taken <= given + 3 * concurrency  # in flight, done but not yet fetched, being taken
        await asyncio.sleep(0)
    assert (given, most) == (100, concurrency)


async def test_async_iterables_are_taken_too_and_slow_ones_are_waited_for() -> None:
    async def items() -> AsyncIterator[int]:
        for number in range(20):
            await asyncio.sleep(0.001)
            yield number

    assert sorted([result async for result in in_parallel(double, items(), concurrency=4)]) == list(range(0, 40, 2))


@pytest.mark.parametrize("items", [[], iter(()), ()])
async def test_nothing_to_do_is_nothing(items: "list[int]") -> None:
    assert [result async for result in in_parallel(double, items, concurrency=4)] == []


async def test_no_concurrency_is_a_usage_error() -> None:
    with pytest.raises(UsageError, match="at least 1, got 0"):
        await anext(in_parallel(double, [1], concurrency=0))


@pytest.mark.parametrize("kind", [ValueError, BudgetExceeded, ProviderError])
async def test_an_error_ends_all_after_what_is_in_flight_is_given(kind: type[Exception]) -> None:
    started: list[int] = []

    async def work(number: int) -> int:
        started.append(number)
        if number == 5:
            raise kind("five")
        await asyncio.sleep(0.01)
        return number

    stream = in_parallel(work, range(1000), concurrency=4, on_error=lambda item, error: None)
    found, error = await collect(stream)
    assert isinstance(error, kind)
    assert sorted([*found, 5]) == sorted(started)
    assert len(started) < 20


async def test_errors_about_one_item_are_handed_over_and_the_rest_goes_on() -> None:
    async def work(number: int) -> int:
        if number % 3 == 0:
            raise ImageError(f"image {number}")
        return number

    bad: list[tuple[int, str]] = []
    stream = in_parallel(work, range(10), concurrency=3, on_error=lambda item, error: bad.append((item, str(error))))
    assert sorted([result async for result in stream]) == [1, 2, 4, 5, 7, 8]
    assert sorted(bad) == [(0, "image 0"), (3, "image 3"), (6, "image 6"), (9, "image 9")]
    with pytest.raises(ImageError):
        [result async for result in in_parallel(work, range(10), concurrency=3)]


async def test_a_generator_that_raises_ends_all_and_loses_no_result() -> None:
    def items() -> Iterator[int]:
        yield from range(10)
        raise KeyError("row 10")

    found, error = await collect(in_parallel(double, items(), concurrency=4))
    assert isinstance(error, KeyError)
    assert sorted(found) == list(range(0, 20, 2))


async def test_an_error_in_the_callers_handler_ends_all() -> None:
    async def work(number: int) -> int:
        raise UsageError("bad")

    def refuse(item: int, error: Exception) -> None:
        raise LookupError("the handler failed")

    with pytest.raises(LookupError, match="the handler failed"):
        [result async for result in in_parallel(work, range(10), concurrency=3, on_error=refuse)]


async def test_closing_early_cancels_what_is_in_flight() -> None:
    cancelled: list[int] = []

    async def work(number: int) -> int:
        try:
            await asyncio.sleep(0 if number == 0 else 60)
        except asyncio.CancelledError:
            cancelled.append(number)
            raise
        return number

    stream = in_parallel(work, range(100), concurrency=4)
    assert await anext(aiter(stream)) == 0
    await stream.aclose()
    assert len(cancelled) >= 3
    assert len(asyncio.all_tasks()) == 1


async def test_closing_early_ends_workers_that_wait_for_a_place() -> None:
    stream = in_parallel(double, range(10_000), concurrency=4)
    for _ in range(3):
        await anext(stream)
    await asyncio.sleep(0.01)
    await stream.aclose()
    assert len(asyncio.all_tasks()) == 1


async def test_work_that_is_cancelled_from_within_is_an_error_and_not_a_hang() -> None:
    async def work(number: int) -> int:
        raise asyncio.CancelledError

    with pytest.raises(RuntimeError, match="cancelled from within"):
        async with asyncio.timeout(10):
            [result async for result in in_parallel(work, range(10), concurrency=3)]


async def test_together_waits_for_all_before_it_raises() -> None:
    done: list[str] = []

    async def good() -> str:
        await asyncio.sleep(0.01)
        done.append("good")
        return "good"

    async def bad() -> str:
        raise ProviderError("bad")

    assert await together([good(), good()]) == ["good", "good"]
    with pytest.raises(ProviderError, match="bad"):
        await together([good(), bad(), good()])
    assert done == ["good"] * 4


async def test_what_is_asked_for_twice_at_once_is_done_once_and_again_afterwards() -> None:
    flights, made = Flights(), list[str]()

    async def make() -> str:
        await asyncio.sleep(0.01)
        made.append("once")
        return f"result {len(made)}"

    assert set(await asyncio.gather(*(flights.once("a", make) for _ in range(9)))) == {"result 1"}
    assert await flights.once("a", make) == "result 2"
    assert len(set(await asyncio.gather(*(flights.once(key, make) for key in "abc")))) == 3


@pytest.mark.parametrize("how", ["fails", "is cancelled"])
async def test_who_waited_for_work_that_came_to_nothing_does_it_anew(how: str) -> None:
    flights, made = Flights(), 0

    async def make() -> int:
        nonlocal made
        made += 1
        await asyncio.sleep(0.01)
        if made == 1 and how == "fails":
            raise ValueError("the first")
        return made

    tasks = [asyncio.create_task(flights.once("a", make)) for _ in range(4)]
    await asyncio.sleep(0)
    if how == "is cancelled":
        tasks[0].cancel()
    first, *others = await asyncio.gather(*tasks, return_exceptions=True)
    assert isinstance(first, ValueError if how == "fails" else asyncio.CancelledError)
    assert others == [2, 2, 2]
