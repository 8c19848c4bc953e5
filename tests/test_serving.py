"""The server of specialists, and what a toolbox says of servers that are dead, strange or not the same."""

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from breaking import breaking
from fakes import card
from pictures import picture, png
from serving_here import Serving

from autorater.assessment import Failed, Measured, Outcome
from autorater.card import Card
from autorater.errors import UsageError
from autorater.image import open_picture
from autorater.manifest import Kept, add_to_manifest
from autorater.places.address import Address
from autorater.places.link import Link
from autorater.places.place import Place
from autorater.places.wire import CONTENT, WIRE, About, Served, differences, pack, served
from autorater.serving import check_host, listen
from autorater.toolbox import Toolbox, View

PLAIN = breaking("plain", options=({"name": "factor", "meaning": "Times.", "default": 1},))
TOKEN = "a-secret-of-the-tests"


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


# --- the token -------------------------------------------------------------------------------------------------------


def test_a_token_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    with Serving({"plain": PLAIN}, token=TOKEN) as serving:
        refused = "the server refuses the token: set AUTORATER_TOOLS_TOKEN to the one that it was started with"
        assert client(serving.address).missing(PLAIN) == [refused]
        assert failure(client(serving.address)) == refused
        monkeypatch.setenv("AUTORATER_TOOLS_TOKEN", "another")
        assert failure(client(serving.address)) == refused
        monkeypatch.setenv("AUTORATER_TOOLS_TOKEN", TOKEN)
        box = client(serving.address)
        assert box.missing(PLAIN) == []
        assert isinstance(look(box, 12)[0], Measured)
        box.close()


def test_a_server_for_others_has_a_token() -> None:
    check_host("127.0.0.1", token="")
    check_host("0.0.0.0", token=TOKEN)
    with pytest.raises(UsageError, match=r"--host 0\.0\.0\.0 lets other machines in: set AUTORATER_TOOLS_TOKEN"):
        check_host("0.0.0.0", token="")
    with listen("127.0.0.1", 0) as taken, pytest.raises(UsageError, match="cannot be listened on"):
        listen("127.0.0.1", taken.getsockname()[1])


# --- not the same ----------------------------------------------------------------------------------------------------


def changed(**fields: Any) -> Card:
    return PLAIN.model_copy(update=fields)


@pytest.mark.parametrize(
    ("there", "device", "options", "told"),
    [
        (changed(digest="0" * 64), "cpu", {}, "its card is"),
        (PLAIN, "cuda", {}, "it runs on cuda, and the log would say cpu: end the place with #cuda"),
        (PLAIN, "cpu", {"factor": 7}, "its option factor is 7, here it is 1: set the same on both sides"),
        (changed(meta=PLAIN.meta.model_copy(update={"entry": "fakes:Width"})), "cpu", {}, "its code is"),
    ],
)
def test_a_specialist_that_is_not_the_same_is_refused(there: Card, device: str, options: Any, told: str) -> None:
    with Serving({"plain": there}, device=device, options={"plain": options}) as serving:
        box = client(serving.address)
        assert told in box.missing(PLAIN)[0]
        with pytest.raises(UsageError, match=f"the specialist 'plain' cannot run at {serving.address}: the server's"):
            box.require(["plain"])
        box.close()
    with Serving({"plain": PLAIN}) as serving:  # the same words when it is only noticed at the first batch
        assert "plain is not the same here" in failure(
            client(serving.address, there, options={"plain": options}, device=device)
        )


def test_weights_that_each_side_pinned_must_be_the_same(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    file = {"url": "https://host/x", "licence": "MIT"}
    fox = card(
        "fox",
        options=({"name": "size", "meaning": "Of the fox.", "default": "small"},),
        weights=({"file": "small/", **file, "when": {"size": "small"}}, {"file": "large.pt", **file}),
    )
    sides: list[Served] = []
    for side in ("ours", "theirs", "empty"):
        monkeypatch.setenv("AUTORATER_WEIGHTS", str(tmp_path / side))
        pin = {path: Kept(sha256=path[0] * 64, bytes=1, mtime_ns=1) for path in ("large.pt", "other.pt")}
        small = Kept(sha256={"ours": "a", "theirs": "b"}.get(side, "") * 64, bytes=1, mtime_ns=1)
        add_to_manifest(tmp_path / side / "fox", {**pin, "small/a.pt": small} if side != "empty" else {})
        sides.append(served(fox, {"size": "small"}, "cpu"))
        assert served(fox, {"size": "large"}, "cpu").weights.keys() <= {"large.pt"}
    ours, theirs, empty = sides
    assert ours.weights.keys() == {"large.pt", "small/a.pt"}
    assert differences(ours, theirs).startswith("its small/a.pt is bbbbbbbbbbbb…, here it is aaaaaaaaaaaa…: bring")
    assert [differences(ours, ours), differences(ours, empty), differences(empty, ours)] == ["", "", ""]


def test_a_server_without_the_specialist_says_which_it_has() -> None:
    with Serving({"width": card("width")}) as serving:
        box = client(serving.address)
        assert box.missing(PLAIN) == ["the server has no plain: start it with `autorater tools serve plain`"]
        assert failure(box) == "the server refuses: there is no specialist of this name here, but width"


def test_what_a_server_lacks_is_told() -> None:
    lacking = changed(meta=PLAIN.meta.model_copy(update={"imports": ("no_such_module",)}))
    with Serving({"plain": lacking}) as serving:
        assert client(serving.address).missing(lacking) == ["no_such_module"]


# --- dead and strange addresses --------------------------------------------------------------------------------------


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


# --- what the server takes -------------------------------------------------------------------------------------------


def post(serving: Serving, body: bytes, path: str = "/look/plain", **headers: str) -> tuple[int, str]:
    connection = http.client.HTTPConnection("127.0.0.1", serving.port, timeout=20)
    connection.request("POST", path, body, {"Content-Type": CONTENT, **headers})
    response = connection.getresponse()
    told = json.loads(response.read())
    connection.close()
    return response.status, told.get("error", "")


def batch(views: Sequence[View] = ()) -> bytes:
    return pack(views or [View(picture(1), sources=(picture(2),))], terms=served(PLAIN, {"factor": 1}, "cpu"))


def with_line(body: bytes, **fields: Any) -> bytes:
    line, rest = body.split(b"\n", 1)
    return json.dumps(json.loads(line) | fields).encode() + b"\n" + rest


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (b"", "the first line of the batch cannot be read: see autorater.places.wire"),
        (b"no line", "the first line of the batch cannot be read: see autorater.places.wire"),
        (b"{}\n", "the first line of the batch cannot be read: see autorater.places.wire"),
        (with_line(batch(), wire=9), "the batch is of version 9, this server reads version 2: install the same"),
        (batch()[:-1], "the batch is cut short, or longer than it says"),
        (batch() + b"x", "the batch is cut short, or longer than it says"),
        (batch()[:-1] + b"x", "the bytes of an image are not those that the batch names"),
        (with_line(batch(), views=[{"image": 5}]), "a view names an image that the batch does not hold"),
        (
            with_line(batch(), views=[{"image": -1}]),
            "the first line of the batch cannot be read: see autorater.places.wire",
        ),
    ],
)
def test_what_is_no_batch_is_refused(body: bytes, told: str) -> None:
    with Serving({"plain": PLAIN}) as serving:
        assert post(serving, body) == (400, told)
        assert post(serving, batch()) == (200, "")


