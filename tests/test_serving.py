"""The server of specialists: its token, whether it has the same as here, what it takes, its command."""

import http.client
import json
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from fakes import card
from pictures import picture
from serving_here import PLAIN, TOKEN, Serving, client, failure, look

from autorater.assessment import Measured
from autorater.card import Card
from autorater.errors import UsageError
from autorater.manifest import Kept, add_to_manifest
from autorater.places.link import Link
from autorater.places.wire import CONTENT, Served, differences, pack, served
from autorater.serving import check_host, listen
from autorater.toolbox import Toolbox, View


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
