"""`autorater tools pull` of what lies in archives, sound and evil ones."""

import bz2
import gzip
import lzma
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from pulls import DATA, DIGEST, FILES, fox, get, refusal, tarred, zipped
from weights_server import WeightsServer

from autorater.errors import SpecialistError
from autorater.store import folder_of, weights_folder
from autorater.unpacking import unpack


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
