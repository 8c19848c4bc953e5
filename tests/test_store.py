"""The weights store at loading: whole, truncated, tampered, missing, pinned; nothing is hashed twice for nothing."""

import os
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from fakes import card
from pydantic import ValidationError

from autorater.assessment import Declined, Provenance
from autorater.cache import Cache, Entry
from autorater.card import Card, Option, Weights
from autorater.errors import SpecialistError
from autorater.manifest import Kept, add_to_manifest, locked, read_manifest
from autorater.store import (
    files_below,
    folder_of,
    in_words,
    missing_weights,
    pinned_weights,
    size_on_disk,
    store_root,
    unverified,
    weights_folder,
)

DATA = b"weights of a fox" * 100
DIGEST = sha256(DATA).hexdigest()


@pytest.fixture(autouse=True)
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("AUTORATER_WEIGHTS", str(tmp_path / "store"))
    return tmp_path / "store"


def fox(**fields: Any) -> Card:
    told: dict[str, Any] = {"file": "fox.pt", "url": "http://127.0.0.1/fox.pt", "licence": "MIT", **fields}
    return card("fox", weights=(Weights(**told),))


def put(path: Path, data: bytes = DATA) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


def refusal(of: Card) -> str:
    with pytest.raises(SpecialistError) as raised:
        weights_folder(of, of.options())
    message = str(raised.value)
    assert "\n" not in message
    return message


def test_the_root(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert store_root() == store
    assert folder_of(card("fox")) == store / "fox"
    assert folder_of(card("fox", store="foxes")) == store / "foxes"
    monkeypatch.delenv("AUTORATER_WEIGHTS")
    assert store_root().parts[-2:] == ("autorater", "weights")


def test_what_packages_ship_needs_no_folder() -> None:
    packaged = Weights(file="a/b.pt", package="foxes", sha256=DIGEST, licence="MIT")
    assert weights_folder(card("fox", weights=(packaged,)), {}) is None
    assert weights_folder(card("fox"), {}) is None


def test_a_whole_file_is_given_and_remembered(store: Path) -> None:
    put(store / "fox" / "fox.pt")
    assert weights_folder(fox(sha256=DIGEST), {}) == store / "fox"
    kept = read_manifest(store / "fox").files["fox.pt"]
    assert (kept.sha256, kept.bytes, kept.pinned, kept.origin) == (DIGEST, len(DATA), False, "found in the store")


def test_a_missing_file_names_the_command(store: Path) -> None:
    assert missing_weights(fox(), {}) == ["fox.pt"]
    assert refusal(fox()) == "the weights of fox are not here (fox.pt): run `autorater tools pull fox`"
    (store / "fox" / "fox").mkdir(parents=True)
    assert "fox/" in refusal(fox(file="fox/"))  # an empty folder is none


def test_another_file_than_the_card_names_is_refused(store: Path) -> None:
    put(store / "fox" / "fox.pt", b"other" * 1000)
    assert "its card says" in refusal(fox(sha256=DIGEST))
    put(store / "fox" / "fox.pt", DATA[:-3])
    assert f"has {len(DATA) - 3} of {len(DATA)} bytes" in refusal(fox(sha256=DIGEST, bytes=len(DATA)))


def test_the_first_file_is_pinned_where_nobody_publishes_a_digest(store: Path) -> None:
    file = put(store / "fox" / "fox.pt")
    weights_folder(fox(), {})
    assert read_manifest(store / "fox").files["fox.pt"].pinned
    file.write_bytes(DATA[:-1] + b"!")
    assert "it came with" in refusal(fox())
    assert "autorater tools pull fox" in refusal(fox())
    file.write_bytes(DATA[:-100])
    assert f"is cut off: it has {len(DATA) - 100} of {len(DATA)} bytes" in refusal(fox())
    file.write_bytes(DATA)  # another time of change, the same bytes
    assert weights_folder(fox(), {}) == store / "fox"


def test_an_unchanged_file_is_not_hashed_again(store: Path) -> None:
    file = put(store / "fox" / "fox.pt")
    weights_folder(fox(sha256=DIGEST), {})
    before = file.stat()
    file.write_bytes(b"x" * len(DATA))
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))  # what only somebody who means it does
    assert weights_folder(fox(sha256=DIGEST), {}) == store / "fox"
    os.utime(file)
    assert "its card says" in refusal(fox(sha256=DIGEST))


def test_a_card_that_names_another_digest_is_heard_at_once(store: Path) -> None:
    put(store / "fox" / "fox.pt")
    weights_folder(fox(), {})
    assert "its card says" in refusal(fox(sha256="0" * 64))


def test_a_folder_is_verified_file_by_file(store: Path) -> None:
    folder = store / "fox"
    put(folder / "model" / "config.json", b"{}")
    put(folder / "model" / "sub" / "a.bin")
    put(folder / "model" / ".cache" / "x", b"ignored")
    assert weights_folder(fox(file="model/"), {}) == folder
    assert sorted(read_manifest(folder).files) == ["model/config.json", "model/sub/a.bin"]
    put(folder / "model" / "config.json", b"[]")
    assert "model/config.json of fox" in refusal(fox(file="model/"))
    put(folder / "model" / "config.json", b"{}")
    (folder / "model" / "sub" / "a.bin").unlink()
    assert "model/sub/a.bin of fox is missing" in refusal(fox(file="model/"))


