"""What a toolbox says of servers of specialists that are dead or strange."""

import json
import socket
import threading
import time
from collections.abc import Generator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from breaking import breaking
from serving_here import PLAIN, TOKEN, Serving, client, failure, look, wide

from autorater.assessment import Failed, Measured
from autorater.card import Card
from autorater.errors import UsageError
from autorater.places.address import Address
from autorater.places.place import Place
from autorater.places.wire import WIRE, About, served
from autorater.serving import listen
from autorater.toolbox import Toolbox


def test_a_dead_address_is_one_clear_failure() -> None:
    with listen("127.0.0.1", 0) as free:
        address = f"http://127.0.0.1:{free.getsockname()[1]}"
    box = client(address)
    assert box.missing(PLAIN) == ["the server cannot be reached (ConnectError): is it running?"]
    assert box.ready() == {}
    with pytest.raises(UsageError, match=f"'plain' cannot run at {address}: the server cannot be reached"):
        box.require(["plain"])
    assert failure(box) == "the server cannot be reached (ConnectError)"


def test_a_host_that_cannot_be_is_one_clear_failure() -> None:
    place = "https://ä☃.example:1"
    assert client(place).missing(PLAIN) == ["the server cannot be reached (InvalidURL): is it running?"]
    assert failure(client(place)) == "the server cannot be reached (InvalidURL)"


def test_a_server_that_comes_back_is_found_again() -> None:
    with Serving({"plain": PLAIN}) as first:
        box = client(first.address)
        assert isinstance(look(box, 12)[0], Measured)
    assert isinstance(look(box, 12)[0], Failed)
    with Serving({"plain": PLAIN}, port=first.port):
        assert isinstance(look(box, 12)[0], Measured)
    box.close()


def errors(address: Address, *widths: int) -> list[str]:
    """What it says of these, one batch each."""
    found = [one for width in widths for one in address.outcomes(PLAIN, [wide(width)])]
    return [one.error if isinstance(one, Failed) else one.kind for one in found]


def test_an_address_that_does_not_answer_is_left_alone_for_a_while() -> None:
    with listen("127.0.0.1", 0) as free:
        port: int = free.getsockname()[1]
    dead, left = "the server cannot be reached (ConnectError)", "and is left alone for a while: the server cannot be"
    address = Address(
        f"http://127.0.0.1:{port}", token="", timeout=20, device="cpu", options=Card.options, cool_down=1.0
    )
    assert errors(address, 12, 13, 14) == [dead] * 3
    with Serving({"plain": PLAIN}, port=port):  # nobody asks whether it is back
        assert errors(address, 12)[0].startswith(f"the server gave no answer 3 times in a row {left}")
    time.sleep(1)
    assert errors(address, 12)[0].startswith(f"the server gave no answer 4 times in a row {left}")  # still gone
    time.sleep(1)
    with Serving({"plain": PLAIN}, port=port):
        assert errors(address, 12, 13) == ["measured"] * 2
        address.rest()
    assert errors(address, 12) == [dead]  # the count began anew
    address.rest()


def test_an_address_that_hangs_does_not_cost_its_time_for_ever() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        place = f"http://127.0.0.1:{silent.getsockname()[1]}"
        address = Address(place, token="", timeout=0.2, device="cpu", options=Card.options)
        assert errors(address, 12, 13, 14) == ["the server gave no answer within 0.2 s"] * 3
        begun = time.monotonic()
        told = "the server gave no answer 3 times in a row and is left alone for a while: the server gave no answer"
        assert errors(address, *range(20, 40)) == [f"{told} within 0.2 s"] * 20
        assert time.monotonic() - begun < 2
        address.rest()


def test_a_refusal_is_an_answer() -> None:
    with answering(503, b'{"error": "busy"}') as place:
        address = Address(place, token="", timeout=20, device="cpu", options=Card.options)
        assert errors(address, *range(12, 18)) == ["the server refuses: busy"] * 6
        address.rest()


