"""The toolbox: lazy, in batches, and never an exception, whatever a specialist does."""

import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fakes import Width, card, measured
from pictures import picture, png

from autorater.assessment import Declined, Failed, Measured
from autorater.cache import Cache, Entry
from autorater.canonical import digest_of
from autorater.card import Weights
from autorater.errors import MissingExtraError, SpecialistError, UsageError
from autorater.image import Picture, open_picture
from autorater.ledger import Ledger
from autorater.toolbox import BATCH, Toolbox, View, checked, declined_or_failed, load_specialist, narrow


@pytest.fixture(autouse=True)
def fresh_width() -> Iterator[None]:
    Width.batches.clear()
    Width.devices.clear()
    Width.gate.set()
    yield
    Width.gate.set()


@pytest.fixture
def toolbox() -> Iterator[Toolbox]:
    names = ("width", "picky", "crashing", "unmade", "lying")
    box = Toolbox({name: card(name) for name in names})
    yield box
    box.close()


def wide(width: int) -> Picture:
    return open_picture(png(width, width=width, height=4))


def run(box: Toolbox, name: str, *views: View) -> list[Any]:
    waiting = [box.submit(name, view) for view in views]
    return [future.result(timeout=20)[0] for future in waiting]


# --- finding ---------------------------------------------------------------------------------------------------------


