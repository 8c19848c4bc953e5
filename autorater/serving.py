"""The server of specialists: behind an address for others, and inside every worker process."""

import asyncio
import hmac
import socket
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from importlib.metadata import version
from typing import Any
from urllib.parse import urlsplit

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from autorater.assessment import Failed, Outcome
from autorater.card import Card
from autorater.errors import SpecialistError, UsageError
from autorater.places.place import is_loopback
from autorater.places.wire import CONTENT, LIMIT, WIRE, About, Looked, Pictures, Served, differences, served, unpack
from autorater.specialist import View
from autorater.toolbox import Toolbox

Answer = Callable[[Request], Awaitable[Response]]


@dataclass
class Server:
    """The specialists of `cards`, as a toolbox has them.

    With a token, whoever asks must have it; without one, whoever asks must call this machine by a name that is no
    other's.
    """

    toolbox: Toolbox
    cards: Mapping[str, Card]
    token: str = ""
    limit: int = LIMIT
    pictures: Pictures = field(default_factory=Pictures)

    def app(self) -> Starlette:
        """The application."""
        return Starlette(
            routes=[
                Route("/about", self.guarded(self.about), methods=["GET"]),
                Route("/look/{name}", self.guarded(self.look), methods=["POST"]),
            ]
        )

    def guarded(self, answer: Answer) -> Answer:
        """`answer` to those who have the token; what goes wrong is told in one line."""

        async def guarded(request: Request) -> Response:
            given = request.headers.get("authorization", "")
            if self.token and not hmac.compare_digest(given.encode(), f"Bearer {self.token}".encode()):
                return _refuse(401, "the token is wrong")
            if not self.token and not is_loopback(_host(request)):  # a web page whose host's name leads here by now
                return _refuse(403, "it has no token and answers to 127.0.0.1, localhost and [::1] only")
            try:
                return await answer(request)
            except (UsageError, SpecialistError) as error:
                return _refuse(_STATUS.get(type(error), 400), error)

        return guarded

    async def about(self, request: Request) -> Response:
        """What specialists there are, and what they lack."""
        told = await asyncio.to_thread(lambda: tuple(self.served(card, whole=True) for card in self.cards.values()))
        return _json(About(wire=WIRE, version=version("autorater-vision"), specialists=told))

    async def look(self, request: Request) -> Response:
        """Let one specialist look at a batch."""
        card = self.cards.get(request.path_params["name"])
        if card is None:
            raise UsageError(f"there is no specialist of this name here, but {', '.join(self.cards)}")
        if request.headers.get("content-type") != CONTENT:
            raise UsageError(f"a batch has the media type {CONTENT}")
        batch, views = await asyncio.to_thread(unpack, await _body(request, self.limit), self.pictures)
        if differs := differences(batch.terms, self.served(card)):
            raise _Differs(f"{card.name} is not the same here: {differs}")
        device, outcomes = await _look(self.toolbox, card, views)
        return _json(Looked(device=device, outcomes=tuple(outcomes)))

    def served(self, card: Card, *, whole: bool = False) -> Served:
        """The terms of one specialist; `whole`: with what it lacks."""
        box = self.toolbox
        return served(card, box.options(card), box.device_of(card), box.missing(card) if whole else ())


class _TooLarge(UsageError):
    """The batch has too many bytes."""


class _Differs(UsageError):
    """The specialist would not measure what the caller's log will name."""


_STATUS: dict[type[Exception], int] = {_TooLarge: 413, _Differs: 409}


async def _look(toolbox: Toolbox, card: Card, views: list[View | Failed]) -> tuple[str, list[Outcome]]:
    """The device and one outcome per view; what could not be opened is not looked at."""
    futures = toolbox.submit_all(card.name, [view for view in views if isinstance(view, View)])
    found = iter(await asyncio.gather(*map(asyncio.wrap_future, futures)))
    device, outcomes = toolbox.device_of(card), list[Outcome]()
    for view in views:
        if isinstance(view, Failed):
            outcomes.append(view)
        else:
            outcome, provenance = next(found)
            device = provenance.device
            outcomes.append(outcome)
    return device, outcomes


def _host(request: Request) -> str:
    """The host as the caller calls it; "" when that is no name."""
    try:
        return urlsplit(f"//{request.headers.get('host', '')}").hostname or ""
    except ValueError:
        return ""


async def _body(request: Request, limit: int) -> bytes:
    parts: list[bytes] = []
    length = 0
    async for part in request.stream():
        length += len(part)
        if length > limit:
            raise _TooLarge(f"a batch has at most {limit} bytes")
        parts.append(part)
    return b"".join(parts)


def _json(record: About | Looked) -> Response:
    return Response(record.model_dump_json(), media_type="application/json")


def _refuse(status: int, why: object) -> Response:
    return JSONResponse({"error": str(why)}, status_code=status)


def listen(host: str, port: int) -> socket.socket:
    """A socket that accepts; port 0 takes a free one. Raises UsageError when it cannot be had."""
    try:
        return socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
    except OSError as error:
        raise UsageError(f"{host} port {port} cannot be listened on ({error.strerror}): choose another") from error


def check_host(host: str, *, token: str) -> None:
    """Raise UsageError when a server without a token would answer other machines."""
    if not token and not is_loopback(host):
        raise UsageError(
            f"--host {host} lets other machines in: set AUTORATER_TOOLS_TOKEN to a secret that they must know, "
            "or keep 127.0.0.1"
        )


def serve(app: Starlette, listening: socket.socket) -> None:
    """Answer until the process is told to end; a call under way is given a few seconds."""
    make_server(app).run(sockets=[listening])


def make_server(app: Starlette) -> uvicorn.Server:
    """The server of an application."""
    config: Any = uvicorn.Config(
        app,
        log_level="warning",
        access_log=False,
        lifespan="off",
        ws="none",
        server_header=False,
        timeout_keep_alive=3600,  # a toolbox that waits for its VLM keeps its connection
        timeout_graceful_shutdown=5,
    )
    return uvicorn.Server(config)
