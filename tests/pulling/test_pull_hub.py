"""`autorater tools pull` from repositories of the Hugging Face hub, played by a server on this machine."""

from dataclasses import replace

import pytest
from pulls import DATA, DIGEST, QUICK, fox, get, refusal
from weights_server import WeightsServer

from autorater.manifest import read_manifest
from autorater.pulling import How
from autorater.store import folder_of, weights_folder

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