def test_listing_cards_imports_no_specialist() -> None:
    code = (
        "import sys; from autorater.toolbox import Toolbox; box = Toolbox(); box.ready(); print(len(box.cards)); "
        "heavy = {'torch', 'onnxruntime', 'tensorflow', 'cv2', 'scipy', 'skimage'} & set(sys.modules); "
        "print(sorted(heavy), [name for name in sys.modules if name.startswith('autorater_tools.')])"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.splitlines()
    assert int(told[0]) >= 10
    assert told[1] == "[] []"


def test_a_specialist_is_loaded_when_it_is_first_asked_and_once(toolbox: Toolbox) -> None:
    assert Width.devices == []
    run(toolbox, "width", View(picture(0)))
    run(toolbox, "width", View(picture(1)))
    assert Width.devices == ["cpu"]


def test_unknown_names_are_helped() -> None:
    box = Toolbox({"sharpness": card("sharpness", entry="fakes:Width")})
    with pytest.raises(UsageError, match=r"no specialist is called 'sharpnes'; did you mean 'sharpness'\? known: "):
        box.card("sharpnes")
    with pytest.raises(UsageError, match="known: none"):
        Toolbox({}).card("x")


def test_a_licence_that_forbids_commercial_use_is_refused() -> None:
    cards = {"free": card("free"), "bound": card("bound", licence="CC-BY-NC-4.0", commercial=False)}
    assert set(Toolbox(cards).cards) == {"free", "bound"}
    box = Toolbox(cards, commercial=True)
    assert set(box.cards) == set(box.ready()) == {"free"}
    with pytest.raises(UsageError, match=r"the licence of 'bound' \(CC-BY-NC-4.0\) forbids commercial use"):
        box.require(["free", "bound"])


def test_a_refusal_names_the_licences_of_the_weights() -> None:
    weights = [Weights(file=name, package="some", sha256="0" * 64, licence=f"CC-BY-NC-{name}") for name in "ABA"]
    box = Toolbox({"bound": card("bound", licence="MIT", commercial=False, weights=tuple(weights))}, commercial=True)
    with pytest.raises(UsageError, match=r"\(MIT; weights: CC-BY-NC-A, CC-BY-NC-B\) forbids commercial use"):
        box.card("bound")


def test_a_missing_package_names_its_extra() -> None:
    absent = card("width", imports=("sys", "no_such_package"), extra="faces")
    box = Toolbox({"width": absent})
    assert absent.missing() == ("no_such_package",)
    assert box.ready() == {}
    with pytest.raises(MissingExtraError) as raised:
        box.require(["width"])
    assert raised.value.extra == "faces"
    assert str(raised.value) == (
        "the specialist 'width' (missing: no_such_package) needs a package that is not installed: "
        'pip install "autorater-vision[faces]"'
    )
    with pytest.raises(MissingExtraError, match=r"missing: no_such_module.*autorater-vision\[faces\]"):
        load_specialist(card("width", entry="no_such_module:Width", extra="faces"))


# --- batches ---------------------------------------------------------------------------------------------------------


def test_what_waits_is_one_batch_of_at_most_sixteen(toolbox: Toolbox) -> None:
    Width.gate.clear()
    first = toolbox.submit("width", View(wide(20)))
    while not Width.batches:
        time.sleep(0.001)
    rest = [toolbox.submit("width", View(wide(30 + number))) for number in range(40)]
    Width.gate.set()
    assert first.result(timeout=20)[0] == measured(20)
    assert [future.result(timeout=20)[0] for future in rest] == [measured(30 + number) for number in range(40)]
    assert Width.batches == [1, BATCH, BATCH, 8]


def test_specialists_take_turns(toolbox: Toolbox) -> None:
    Width.gate.clear()
    toolbox.submit("width", View(wide(20)))
    while not Width.batches:
        time.sleep(0.001)
    found = [toolbox.submit("width", View(wide(30 + number))) for number in range(40)]
    found.append(toolbox.submit("picky", View(wide(40))))
    Width.gate.set()
    for future in found:
        future.result(timeout=20)
    assert Width.batches == [1, BATCH, 1, BATCH, 8]


def test_one_bad_view_does_not_spoil_the_batch(toolbox: Toolbox) -> None:
    Width.gate.clear()
    toolbox.submit("width", View(wide(20)))
    found = [toolbox.submit("picky", View(wide(width))) for width in (12, 13, 14, 5)]
    Width.gate.set()
    outcomes = [future.result(timeout=20)[0] for future in found]
    assert [outcome.kind for outcome in outcomes] == ["measured", "failed", "measured", "declined"]
    assert outcomes[1] == Failed(error="thirteen pixels")
    assert outcomes[3] == Declined(reason="too narrow")
    assert [declined_or_failed(outcome) for outcome in outcomes] == [False, True, False, True]


def test_a_cancelled_view_is_not_looked_at(toolbox: Toolbox) -> None:
    Width.gate.clear()
    toolbox.submit("width", View(wide(20)))
    while not Width.batches:
        time.sleep(0.001)
    dropped, kept = toolbox.submit("width", View(wide(30))), toolbox.submit("width", View(wide(31)))
    assert dropped.cancel()
    Width.gate.set()
    assert kept.result(timeout=20)[0] == measured(31)
    assert Width.batches == [1, 1]


# --- broken promises -------------------------------------------------------------------------------------------------


PROMISES = {
    "too high": "width = 1001.0 is outside 1 to 1000 px",
    "too low": "width = 0.5 is outside 1 to 1000 px",
    "nothing": "gave the quantities [], its card declares ['width']",
    "another": "gave the quantities ['size'], its card declares ['width']",
    "twice": "gave the quantities ['width', 'width'], its card declares ['width']",
    "no outcome": "gave a NoneType, expected Measured, Declined or Failed",
    "a number": "gave a int, expected Measured, Declined or Failed",
    "too few": "gave 0 outcomes for 1 views",
}


@pytest.mark.parametrize("promise", PROMISES)
def test_a_broken_promise_is_a_failure_and_never_a_number(toolbox: Toolbox, promise: str) -> None:
    assert run(toolbox, "lying", View(picture(0), prompt=promise)) == [Failed(error=PROMISES[promise])]


@pytest.mark.parametrize(
    ("name", "error"),
    [
        ("crashing", "ZeroDivisionError: division by zero"),
        ("unmade", "RuntimeError: the weights are damaged"),
    ],
)
def test_a_crash_is_a_failure(toolbox: Toolbox, name: str, error: str) -> None:
    assert run(toolbox, name, View(picture(0)), View(picture(1))) == [Failed(error=error)] * 2
    assert isinstance(run(toolbox, "width", View(picture(0)))[0], Measured)  # the lane lives on


def test_an_unknown_class_and_a_missing_package_are_failures_too() -> None:
    box = Toolbox(
        {"gone": card("gone", entry="fakes:Gone"), "bare": card("bare", entry="no_such_module:Bare", extra="faces")}
    )
    gone, bare = run(box, "gone", View(picture(0))) + run(box, "bare", View(picture(0)))
    assert "has no attribute 'Gone'" in gone.error
    assert 'pip install "autorater-vision[faces]"' in bare.error
    box.close()


def test_readings_on_the_bounds_are_within() -> None:
    for value in (1, 1000):
        outcome = Measured.model_validate({"readings": [{"quantity": "width", "value": value}]})
        assert checked(card("width"), outcome) == outcome


# --- closing ---------------------------------------------------------------------------------------------------------


def test_closing_ends_the_lane_and_nobody_waits_for_ever() -> None:
    box = Toolbox({"width": card("width"), "picky": card("picky")})
    Width.gate.clear()
    running = box.submit("width", View(wide(20)))
    while not Width.batches:
        time.sleep(0.001)
    waiting = box.submit("picky", View(wide(21)))
    closing = threading.Thread(target=box.close)
    closing.start()
    time.sleep(0.02)
    Width.gate.set()
    closing.join(timeout=20)
    assert isinstance(running.result(timeout=20)[0], Measured)
    with pytest.raises(SpecialistError, match="the toolbox was closed before picky looked"):
        waiting.result(timeout=20)
    assert not [thread for thread in threading.enumerate() if thread.name == "autorater-cpu" and thread.is_alive()]
    box.close()  # twice is as good as once


def test_a_device_is_handed_on_and_told() -> None:
    with_device = Toolbox({"width": card("width")}, device="cpu:0")
    _, provenance = with_device.submit("width", View(picture(0))).result(timeout=20)
    assert (Width.devices, provenance.device) == (["cpu:0"], "cpu:0")
    assert with_device.settings == Toolbox({}).settings  # the index of a device changes no result
    assert with_device.settings != Toolbox({}, device="cuda").settings
    with_device.close()


# --- views and the cache ---------------------------------------------------------------------------------------------


def test_a_view_holds_what_the_card_asks_for_and_no_more() -> None:
    view = View(picture(0), prompt="p", sources=(picture(1),), rival=picture(2))
    assert narrow(card("plain"), view) == View(picture(0))
    assert narrow(card("reads", needs=("prompt",)), view) == View(picture(0), prompt="p")
    assert narrow(card("all", needs=("prompt", "source", "rival")), view) == view
    assert view.canonical() == {
        "image": picture(0).sha256,
        "prompt": "p",
        "sources": [picture(1).sha256],
        "rival": picture(2).sha256,
    }


async def assess(box: Toolbox, cache: Cache, number: int = 0) -> Any:
    return await Ledger(cache=cache).assess(box.cards["width"], View(picture(number)), settings="s", toolbox=box)


async def test_a_cached_outcome_is_marked_and_the_specialist_not_asked(toolbox: Toolbox, tmp_path: Path) -> None:
    cache = Cache(tmp_path / "cache")
    first, again = await assess(toolbox, cache), await assess(toolbox, cache)
    assert (first.provenance.cached, again.provenance.cached, again.provenance.seconds) == (False, True, 0.0)
    assert again.outcome == first.outcome
    assert Width.batches == [1]
    await assess(toolbox, cache, 1)
    assert Width.batches == [1, 1]


async def test_failures_are_not_remembered(tmp_path: Path) -> None:
    box = Toolbox({"width": card("width", entry="fakes:Crashing")})
    assert (await assess(box, Cache(tmp_path / "cache"))).outcome.kind == "failed"
    assert not list((tmp_path / "cache").rglob("*.json"))
    box.close()


async def test_a_server_that_may_have_other_weights_by_now_is_asked_anew(tmp_path: Path) -> None:
    file = {"file": "fox.pt", "url": "https://host/fox.pt", "licence": "MIT"}
    pinned, published = (card("width", weights=({**file, "sha256": sha256},)) for sha256 in (None, "0" * 64))
    packaged = card("width", weights=({"file": "a", "package": "b", "sha256": "0" * 64, "licence": "MIT"},))
    away = {"width": "http://127.0.0.1:9"}
    remembered = [Toolbox({"width": one}, places=away).may_remember(one) for one in (pinned, published, packaged)]
    assert remembered == [False, True, True]
    assert Toolbox({"width": pinned}, places={"width": "worker"}).may_remember(pinned)

    cache, view = Cache(tmp_path / "cache"), View(picture(0))
    for one, kind in ((pinned, "failed"), (published, "measured")):
        request = {"specialist": "width", "card": one.digest, "settings": "s", "view": view.canonical()}
        told = {"card": one.digest, "settings": "s", "device": "cpu", "seconds": 1.0}
        entry = Entry.model_validate({"outcome": measured(7), "provenance": told})
        cache.keep(digest_of(request), one, entry)
        box = Toolbox({"width": one}, places=away)
        assert (await assess(box, cache)).outcome.kind == kind  # nobody is there
        box.close()


def test_changed_code_never_answers_from_old_entries(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "changing"
    package.mkdir()
    (package / "__init__.py").write_text("", encoding="utf-8")
    told = card("width", entry="changing:Width")
    monkeypatch.setattr(sys, "path", [str(tmp_path), str(tmp_path / "changed"), *sys.path])
    outcome, provenance = Measured(), {"card": "c", "settings": "s", "device": "cpu", "seconds": 1.0}
    entry = Entry.model_validate({"outcome": outcome, "provenance": provenance})
    cache = Cache(tmp_path / "cache")
    cache.keep("key", told, entry)
    assert cache.find("key", told) is not None
    assert cache.find("another", told) is None
    changed = tmp_path / "changed" / "changing2"
    changed.mkdir(parents=True)
    (changed / "__init__.py").write_text("# changed\n", encoding="utf-8")
    assert cache.find("key", card("width", entry="changing2:Width")) is None