def test_options_choose_what_is_verified(store: Path) -> None:
    both = card(
        "fox",
        options=(Option(name="size", meaning="which", default="small", choices=("small", "large")),),
        weights=tuple(
            Weights(file=f"{size}.pt", url="http://127.0.0.1/x", licence="MIT", when={"size": size})
            for size in ("small", "large")
        ),
    )
    put(store / "fox" / "small.pt")
    assert weights_folder(both, both.options()) == store / "fox"
    assert missing_weights(both, both.options({"size": "large"})) == ["large.pt"]


@pytest.mark.parametrize(
    "file",
    ["../fox.pt", "/etc/passwd", "a/../../b", "a//b", "", ".", "./a", ".hidden", "a\\b", "c:/x", "manifest.json"],
)
def test_a_card_cannot_name_a_path_that_leaves(file: str) -> None:
    with pytest.raises(ValidationError, match="expected a relative path of plain names"):
        fox(file=file)


def test_a_card_cannot_name_a_store_that_leaves() -> None:
    with pytest.raises(ValidationError):
        card("fox", store="../elsewhere")
    with pytest.raises(ValidationError, match="a folder has no sha256"):
        fox(file="model/", sha256=DIGEST)


def test_a_link_does_not_leave_the_folder(store: Path, tmp_path: Path) -> None:
    outside = put(tmp_path / "outside.pt")
    (store / "fox").mkdir(parents=True)
    (store / "fox" / "fox.pt").symlink_to(outside)
    assert "leads out of the folder fox" in refusal(fox())
    (store / "fox" / "fox.pt").unlink()
    put(store / "fox" / "real.pt")
    (store / "fox" / "fox.pt").symlink_to("real.pt")  # a link inside is harmless
    assert weights_folder(fox(), {}) == store / "fox"


def test_a_damaged_manifest_names_the_fix(store: Path) -> None:
    put(store / "fox" / "fox.pt")
    put(store / "fox" / "manifest.json", b'{"files": ')
    assert "delete fox/manifest.json there and run `autorater tools pull fox`" in refusal(fox())


def test_a_store_that_cannot_be_written_is_only_slower(store: Path) -> None:
    put(store / "fox" / "fox.pt")
    (store / "fox" / ".manifest.lock").mkdir()  # the lock cannot be taken
    assert weights_folder(fox(sha256=DIGEST), {}) == store / "fox"
    assert not (store / "fox" / "manifest.json").exists()


def test_two_writers_lose_nothing(store: Path) -> None:
    import threading

    def write(number: int) -> None:
        add_to_manifest(store / "fox", {f"{number}.pt": Kept(sha256=DIGEST, bytes=1, mtime_ns=number)})

    threads = [threading.Thread(target=write, args=(number,)) for number in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(read_manifest(store / "fox").files) == 12


def test_a_lock_is_held_by_one(store: Path) -> None:
    store.mkdir()
    with locked(store, "lock", patience=0), pytest.raises(TimeoutError), locked(store, "lock", patience=0):
        pass


def test_what_lies_there(store: Path) -> None:
    put(store / "fox" / "fox.pt")
    put(store / "fox" / "stray.pt", b"1234")
    assert size_on_disk(store / "fox") == len(DATA) + 4
    assert size_on_disk(store / "nothing") == 0
    weights_folder(fox(), {})
    assert unverified(store / "fox") == ["stray.pt"]
    assert list(files_below(store / "fox")) == ["fox.pt", "manifest.json", "stray.pt"]


def test_other_weights_are_not_answered_for_by_the_cache(store: Path, tmp_path: Path) -> None:
    it, cache = fox(), Cache(tmp_path / "cache")
    file = put(store / "fox" / "fox.pt")
    weights_folder(it, {})
    entry = Entry(
        outcome=Declined(reason="no fox"), provenance=Provenance(card=it.digest, settings="", device="cpu", seconds=1)
    )
    cache.keep("key", it, entry)
    assert cache.find("key", it)
    file.unlink()
    (store / "fox" / "manifest.json").unlink()
    put(file, b"another fox")
    weights_folder(it, {})
    assert cache.find("key", it) is None
    assert pinned_weights(it) == {"fox.pt": sha256(b"another fox").hexdigest()}
    assert pinned_weights(fox(sha256=DIGEST)) == {}  # the card says them, and its digest is in the key


@pytest.mark.parametrize(
    ("count", "words"),
    [(0, "0 bytes"), (999, "999 bytes"), (1500, "1.5 kB"), (351_414_000, "351 MB"), (16_100_000_000, "16.1 GB")],
)
def test_sizes_are_told_in_words(count: int, words: str) -> None:
    assert in_words(count) == words
