"""`autorater tools pull` of one file, against a server on this machine that treats it well or badly."""

from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import pytest
from pulls import DATA, DIGEST, QUICK, Notes, fox, get, part_of, refusal
from weights_server import WeightsServer

from autorater.manifest import locked
from autorater.pulling import mirrored
from autorater.store import folder_of, weights_folder


def test_a_file_comes_is_pinned_and_is_there_for_the_loader(server: WeightsServer) -> None:
    it, watch = fox({"file": "a/fox.pt", "url": server.put("/fox.pt", DATA)}), Notes()
    (came,) = get(it, watch=watch)
    assert (came.file, came.bytes, came.sha256, came.pinned) == ("a/fox.pt", len(DATA), DIGEST, True)
    assert came.origin == f"url: {server.address}/fox.pt"
    assert watch.begun == [("fox.pt", len(DATA), 0)]
    assert watch.bytes == len(DATA)
    folder = weights_folder(it, {})
    assert folder is not None
    assert (folder / "a" / "fox.pt").read_bytes() == DATA
    assert not (folder / ".pull").exists()
    assert get(it) == []  # and does not come twice
    assert len(server.asked) == 1


def test_a_published_digest_is_kept_to(server: WeightsServer) -> None:
    it = fox({"file": "fox.pt", "url": server.put("/fox.pt", DATA), "sha256": DIGEST, "bytes": len(DATA)})
    assert [one.pinned for one in get(it)] == [False]
    wrong = fox({"file": "cub.pt", "url": server.put("/fox.pt", b"wrong"), "sha256": DIGEST})
    message = refusal(wrong)
    assert "cub.pt of fox is not what was expected: it has sha256" in message
    assert "its card says" in message
    assert "thrown away" in message
    assert not (folder_of(wrong) / "cub.pt").exists()


def test_a_dropped_connection_is_taken_up_where_it_broke(server: WeightsServer) -> None:
    it, watch = fox({"file": "fox.pt", "url": server.put("/fox.pt", DATA, cuts=[300_000, 300_000])}), Notes()
    assert get(it, watch=watch)[0].sha256 == DIGEST
    assert [asked for _, asked, _ in server.asked] == [None, "bytes=300000-", "bytes=600000-"]
    assert watch.begun[1:] == [("fox.pt", len(DATA), 300_000), ("fox.pt", len(DATA), 600_000)]


def test_a_connection_that_always_drops_keeps_what_came(server: WeightsServer) -> None:
    it = fox({"file": "fox.pt", "url": server.put("/fox.pt", DATA, cuts=[100_000, 0, 0, 0, 0])})
    message = refusal(it)
    assert "the connection broke after 100000 of 1024000 bytes" in message
    assert "100000 bytes are here and kept): run the same command again to continue" in message
    assert part_of(it).stat().st_size == 100_000
    server.files["/fox.pt"].cuts.clear()
    assert get(it)[0].sha256 == DIGEST
    assert server.asked[-1][1] == "bytes=100000-"


def test_a_server_that_ignores_range_is_asked_from_the_start(server: WeightsServer) -> None:
    it = fox({"file": "fox.pt", "url": server.put("/fox.pt", DATA, cuts=[300_000, 200_000], ranges=False)})
    assert get(it)[0].sha256 == DIGEST
    assert len(server.asked) == 3


def test_a_server_that_never_sends_all_is_given_up(server: WeightsServer) -> None:
    it = fox({"file": "fox.pt", "url": server.put("/fox.pt", DATA, cuts=[5000] * 20, ranges=False)})
    assert "4 times in a row" in refusal(it)


@pytest.mark.parametrize("etag", ['"two"', None])
def test_another_version_is_fetched_from_the_start(server: WeightsServer, etag: str | None) -> None:
    it = fox({"file": "fox.pt", "url": server.put("/fox.pt", DATA, cuts=[5000, 0, 0, 0])})
    refusal(it)
    other = DATA[::-1] + b"more"
    server.put("/fox.pt", other, etag=etag)
    assert get(it)[0].sha256 == sha256(other).hexdigest()


def test_a_part_that_is_whole_only_gets_its_name(server: WeightsServer) -> None:
    it = fox({"file": "fox.pt", "url": server.put("/fox.pt", DATA, cuts=[5000, 0, 0, 0])})
    refusal(it)
    part_of(it).write_bytes(DATA)
    asked = len(server.asked)
    assert get(it)[0].sha256 == DIGEST
    assert len(server.asked) == asked


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (404, "there is no such file (404): name a --mirror that has it, or bring it in with --from FOLDER"),
        (403, "the server refuses it (403): bring it in with --from FOLDER, or name a --mirror"),
        (401, "the server refuses it (401)"),
        (503, "the server answered 503 (4 times in a row"),
        (400, "the server answered 400"),
        (416, "the server answered 416"),  # although no part of the file was asked for
    ],
)
def test_a_refusal_is_one_line(server: WeightsServer, status: int, words: str) -> None:
    url = server.put("/fox.pt", b"", status=status)
    message = refusal(fox({"file": "fox.pt", "url": f"{url}?key=secret"}))
    assert message.startswith(f"{server.address}/fox.pt: {words}")
    assert "secret" not in message


def test_a_dead_server_is_one_line() -> None:
    message = refusal(fox({"file": "fox.pt", "url": "http://127.0.0.1:1/fox.pt"}))
    assert "127.0.0.1 cannot be reached" in message
    assert "expected an address" in refusal(fox({"file": "fox.pt", "url": "file:///etc/passwd"}))


def test_redirects_are_followed_but_to_no_file(server: WeightsServer) -> None:
    server.put("/real.pt", DATA)
    it = fox({"file": "fox.pt", "url": server.put("/fox.pt", b"", redirect="/real.pt")})
    assert get(it)[0].sha256 == DIGEST
    bad = fox({"file": "cub.pt", "url": server.put("/cub.pt", b"", redirect="ftp://127.0.0.1/x")})
    assert "leads to ftp: that is not followed" in refusal(bad)


def test_a_full_disk_is_one_line(server: WeightsServer) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("this system has no /dev/full")
    it = fox({"file": "fox.pt", "url": server.put("/fox.pt", DATA)})
    part_of(it).parent.mkdir(parents=True)
    part_of(it).symlink_to("/dev/full")
    message = refusal(it)
    assert "fox.pt: the disk is full: what came is kept; free some room" in message


def test_room_is_asked_for_before_anything_comes(server: WeightsServer) -> None:
    it = fox({"file": "fox.pt", "url": server.put("/fox.pt", DATA), "bytes": 10**18})
    message = refusal(it)
    assert message.startswith("pulling fox needs 1000000000 GB more, and the disk has")
    assert "AUTORATER_WEIGHTS" in message
    assert server.asked == []


def test_two_pulls_at_once_are_refused(server: WeightsServer) -> None:
    it = fox({"file": "fox.pt", "url": server.put("/fox.pt", DATA)})
    folder_of(it).mkdir(parents=True)
    with locked(folder_of(it), ".pull.lock", patience=0):
        assert "another process pulls fox at this moment" in refusal(it)
    assert get(it)


def test_a_mirror_takes_the_place_of_the_host(server: WeightsServer) -> None:
    assert mirrored("https://a.example/b/c.pt?d=e", "") == "https://a.example/b/c.pt?d=e"
    server.put("/copies/b/fox.pt", DATA)
    it = fox({"file": "fox.pt", "url": "https://a.example/b/fox.pt"})
    (came,) = get(it, replace(QUICK, mirror=f"{server.address}/copies/"))
    assert came.origin == "url: https://a.example/b/fox.pt"
