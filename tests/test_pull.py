"""`autorater tools pull` against a server on this machine that treats it well or badly."""

import bz2
import gzip
import io
import lzma
import os
import stat
import tarfile
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from fakes import card
from weights_server import WeightsServer

from autorater.card import Card, Option, Weights
from autorater.errors import AutoRaterError, SpecialistError, UsageError
from autorater.manifest import locked, read_manifest
from autorater.pulling import Came, How, mirrored, pull
from autorater.store import folder_of, weights_folder
from autorater.unpacking import unpack

DATA = bytes(range(256)) * 4000
DIGEST = sha256(DATA).hexdigest()
QUICK = How(wait=0.001)


class Notes:
    """A watch that remembers."""

    def __init__(self) -> None:
        self.begun: list[tuple[str, int | None, int]] = []
        self.bytes = 0

    def begin(self, what: str, total: int | None, done: int) -> None:
        """A file begins."""
        self.begun.append((what, total, done))

    def advance(self, count: int) -> None:
        """So many bytes more are here."""
        self.bytes += count


@pytest.fixture
def server() -> Iterator[WeightsServer]:
    running = WeightsServer()
    yield running
    running.close()


@pytest.fixture(autouse=True)
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("AUTORATER_WEIGHTS", str(tmp_path / "store"))
    return tmp_path / "store"


@pytest.fixture
def online(monkeypatch: pytest.MonkeyPatch) -> None:
    """The tests' environment switches the hub off; the one here is on this machine."""
    constants = pytest.importorskip("huggingface_hub.constants", reason="the extra hub is not installed")
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_IMPLICIT_TOKEN", False)
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_TELEMETRY", False)


def fox(*weights: dict[str, Any], **fields: Any) -> Card:
    return card("fox", weights=tuple(Weights.model_validate({"licence": "MIT", **one}) for one in weights), **fields)


def get(of: Card, how: How = QUICK, watch: Notes | None = None, **options: Any) -> list[Came]:
    return pull(of, of.options(options), how, watch or Notes())


def refusal(of: Card, how: How = QUICK) -> str:
    with pytest.raises(AutoRaterError) as raised:
        get(of, how)
    message = str(raised.value)
    assert "\n" not in message
    return message


def part_of(of: Card, path: str = "fox.pt") -> Path:
    return folder_of(of) / ".pull" / "files" / f"{path}.part"


# --- one file by HTTP ------------------------------------------------------------------------------------------------


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


# --- pins and tampering ----------------------------------------------------------------------------------------------


def test_a_tampered_file_comes_again_and_must_be_the_pinned_one(server: WeightsServer) -> None:
    it = fox({"file": "fox.pt", "url": server.put("/fox.pt", DATA)})
    get(it)
    (folder_of(it) / "fox.pt").write_bytes(b"evil")
    with pytest.raises(SpecialistError, match="cut off"):
        weights_folder(it, {})
    assert get(it)[0].sha256 == DIGEST
    (folder_of(it) / "fox.pt").unlink()
    server.put("/fox.pt", b"another fox", etag='"x"')
    message = refusal(it)
    assert "the first one had" in message
    assert "--repin" in message
    assert get(it, replace(QUICK, repin=True))[0].sha256 == sha256(b"another fox").hexdigest()
    assert weights_folder(it, {}) == folder_of(it)


def test_a_file_that_was_put_there_is_verified_not_fetched(server: WeightsServer) -> None:
    it = fox({"file": "fox.pt", "url": server.put("/fox.pt", DATA), "sha256": DIGEST})
    folder_of(it).mkdir(parents=True)
    (folder_of(it) / "fox.pt").write_bytes(DATA)
    assert get(it) == []
    assert server.asked == []
    (folder_of(it) / "fox.pt").write_bytes(b"half")
    assert get(it)[0].sha256 == DIGEST


def test_options_choose_what_comes(server: WeightsServer) -> None:
    sizes = Option(name="size", meaning="which", default="small", choices=("small", "large"))
    it = fox(
        *(
            {"file": f"{name}.pt", "url": server.put(f"/{name}", DATA), "when": {"size": name}}
            for name in sizes.choices
        ),
        options=(sizes,),
    )
    assert [one.file for one in get(it)] == ["small.pt"]
    assert [one.file for one in get(it, size="large")] == ["large.pt"]
    assert sorted(read_manifest(folder_of(it)).files) == ["large.pt", "small.pt"]