def test_a_web_page_cannot_send_a_batch() -> None:
    with Serving({"plain": PLAIN}) as serving:
        status, told = post(serving, batch(), **{"Content-Type": "text/plain"})
        assert (status, told) == (400, f"a batch has the media type {CONTENT}")


@pytest.mark.parametrize("host", ["evil.example", "evil.example:80", "127.0.0.1.evil.example", "8.8.8.8", "[::1", ""])
def test_a_name_that_was_made_to_lead_here_gets_nothing(host: str) -> None:
    with Serving({"plain": PLAIN}) as serving:
        refused = (403, "it has no token and answers to 127.0.0.1, localhost and [::1] only")
        assert post(serving, batch(), Host=host) == refused
        for own in ("localhost", "127.0.0.1:8100", "[::1]:8100"):
            assert post(serving, batch(), Host=own) == (200, "")
    with Serving({"plain": PLAIN}, token=TOKEN) as serving:  # behind a proxy, whose name it has
        assert post(serving, batch(), Host="gpu.example", Authorization=f"Bearer {TOKEN}") == (200, "")


def test_a_batch_has_a_limit_and_goes_in_halves() -> None:
    views = [View(picture(number)) for number in range(5)]
    limit = len(batch(views[:2]))
    with Serving({"plain": PLAIN}, limit=limit) as serving:
        assert post(serving, batch(views)) == (413, f"a batch has at most {limit} bytes")
        link = Link(serving.address, token="", timeout=20, limit=limit)
        terms = served(PLAIN, {"factor": 1}, "cpu")
        assert len(link.look("plain", views, terms=terms).outcomes) == 5
        link.close()
        tight = Link(serving.address, token="", timeout=20, limit=100)
        with pytest.raises(Exception, match="the images of this view have more than 100 bytes together"):
            tight.look("plain", views, terms=terms)


def test_an_image_is_sent_once() -> None:
    same = [View(picture(1), sources=(picture(1),), rival=picture(1))] * 16
    assert len(batch(same)) < 2 * picture(1).size + 16 * 100


def test_an_image_that_cannot_be_opened_fails_alone() -> None:
    good = batch([View(picture(1))])
    bad = b"not an image"
    line = json.loads(good.split(b"\n", 1)[0])
    from autorater.canonical import digest

    images = [*line["images"], {"sha256": digest(bad), "bytes": len(bad)}]
    body = with_line(good, images=images, views=[{"image": 0}, {"image": 1}]) + bad
    with Serving({"plain": PLAIN}) as serving:
        connection = http.client.HTTPConnection("127.0.0.1", serving.port, timeout=20)
        connection.request("POST", "/look/plain", body, {"Content-Type": CONTENT})
        told = json.loads(connection.getresponse().read())
        connection.close()
    assert [one["kind"] for one in told["outcomes"]] == ["measured", "failed"]


# --- the command -----------------------------------------------------------------------------------------------------


def test_the_command_serves_and_ends_when_it_is_interrupted() -> None:
    command = [sys.executable, "-m", "autorater", "tools", "serve", "exposure", "--port", "0", "--json"]
    environment = {**os.environ, "AUTORATER_TOOLS_TOKEN": TOKEN}
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment)
    assert process.stdout is not None
    told = json.loads(process.stdout.readline())
    assert (told["specialists"], told["device"], told["token"]) == (["exposure"], "cpu", True)
    box = Toolbox(places={"exposure": told["address"]})
    assert box.missing(box.cards["exposure"]) != []  # no token here
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=30)
    assert (process.returncode, out, err) == (130, "", "autorater: interrupted\n")
