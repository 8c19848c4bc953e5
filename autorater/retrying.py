"""The one retry policy: exponential waits with jitter, the provider's own delay honoured up to a cap."""

from collections.abc import Awaitable, Callable
from random import random
from typing import TypeVar

from tenacity import AsyncRetrying, RetryCallState, retry_if_exception_type, stop_after_attempt, wait_random_exponential

from autorater.canonical import Record
from autorater.errors import RateLimited, Unavailable

T = TypeVar("T")


class Retries(Record):
    """How a call is repeated. Only RateLimited and Unavailable are; quota errors and other 4xx never are."""

    attempts: int = 6
    first_wait: float = 0.5
    """Seconds; doubles each time, with full jitter."""
    longest_wait: float = 60.0
    """Seconds. A provider that asks for a longer wait than this is not waited for: the error is raised at once."""


async def with_retries(call: Callable[[], Awaitable[T]], retries: Retries) -> T:
    """`await call()`, repeated by the policy; the last error is raised as it came."""
    try:
        return await call()  # the usual case pays nothing for the policy
    except (RateLimited, Unavailable) as error:
        if retries.attempts <= 1 or (error.retry_after or 0) > retries.longest_wait:
            raise
        first = error
    backoff = wait_random_exponential(multiplier=retries.first_wait, max=retries.longest_wait)
    pending: list[RateLimited | Unavailable] = [first]

    async def attempt() -> T:
        if pending:
            raise pending.pop()
        return await call()

    def wait(state: RetryCallState) -> float:
        error = state.outcome.exception() if state.outcome else None
        told = error.retry_after if isinstance(error, (RateLimited, Unavailable)) else None
        # Those who were told the same wait must not all come back in the same moment.
        return max(told, 0.0) * (1 + random() / 10) if told is not None else backoff(state)

    def stop(state: RetryCallState) -> bool:
        error = state.outcome.exception() if state.outcome else None
        too_long = isinstance(error, (RateLimited, Unavailable)) and (error.retry_after or 0) > retries.longest_wait
        return too_long or stop_after_attempt(retries.attempts)(state)

    policy = AsyncRetrying(
        retry=retry_if_exception_type((RateLimited, Unavailable)), wait=wait, stop=stop, reraise=True
    )
    return await policy(attempt)
