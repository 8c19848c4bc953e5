"""A server of specialists in a thread of the tests."""

import threading
from collections.abc import Mapping
from typing import Any

from autorater.card import Card
from autorater.places.wire import LIMIT
from autorater.serving import Server, listen, make_server
from autorater.toolbox import Toolbox


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
