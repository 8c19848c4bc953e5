"""What was pulled once must stay what it is: pins, variants, terms."""

from dataclasses import replace
from hashlib import sha256

import pytest
from pulls import DATA, DIGEST, QUICK, fox, get, refusal, zipped
from weights_server import WeightsServer

from autorater.card import Option
from autorater.errors import SpecialistError, UsageError
from autorater.manifest import read_manifest
from autorater.store import folder_of, weights_folder


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
