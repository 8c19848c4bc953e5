"""`python -m autorater.worker`: a worker process. It reads what it is from stdin and ends when stdin does.

The first line of stdin is JSON: the token, the card, the options and the device. On stdout it says in one line of JSON
where it listens, or why it cannot. Nothing else comes from it: what specialists print goes to stderr.
"""

import json
import os
import signal
import sys
import threading
from typing import IO, Any

from autorater.errors import AutoRaterError


def main() -> None:
    """Serve one specialist until the process that started this one is gone."""
    telling = os.fdopen(os.dup(1), "w", encoding="utf-8")
    reading = os.fdopen(os.dup(0), "rb", buffering=0)
    os.dup2(2, 1)
    with open(os.devnull, "rb") as nothing:  # noqa: PTH123 (a specialist that reads stdin finds its end)
        os.dup2(nothing.fileno(), 0)
    hello: Any = json.loads(_first_line(reading) or "null")
    if hello is None:
        return
    threading.Thread(target=_end_with, args=(reading,), daemon=True).start()
    try:
        from autorater.card import Card
        from autorater.places.wire import Pictures
        from autorater.serving import Server, listen, serve
        from autorater.toolbox import Toolbox

        card = Card.model_validate(hello["card"])
        box = Toolbox(
            {card.name: card}, device=hello["device"], options={card.name: hello["options"]}, places={card.name: "here"}
        )
        app = Server(box, {card.name: card}, token=hello["token"], pictures=Pictures(16_000_000)).app()
        listening = listen("127.0.0.1", 0)
    except (AutoRaterError, ImportError, ValueError) as error:
        _tell(telling, {"error": str(error)})
        return
    _tell(telling, {"port": listening.getsockname()[1]})
    serve(app, listening)
    os._exit(0)  # what a specialist left running must not keep this process


def _tell(telling: IO[str], value: dict[str, Any]) -> None:
    telling.write(json.dumps(value) + "\n")
    telling.close()


def _first_line(reading: IO[bytes]) -> bytes:
    """The line, or nothing when the other side went before it was said. Nothing else follows it."""
    line = b""
    while not line.endswith(b"\n"):
        if not (part := reading.read(65536)):
            return b""
        line += part
    return line


def _end_with(reading: IO[bytes]) -> None:
    """End at once when the other side of the pipe is closed, even in the middle of a batch."""
    while reading.read(4096):
        pass
    if hasattr(os, "killpg") and os.getpgrp() == os.getpid():
        os.killpg(os.getpid(), signal.SIGKILL)  # with all that a specialist started
    os._exit(0)


if __name__ == "__main__":
    sys.exit(main())
