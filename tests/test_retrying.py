"""The retry policy: what is repeated, how long it waits, and when it gives up."""

import asyncio
import time

import pytest

from autorater.errors import ProviderError, RateLimited, Refused, Unavailable, UsageError
from autorater.retrying import Retries, with_retries

QUICK = Retries(attempts=4, first_wait=0.001, longest_wait=0.5)


class Flaky:
    """Raises the errors given, in order, and then answers."""

    def __init__(self, *errors: Exception) -> None:
        self.errors = list(errors)
        self.times: list[float] = []

    async def __call__(self) -> str:
        self.times.append(time.perf_counter())
        if self.errors:
            raise self.errors.pop(0)
        return "answer"


async def test_an_answer_at_once() -> None:
    flaky = Flaky()
    assert await with_retries(flaky, QUICK) == "answer"
    assert len(flaky.times) == 1


@pytest.mark.parametrize("error", [RateLimited("slow down"), Unavailable("down")])
async def test_what_may_pass_is_repeated(error: Exception) -> None:
    flaky = Flaky(error, error, error)
    assert await with_retries(flaky, QUICK) == "answer"
    assert len(flaky.times) == 4


@pytest.mark.parametrize(
    "error", [ProviderError("no", status=401), Refused("no"), UsageError("no"), ValueError("no"), KeyError("no")]
)
async def test_what_does_not_pass_is_not_repeated(error: Exception) -> None:
    flaky = Flaky(error)
    with pytest.raises(type(error)) as caught:
        await with_retries(flaky, QUICK)
    assert caught.value is error
    assert len(flaky.times) == 1


async def test_another_error_ends_the_repeating() -> None:
    flaky = Flaky(Unavailable("down"), ProviderError("no", status=401))
    with pytest.raises(ProviderError, match="no"):
        await with_retries(flaky, QUICK)
    assert len(flaky.times) == 2


@pytest.mark.parametrize("attempts", [1, 2, 4])
async def test_the_last_error_is_raised_as_it_came(attempts: int) -> None:
    errors = [Unavailable(f"attempt {number}") for number in range(1, 6)]
    flaky = Flaky(*errors)
    with pytest.raises(Unavailable) as caught:
        await with_retries(flaky, QUICK.model_copy(update={"attempts": attempts}))
    assert caught.value is errors[attempts - 1]
    assert len(flaky.times) == attempts


async def test_the_wait_that_was_asked_for() -> None:
    flaky = Flaky(RateLimited("slow down", retry_after=0.1), Unavailable("down", retry_after=0.2))
    await with_retries(flaky, QUICK)
    first, second, third = flaky.times
    assert 0.1 <= second - first < 0.2
    assert 0.2 <= third - second < 0.35


@pytest.mark.parametrize("after", [0, 1])
async def test_a_wait_beyond_the_cap_is_not_waited_for(after: int) -> None:
    told = RateLimited("come back in an hour", retry_after=3600)
    flaky = Flaky(*[Unavailable("down")] * after, told)
    start = time.perf_counter()
    with pytest.raises(RateLimited) as caught:
        await with_retries(flaky, QUICK)
    assert caught.value is told
    assert len(flaky.times) == after + 1
    assert time.perf_counter() - start < 0.4


async def test_no_wait_at_all() -> None:
    flaky = Flaky(RateLimited("again", retry_after=0), RateLimited("again", retry_after=-1))
    assert await with_retries(flaky, QUICK.model_copy(update={"first_wait": 30.0})) == "answer"


async def test_a_cancelled_wait_ends_at_once() -> None:
    flaky = Flaky(RateLimited("slow down", retry_after=0.4))
    task = asyncio.create_task(with_retries(flaky, QUICK))
    await asyncio.sleep(0.02)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert len(flaky.times) == 1


async def test_those_who_wait_alike_come_back_apart() -> None:
    calls = [Flaky(RateLimited("slow down", retry_after=0.2)) for _ in range(20)]
    await asyncio.gather(*(with_retries(call, QUICK) for call in calls))
    returned = sorted(call.times[1] for call in calls)
    assert returned[-1] - returned[0] > 0.004
