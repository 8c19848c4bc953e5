"""The connection of one lane to one server of specialists."""

import asyncio
import threading
from collections.abc import Sequence
from contextlib import suppress
from typing import Any
from urllib.parse import urlsplit

import httpx2
from pydantic import ValidationError

from autorater.errors import SpecialistError, one_line
from autorater.places.lane import Closed
from autorater.places.place import is_loopback
from autorater.places.wire import CONTENT, LIMIT, WIRE, About, Looked, Refusal, Served, Version, pack
from autorater.specialist import View

MOST = 64 * 2**20
"""Bytes of an answer at most."""
CONNECT = 10.0
"""Seconds to reach a server."""
_LOST = (httpx2.HTTPError, httpx2.InvalidURL, OSError)


class Unreachable(SpecialistError):
    """The server did not answer: it is not there, or it ended."""


class TooLong(SpecialistError):
    """The server was still busy when the time was up."""


class Link:
    """Calls a server from the thread of one lane; `cancel` may be called from any thread.

    Messages name neither the address nor the token: they go to the log.
    """

    def __init__(self, address: str, *, token: str, timeout: float, limit: int = LIMIT) -> None:
        self.limit = limit
        self.address = address
        self.token = token
        self.timeout = timeout
        self._runner: asyncio.Runner | None = None
        self._client: httpx2.AsyncClient | None = None
        self._task: asyncio.Task[Any] | None = None
        self._lock = threading.Lock()
        self._cancelled = False

    def look(self, name: str, views: Sequence[View], *, terms: Served, seconds: float | None = None) -> Looked:
        """What the server's specialist says of these views; a batch of too many bytes goes in halves.

        `seconds` takes the place of the link's `timeout`.

        Raises:
            Unreachable, TooLong: see there.
            Closed: `cancel` was called.
            SpecialistError: one view has too many bytes, the server refused, or its answer is none.

        """
        batch = pack(views, terms=terms)
        if len(batch) > self.limit:
            if len(views) == 1:
                raise SpecialistError(f"the images of this view have more than {self.limit} bytes together")
            half = len(views) // 2
            parts = (views[:half], views[half:])
            first, rest = (self.look(name, part, terms=terms, seconds=seconds) for part in parts)
            return Looked(device=rest.device, outcomes=first.outcomes + rest.outcomes)
        status, body = self._run("POST", f"/look/{name}", batch, seconds or self.timeout)
        if status != 200:
            raise SpecialistError(refusal(status, body))
        try:
            looked = Looked.model_validate_json(body)
        except ValidationError:
            raise SpecialistError("the server answered with something that is no outcome: is it ours?") from None
        if len(looked.outcomes) != len(views):
            raise SpecialistError(f"the server gave {len(looked.outcomes)} outcomes for {len(views)} views")
        return looked

    def probe(self) -> None:
        """Wait for any answer, for a few seconds. Raises Unreachable, TooLong and Closed as `look` does."""
        self._run("GET", "/about", b"", CONNECT)

    def _run(self, method: str, path: str, body: bytes, seconds: float) -> tuple[int, bytes]:
        if self._runner is None:
            self._runner = asyncio.Runner()
        try:
            return self._runner.run(self._call(method, path, body, seconds))
        except asyncio.CancelledError:
            raise Closed("closed while it looked") from None
        except TimeoutError:
            raise TooLong(f"the server gave no answer within {seconds:g} s") from None
        except _LOST as error:
            raise Unreachable(f"the server cannot be reached ({type(error).__name__})") from error

    async def _call(self, method: str, path: str, body: bytes, seconds: float) -> tuple[int, bytes]:
        with self._lock:
            if self._cancelled:
                raise Closed("closed before it looked")
            self._task = asyncio.current_task()
        if self._client is None:
            self._client = httpx2.AsyncClient(**options(self.address, self.token))
        try:
            async with asyncio.timeout(seconds):
                return await self._exchange(self._client, method, path, body)
        finally:
            self._task = None

    async def _exchange(self, client: httpx2.AsyncClient, method: str, path: str, body: bytes) -> tuple[int, bytes]:
        parts: list[bytes] = []
        async with client.stream(method, path, content=body, headers={"Content-Type": CONTENT}) as response:
            async for part in response.aiter_bytes():
                parts.append(part)
                if sum(map(len, parts)) > MOST:
                    raise SpecialistError(f"the server answered with more than {MOST} bytes: is it ours?")
        return response.status_code, b"".join(parts)

    def cancel(self) -> None:
        """End the call in flight, and refuse all others."""
        with self._lock:
            self._cancelled = True
            task = self._task
        if task is not None:
            with suppress(RuntimeError):  # the loop is closed already, so nothing is in flight
                task.get_loop().call_soon_threadsafe(task.cancel)

    def close(self) -> None:
        """Close the connections. Called on the lane's thread."""
        if self._runner is None:
            return
        if self._client is not None:
            with suppress(httpx2.HTTPError, OSError):
                self._runner.run(self._client.aclose())
        self._runner.close()
        self._runner = self._client = None


def about(address: str, *, token: str, timeout: float = CONNECT) -> About:
    """What the server says of itself.

    Raises:
        SpecialistError: there is none, it refuses, or it is not ours. The message does not name the address.

    """
    try:
        with httpx2.Client(**options(address, token, timeout)) as client, client.stream("GET", "/about") as response:
            body = b""
            for part in response.iter_bytes():
                body += part
                if len(body) > MOST:
                    break
    except _LOST as error:
        raise Unreachable(f"the server cannot be reached ({type(error).__name__}): is it running?") from error
    if response.status_code != 200:
        raise SpecialistError(refusal(response.status_code, body))
    try:
        wire = Version.model_validate_json(body).wire
        if wire != WIRE:
            raise SpecialistError(
                f"the server speaks version {wire}, here it is {WIRE}: install the same version on both"
            )
        return About.model_validate_json(body)
    except ValidationError:
        raise SpecialistError("the server answers, but is no server of specialists") from None


def options(address: str, token: str, timeout: float | None = None) -> dict[str, Any]:
    """How a client is made. Proxies of the environment are for other machines only."""
    return {
        "base_url": address,
        "headers": {"Accept-Encoding": "identity", **({"Authorization": f"Bearer {token}"} if token else {})},
        "timeout": httpx2.Timeout(timeout, connect=CONNECT),
        "trust_env": not is_loopback(urlsplit(address).hostname or ""),
        "follow_redirects": False,
    }


def refusal(status: int, body: bytes) -> str:
    """The server's refusal in one line."""
    if status == 401:
        return "the server refuses the token: set AUTORATER_TOOLS_TOKEN to the one that it was started with"
    try:
        told = Refusal.model_validate_json(body[:4096]).error
    except ValidationError:
        return f"the server answered {status}, and not as ours does: is it ours?"
    return f"the server refuses: {one_line(told)[:250]}"