def test_variants_may_share_a_file_when_it_is_the_same(server: WeightsServer) -> None:
    sizes = Option(name="size", meaning="which", default="small", choices=("small", "large"))
    weights = [
        {"file": file, "url": server.put(f"/{size}.zip", zipped({"base.pt": DATA, "x.pt": size.encode()})), **more}
        for size in ("small", "large")
        for file, more in (
            ("base.pt", {"member": "base.pt", "when": {"size": size}}),
            (f"{size}.pt", {"member": "x.pt", "when": {"size": size}}),
        )
    ]
    it = fox(*weights, options=(sizes,))
    get(it)
    assert sorted(one.file for one in get(it, size="large")) == ["base.pt", "large.pt"]
    kept = read_manifest(folder_of(it)).files["base.pt"]
    assert {kept.origin, *kept.also} == {f"url: {server.address}/{size}.zip" for size in ("small", "large")}
    server.asked.clear()
    assert get(it) == get(it, size="large") == []
    assert server.asked == []
    weights[2]["url"] = server.put("/other.zip", zipped({"base.pt": b"different", "x.pt": b"large"}))
    with pytest.raises(SpecialistError, match="the one of another variant has"):
        get(fox(*weights, options=(sizes,)), size="large")
    assert weights_folder(it, it.options()) == folder_of(it)


def test_terms_are_accepted_once(server: WeightsServer) -> None:
    it = fox({"file": "fox.pt", "url": server.put("/fox.pt", DATA)}, accept="Research only.")
    with pytest.raises(UsageError, match=r"come under terms: Research only\. .* --accept-licence"):
        get(it)
    assert server.asked == []
    get(it, replace(QUICK, accept=True))
    (folder_of(it) / "fox.pt").unlink()
    assert get(it)
    assert list(read_manifest(folder_of(it)).accepted) == ["Research only."]


def test_what_packages_ship_needs_nothing() -> None:
    assert get(fox({"file": "a.pt", "package": "foxes", "sha256": DIGEST})) == []


# --- archives --------------------------------------------------------------------------------------------------------


def zipped(files: dict[str, bytes], *, link: str = "") -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            info = zipfile.ZipInfo(name)
            info.external_attr = (stat.S_IFLNK | 0o777) << 16 if name == link else 0o644 << 16
            archive.writestr(info, data)
    return buffer.getvalue()


def tarred(files: dict[str, bytes], *, link: str = "", mode: Any = "w:gz") -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode=mode) as archive:
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            if name == link:
                info.type, info.linkname, info.size = tarfile.SYMTYPE, "/etc/passwd", 0
            archive.addfile(info, io.BytesIO(data))
    return buffer.getvalue()


FILES = {"top/a.pt": DATA, "top/lora/config.json": b"{}", "other/b.pt": b"b"}


@pytest.mark.parametrize("pack", [zipped, tarred])
def test_members_of_one_archive_come_by_one_download(server: WeightsServer, pack: Any) -> None:
    url = server.put("/all.archive", pack(FILES))
    it = fox(
        {"file": "a.pt", "url": url, "member": "top/a.pt", "sha256": DIGEST},
        {"file": "lora/", "url": url, "member": "top/lora/"},
        {"file": "everything/", "url": url, "member": "."},
    )
    assert [one.file for one in get(it)] == [
        "a.pt",
        "lora/config.json",
        "everything/other/b.pt",
        "everything/top/a.pt",
        "everything/top/lora/config.json",
    ]
    assert len(server.asked) == 1
    assert weights_folder(it, {}) == folder_of(it)
    assert not (folder_of(it) / ".pull").exists()


def test_one_compressed_file(server: WeightsServer) -> None:
    it = fox({"file": "fox.dat", "url": server.put("/fox.dat.bz2", bz2.compress(DATA)), "member": "."})
    assert get(it)[0].sha256 == DIGEST


