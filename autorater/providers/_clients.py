"""Clients that live as long as their event loop, and how calls travel."""

import asyncio
import os
import ssl
from collections.abc import AsyncGenerator, Awaitable, Callable
from functools import lru_cache
from typing import Generic, TypeVar

import httpx2

from autorater.errors import UsageError

T = TypeVar("T")

CONNECTIONS = 1000
"""Connections that one client may hold open, all kept alive: the number of calls in flight is limited elsewhere."""

LIMITS = httpx2.Limits(max_connections=CONNECTIONS, max_keepalive_connections=CONNECTIONS, keepalive_expiry=60)


class PerLoop(Generic[T]):
    """One client for each running event loop: pooled connections do not outlive the loop that opened them.

    A client is closed when its loop shuts its asynchronous generators down (`asyncio.run` does), or by `close()`.
    """

    def __init__(self, build: Callable[[], T], close: Callable[[T], Awaitable[object]]) -> None:
        self._build, self._close = build, close
        self._held: dict[asyncio.AbstractEventLoop, tuple[T, AsyncGenerator[T, None]]] = {}

    async def get(self) -> T:
        """The client of the running loop, made when there is none."""
        loop = asyncio.get_running_loop()
        held = self._held.get(loop)
        if held is not None:
            return held[0]
        for old in [old for old in self._held if old.is_closed()]:
            del self._held[old]
        keeper = _keep(self._build, self._close)
        client = await anext(keeper)
        self._held[loop] = (client, keeper)
        return client

    async def close(self) -> None:
        """Close the client of the running loop; the next call opens a new one."""
        held = self._held.pop(asyncio.get_running_loop(), None)
        if held is not None:
            await held[1].aclose()


async def _keep(build: Callable[[], T], close: Callable[[T], Awaitable[object]]) -> AsyncGenerator[T, None]:
    """Hold a client open. When nobody refers to this generator any more, its loop is asked to run the rest of it.

    That works as long as it is part of no reference cycle: hence it knows nothing of its PerLoop.
    """
    client = build()
    try:
        yield client
    finally:
        await close(client)


@lru_cache(maxsize=1)
def tls() -> ssl.SSLContext:
    """What certificates are trusted: the system's. Making it takes 20 ms, so all clients share one."""
    return httpx2.create_ssl_context()


def timeouts(seconds: float) -> httpx2.Timeout:
    """At most `seconds` of silence, and of those at most ten to connect."""
    return httpx2.Timeout(seconds, connect=min(10.0, seconds))


def key_from(given: str | None, *variables: str, provider: str) -> str:
    """The key: as given, or from the first environment variable that is set.

    Raises:
        UsageError: there is none; the message names the variable.

    """
    key = given or next((os.environ[name] for name in variables if os.environ.get(name)), "")
    if not key.strip():
        raise UsageError(f"{provider}: no API key: set {variables[0]} in the environment, or pass api_key")
    return key.strip()


def checked_url(url: str | None, *, provider: str) -> str | None:
    """`url` when it is an http(s) address or None.

    Raises:
        UsageError: it is something else.

    """
    if url is not None and not url.startswith(("http://", "https://")):
        raise UsageError(f"{provider}: expected an address that starts with http:// or https://, got {url!r}")
    return url
