"""A server of specialists in a thread of the tests, and a toolbox that asks it."""

import threading
from collections.abc import Mapping
from typing import Any

from breaking import breaking
from pictures import png

from autorater.assessment import Failed, Outcome
from autorater.card import Card
from autorater.image import open_picture
from autorater.places.place import Place
from autorater.places.wire import LIMIT
from autorater.serving import Server, listen, make_server
from autorater.toolbox import Toolbox, View

PLAIN = breaking("plain", options=({"name": "factor", "meaning": "Times.", "default": 1},))
TOKEN = "a-secret-of-the-tests"


class Serving:
    """Serves these specialists from this process while it is entered; `address` is where."""

    def __init__(
        self,
        cards: Mapping[str, Card],
        *,
        options: Mapping[str, Mapping[str, object]] | None = None,
        token: str = "",
        limit: int = LIMIT,
        device: str = "cpu",
        port: int = 0,
    ) -> None:
        self.box = Toolbox(cards, options=options, device=device)
        self.listening = listen("127.0.0.1", port)
        self.port: int = self.listening.getsockname()[1]
        self.address = f"http://127.0.0.1:{self.port}"
        self.server = make_server(Server(self.box, cards, token=token, limit=limit).app())
        self.thread = threading.Thread(target=self.server.run, kwargs={"sockets": [self.listening]})

    def __enter__(self) -> "Serving":
        self.thread.start()
        return self

    def __exit__(self, *error: Any) -> None:
        self.server.should_exit = True
        self.thread.join(timeout=30)
        self.listening.close()
        self.box.close()
        assert not self.thread.is_alive()


def wide(width: int) -> View:
    return View(open_picture(png(width, width=width, height=4)))


def look(box: Toolbox, *widths: int) -> list[Outcome]:
    return [future.result(timeout=60)[0] for future in box.submit_all("plain", [wide(width) for width in widths])]


def client(address: str | Place, one: Card = PLAIN, **rest: Any) -> Toolbox:
    return Toolbox({"plain": one}, places={"plain": address}, **rest)


def failure(box: Toolbox) -> str:
    """The one reason why nothing could be looked at, with the toolbox closed."""
    found = look(box, 12, 14)
    box.close()
    assert found[0] == found[1]
    assert isinstance(found[0], Failed)
    assert "127.0.0.1" not in found[0].error
    assert TOKEN not in found[0].error
    return found[0].error