def test_a_server_is_asked_once_what_it_has(monkeypatch: pytest.MonkeyPatch) -> None:
    cards = {name: breaking(name) for name in ("plain", "picky", "process")}
    told = About(wire=WIRE, version="1", specialists=tuple(served(one, {}, "cpu") for one in cards.values()))
    asked: list[str] = []
    with answering(200, told.model_dump_json().encode(), asked=asked) as address:
        box = Toolbox(cards, places=dict.fromkeys(cards, address))
        box.require(list(cards))
        assert box.ready() == cards
        assert asked == ["/about"]
        monkeypatch.setenv("AUTORATER_TOOLS_TOKEN", TOKEN)  # another caller, in a way
        box.require(["plain"])
        assert asked == ["/about"] * 2


@contextmanager
def answering(status: int, body: bytes, *, asked: list[str] | None = None, **headers: str) -> Generator[str]:
    """A web server that answers everything alike, and notes in `asked` what it is asked."""
    seen = [] if asked is None else asked

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            seen.append(self.path)
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            self.send_response(status)
            for name, value in {"Content-Length": str(len(body)), **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        do_POST = do_GET  # noqa: N815 (the name is http.server's)

        def log_message(self, format: str, *args: Any) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


DECLINED = b'{"kind": "declined", "reason": "too narrow"}'
NONSENSE = "the server answered with something that is no outcome: is it ours?"


@pytest.mark.parametrize(
    ("status", "body", "told"),
    [
        (200, b"<html>Welcome</html>", NONSENSE),
        (200, b"", NONSENSE),
        (200, b'{"device": "cpu", "outcomes": [{"kind": "measured", "readings": [{"quantity": "w"}]}]}', NONSENSE),
        (200, b'{"device": "cpu", "outcomes": []}', "the server gave 0 outcomes for 2 views"),
        (200, b'{"device": "/home/jane", "outcomes": [%b, %b]}' % (DECLINED, DECLINED), NONSENSE),
        (
            200,
            b'{"device": "cuda:1", "outcomes": [%b, %b]}' % (DECLINED, DECLINED),
            "the server looked on cuda:1, and was asked to on cpu",
        ),
        (302, b"", "the server answered 302, and not as ours does: is it ours?"),
        (500, b"Internal Server Error", "the server answered 500, and not as ours does: is it ours?"),
        (503, b'{"error": "busy\\n\\u001b[31m"}', "the server refuses: busy \ufffd[31m"),
        (200, b" " * (65 * 2**20), "the server answered with more than 67108864 bytes: is it ours?"),
    ],
)
def test_an_address_that_answers_nonsense_is_one_clear_failure(status: int, body: bytes, told: str) -> None:
    with answering(status, body, Location="http://127.0.0.1:9") as address:
        assert failure(client(address)) == told


def test_an_outcome_that_breaks_the_cards_promise_is_a_failure() -> None:
    reading = {"quantity": "width", "value": 5000}
    body = json.dumps({"device": "cpu", "outcomes": [{"kind": "measured", "readings": [reading]}] * 2})
    with answering(200, body.encode()) as address:
        assert failure(client(address)) == "width = 5000.0 is outside 1 to 1000 px"


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (b"<html>", "the server answers, but is no server of specialists"),
        (
            b'{"wire": 3, "more": []}',
            "the server speaks version 3, here it is 2: install the same version on both",
        ),
    ],
)
def test_what_is_no_server_of_specialists_is_told_at_once(body: bytes, told: str) -> None:
    with answering(200, body) as address:
        assert client(address).missing(PLAIN) == [told]


def test_an_address_that_accepts_and_says_nothing_is_given_up() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        place = Place("http", address=f"http://127.0.0.1:{silent.getsockname()[1]}", timeout=0.3)
        assert failure(client(place)) == "the server gave no answer within 0.3 s"