@pytest.mark.parametrize("squeeze", [bz2.compress, gzip.compress, lzma.compress])
def test_a_compressed_file_that_swells_is_stopped(
    tmp_path: Path, squeeze: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive, target = tmp_path / "fox.dat.z", tmp_path / "out" / "fox.dat"
    archive.write_bytes(squeeze(b"fox " * 1_250_000))
    unpack(archive, ".", target, folder=False, size=5_000_000)
    assert target.stat().st_size == 5_000_000
    with pytest.raises(SpecialistError, match=r"fox\.dat\.z holds more than the 1\.5 MB that its card says: fetch it"):
        unpack(archive, ".", target, folder=False, size=1_500_000)
    assert not target.exists()
    small = SimpleNamespace(disk_usage={archive.parent: SimpleNamespace(free=4_000_000)}.get)
    monkeypatch.setattr("autorater.unpacking.shutil", small)
    with pytest.raises(
        SpecialistError, match=r"holds more than the 3\.6 MB that the disk has room for: free some room"
    ):
        unpack(archive, ".", target, folder=False)
    assert not target.exists()


@pytest.mark.parametrize("pack", [zipped, tarred])
@pytest.mark.parametrize("name", ["../evil", "/evil", "a/../../evil", "..\\evil", "c:evil"])
def test_an_archive_cannot_write_elsewhere(tmp_path: Path, pack: Any, name: str) -> None:
    archive = tmp_path / "in" / "bad.archive"
    archive.parent.mkdir()
    archive.write_bytes(pack({"good": b"1", name: b"2"}))
    with pytest.raises(SpecialistError, match="leads out of its folder: nothing was unpacked"):
        unpack(archive, ".", tmp_path / "in" / "out", folder=True)
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == ["bad.archive"]


@pytest.mark.parametrize("pack", [zipped, tarred])
def test_an_archive_cannot_make_links(tmp_path: Path, pack: Any) -> None:
    archive = tmp_path / "bad.archive"
    archive.write_bytes(pack({"good": b"1", "link": b"/etc/passwd"}, link="link"))
    with pytest.raises(SpecialistError, match="which is a link and no file: nothing was unpacked"):
        unpack(archive, ".", tmp_path / "out", folder=True)
    unpack(archive, "good", tmp_path / "good", folder=False)  # what is wanted is sound
    assert (tmp_path / "good").read_bytes() == b"1"


@pytest.mark.parametrize(
    ("data", "member", "words"),
    [
        (b"no archive at all", ".", "is no archive that can be read"),
        (zipped(FILES)[:-500], "top/a.pt", "archive"),
        (tarred(FILES)[:-500], "other/b.pt", "damaged archive"),
        (b"BZh9" + bytes(100), ".", "damaged archive"),
        (zipped(FILES), "absent.pt", "has no 'absent.pt'; it holds top/a.pt"),
        (zipped(FILES), "top", "is a folder of 2 files, expected one file"),
    ],
)
def test_a_bad_archive_is_one_line_and_not_kept(server: WeightsServer, data: bytes, member: str, words: str) -> None:
    it = fox({"file": "fox.pt", "url": server.put("/all.zip", data), "member": member})
    assert words in refusal(it)
    assert not any((folder_of(it) / ".pull" / "archives").iterdir())


def test_a_wrong_member_is_not_unpacked_for_ever(server: WeightsServer) -> None:
    it = fox(
        {"file": "a.pt", "url": server.put("/all.zip", zipped({"a.pt": b"wrong"})), "member": "a.pt", "sha256": DIGEST}
    )
    refusal(it)
    server.put("/all.zip", zipped({"a.pt": DATA}))
    assert get(it)[0].sha256 == DIGEST


# --- npm, by hand, from a folder -------------------------------------------------------------------------------------


@pytest.fixture
def npm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A stand-in for npm that packs foxes@1.0.0 and knows nothing else."""
    tools = tmp_path / "bin"
    tools.mkdir()
    (tmp_path / "packed.tgz").write_bytes(tarred({"package/model/fox.pt": DATA}))
    script = tools / "npm"
    script.write_text(
        "#!/bin/sh\nfor word; do last=$word; done\n"
        'if [ "$last" = "@some/foxes@1.0.0" ]; then cp ' + f'"{tmp_path}/packed.tgz" ./some-foxes-1.0.0.tgz\n'
        "else echo 'npm error 404 not found' >&2; exit 1; fi\n",
        encoding="utf-8",
    )
    script.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tools}{os.pathsep}{os.environ['PATH']}")
    return tools


def test_npm_packs(npm: Path) -> None:
    it = fox({"file": "fox.pt", "npm": "@some/foxes@1.0.0", "member": "model/fox.pt"})
    (came,) = get(it)
    assert (came.sha256, came.origin) == (DIGEST, "npm: @some/foxes@1.0.0")
    absent = fox({"file": "cub.pt", "npm": "cubs@1.0.0", "member": "cub.pt"})
    assert "`npm pack cubs@1.0.0` failed (npm error 404 not found)" in refusal(absent)


def test_pip_downloads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wheels = tmp_path / "wheels"
    wheels.mkdir()
    about = {
        "METADATA": b"Metadata-Version: 2.1\nName: red-foxes\nVersion: 1.0\n",
        "WHEEL": b"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    told = {f"red_foxes-1.0.dist-info/{name}": text for name, text in about.items()}
    wheel = zipped({"red_foxes/model/fox.pt": DATA, **told})
    (wheels / "red_foxes-1.0-py3-none-any.whl").write_bytes(wheel)
    for name, value in {"NO_INDEX": "1", "FIND_LINKS": str(wheels), "CONFIG_FILE": os.devnull}.items():
        monkeypatch.setenv(f"PIP_{name}", value)
    it = fox({"file": "fox.pt", "pypi": "red-foxes==1.0", "member": "red_foxes/model/fox.pt"})
    (came,) = get(it)
    assert (came.sha256, came.origin) == (DIGEST, "pypi: red-foxes==1.0")
    absent = fox({"file": "cub.pt", "pypi": "cubs==1.0", "member": "cub.pt"})
    assert "`pip download cubs==1.0` failed (ERROR: Could not find a version" in refusal(absent)


def test_without_npm_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    it = fox({"file": "fox.pt", "npm": "foxes@1.0.0", "member": "fox.pt"})
    assert "comes through npm, which is not installed" in refusal(it)


def test_what_is_got_by_hand_is_explained(tmp_path: Path) -> None:
    it = fox({"file": "deep/fox.pt", "by_hand": "https://fox.example/page"})
    message = refusal(it)
    assert "get it by hand at https://fox.example/page, name it 'fox.pt'" in message
    assert "run `autorater tools pull fox --from FOLDER`" in message
    (tmp_path / "mine").mkdir()
    assert "holds no deep/fox.pt, which fox needs" in refusal(it, How(folder=tmp_path / "mine"))
    (tmp_path / "mine" / "fox.pt").write_bytes(DATA)
    (came,) = get(it, How(folder=tmp_path / "mine"))
    assert (came.sha256, came.pinned) == (DIGEST, True)
    assert weights_folder(it, {}) == folder_of(it)


@pytest.mark.parametrize("path", ["fox/deep/fox.pt", "deep/fox.pt", "fox.pt"])
def test_where_a_file_may_lie_in_a_folder(tmp_path: Path, path: str) -> None:
    it = fox({"file": "deep/fox.pt", "url": "https://fox.example/fox.pt", "sha256": DIGEST})
    file = tmp_path / "mine" / path
    file.parent.mkdir(parents=True)
    file.write_bytes(DATA)
    get(it, How(folder=tmp_path / "mine"))
    here = folder_of(it) / "deep" / "fox.pt"
    assert here.stat().st_ino == file.stat().st_ino  # a hard link where that is possible
    (folder_of(it) / "deep" / "fox.pt").unlink()
    file.write_bytes(b"wrong")
    assert "its card says" in refusal(it, How(folder=tmp_path / "mine"))
    assert file.read_bytes() == b"wrong"  # the folder is the person's


def test_a_folder_of_links_as_the_hub_keeps_it(tmp_path: Path) -> None:
    it = fox({"file": "model/", "hub": "o/n", "patterns": ("*.json", "*.bin")})
    (tmp_path / "blobs").mkdir()
    (tmp_path / "blobs" / "1").write_bytes(DATA)
    snapshot = tmp_path / "snapshot"
    snapshot.mkdir()
    (snapshot / "model.bin").symlink_to(tmp_path / "blobs" / "1")
    (snapshot / "config.json").write_bytes(b"{}")
    (snapshot / "README.md").write_bytes(b"not wanted")
    assert [one.file for one in get(it, How(folder=snapshot))] == ["model/config.json", "model/model.bin"]
    assert not (folder_of(it) / "model" / "model.bin").is_symlink()
    assert weights_folder(it, {}) == folder_of(it)


def test_an_archive_in_a_folder(tmp_path: Path) -> None:
    (tmp_path / "all.zip").write_bytes(zipped(FILES))
    it = fox({"file": "x.pt", "url": "https://fox.example/v1/all.zip", "member": "top/a.pt"})
    assert get(it, How(folder=tmp_path))[0].sha256 == DIGEST
    assert (tmp_path / "all.zip").is_file()
    with pytest.raises(UsageError, match="--from: there is no folder"):
        get(fox({"file": "y.pt", "by_hand": "x"}), How(folder=tmp_path / "absent"))


# --- the hub ---------------------------------------------------------------------------------------------------------

HUB = {"model.bin": DATA, "config.json": b"{}", "README.md": b"# fox", "sub/more.json": b"[]"}


def hub(server: WeightsServer) -> How:
    return replace(QUICK, mirror=server.address)


def be_the_hub(server: WeightsServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """As if HF_ENDPOINT had named the server when the library was imported."""
    constants = pytest.importorskip("huggingface_hub.constants")
    monkeypatch.setattr(constants, "ENDPOINT", server.address)
    template = server.address + "/{repo_id}/resolve/{revision}/{filename}"
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)


@pytest.mark.usefixtures("online")
def test_a_repository_comes_by_its_commit(server: WeightsServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    server.repository("o/n", HUB)
    be_the_hub(server, monkeypatch)
    it = fox({"file": "model/", "hub": "o/n", "patterns": ("*.json", "*.bin")})
    came = get(it)
    assert [one.file for one in came] == ["model/model.bin", "model/config.json", "model/sub/more.json"]
    assert not any(one.pinned for one in came)
    kept = read_manifest(folder_of(it)).files["model/model.bin"]
    assert (kept.origin, kept.revision, kept.sha256) == ("hub: o/n@main", "c0ffee", DIGEST)
    assert {token for _, _, token in server.asked} == {"Bearer hf_secret"}
    assert "hf_secret" not in (folder_of(it) / "manifest.json").read_text(encoding="utf-8")
    assert weights_folder(it, {}) == folder_of(it)


@pytest.mark.usefixtures("online")
def test_the_token_stays_with_the_hub(server: WeightsServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    elsewhere = WeightsServer()
    server.repository("o/n", {"model.bin": DATA})
    server.files["/o/n/resolve/c0ffee/model.bin"].redirect = elsewhere.put("/blob", DATA)
    it = fox({"file": "model/", "hub": "o/n"})
    get(it, hub(server))
    assert {token for _, _, token in server.asked} == {None}  # a mirror gets none
    (folder_of(it) / "model" / "model.bin").unlink()
    be_the_hub(server, monkeypatch)
    server.asked.clear()
    server.put("/api/models/o/n/revision/c0ffee", server.files["/api/models/o/n/revision/main"].data)
    get(it)
    assert {token for _, _, token in server.asked} == {"Bearer hf_secret"}
    assert elsewhere.asked == [("/blob", None, None)] * 2  # and a redirect takes none along
    elsewhere.close()


@pytest.mark.usefixtures("online")
@pytest.mark.parametrize("name", ["model.bin", "config.json"])
def test_wrong_bytes_of_the_hub_are_refused(server: WeightsServer, name: str) -> None:
    server.repository("o/n", HUB)
    server.files[f"/o/n/resolve/c0ffee/{name}"].data = bytes(len(HUB[name]))
    it = fox({"file": "model/", "hub": "o/n"})
    assert f"model/{name} of fox is not what was expected" in refusal(it, hub(server))
    assert not (folder_of(it) / "model").exists()  # nothing of the folder, before all of it is well


@pytest.mark.usefixtures("online")
def test_a_repository_is_continued_file_by_file_and_byte_by_byte(server: WeightsServer) -> None:
    server.repository("o/n", HUB)
    server.files["/o/n/resolve/c0ffee/model.bin"].cuts = [1000, 0, 0, 0]
    it = fox({"file": "model/", "hub": "o/n", "patterns": ("config.json", "*.bin")})
    refusal(it, hub(server))
    server.asked.clear()
    assert len(get(it, hub(server))) == 2
    asked = [(path.rpartition("/")[2], span) for path, span, _ in server.asked[1:]]
    assert ("model.bin", "bytes=1000-") in asked
    assert len(asked) <= 2


@pytest.mark.usefixtures("online")
def test_one_damaged_file_of_a_repository_comes_alone_and_of_the_same_commit(server: WeightsServer) -> None:
    server.repository("o/n", HUB)
    it = fox({"file": "model/", "hub": "o/n"})
    get(it, hub(server))
    server.repository("o/n", {**HUB, "config.json": b"{1}"}, commit="beef")  # main has moved on
    server.put("/api/models/o/n/revision/c0ffee", server.files["/api/models/o/n/revision/main"].data)
    info = server.files["/api/models/o/n/revision/main"].data
    server.files["/api/models/o/n/revision/c0ffee"].data = info.replace(b'"beef"', b'"c0ffee"')
    server.repository("o/n", HUB)
    (folder_of(it) / "model" / "config.json").write_bytes(b"{evil}")
    server.asked.clear()
    get(it, hub(server))
    assert [path for path, _, _ in server.asked] == [
        "/api/models/o/n/revision/c0ffee",
        "/o/n/resolve/c0ffee/config.json",
    ]
    assert weights_folder(it, {}) == folder_of(it)


@pytest.mark.usefixtures("online")
def test_one_file_of_a_repository(server: WeightsServer) -> None:
    server.repository("o/n", HUB)
    it = fox({"file": "mine/model.bin", "hub": "o/n"}, {"file": "c.json", "hub": "o/n", "patterns": ("config.json",)})
    assert [one.file for one in get(it, hub(server))] == ["mine/model.bin", "c.json"]
    absent = fox({"file": "absent.bin", "hub": "o/n"})
    assert f"{server.address}/o/n holds no absent.bin" in refusal(absent, hub(server))


@pytest.mark.usefixtures("online")
@pytest.mark.parametrize("status", [401, 403])
def test_a_gated_repository_names_the_token_and_the_page(server: WeightsServer, status: int) -> None:
    server.repository("o/n", HUB)
    server.files["/o/n/resolve/c0ffee/model.bin"].status = status
    message = refusal(fox({"file": "model/", "hub": "o/n"}), hub(server))
    assert message.startswith(
        f"o/n is gated or private ({status}): ask for access on its page {server.address}/o/n, set"
    )
    assert "HF_TOKEN" in message
    server.files["/api/models/o/n/revision/main"].status = status
    assert "gated or private" in refusal(fox({"file": "model/", "hub": "o/n"}), hub(server))


@pytest.mark.usefixtures("online")
def test_a_repository_that_is_not_there(server: WeightsServer) -> None:
    message = refusal(fox({"file": "model/", "hub": "o/absent"}), hub(server))
    assert "o/absent" in message
    assert "404" in message
    assert "cannot be listed" in refusal(fox({"file": "m/", "hub": "o/n"}), replace(QUICK, mirror="http://127.0.0.1:1"))


def test_a_hub_that_is_switched_off_says_so(server: WeightsServer) -> None:
    pytest.importorskip("huggingface_hub", reason="the extra hub is not installed")
    assert "switched off by HF_HUB_OFFLINE" in refusal(fox({"file": "model/", "hub": "o/n"}), hub(server))


@pytest.mark.usefixtures("online")
def test_a_path_of_a_listing_cannot_leave(server: WeightsServer) -> None:
    server.repository("o/n", {"../../evil.bin": b"1"})
    assert "leads out of the folder" in refusal(fox({"file": "model/", "hub": "o/n"}), hub(server))
