"""The page in a real Chromium, opened from the file system: what is shown, keys, filters, search, safety."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from reported_runs import ITEMS, hostile_run, rated_run

from autorater_evals.report.chromium import Browser, Tab, find_chromium
from autorater_evals.report.measure import measure
from autorater_evals.report.page import write_page

pytestmark = pytest.mark.skipif(find_chromium() is None, reason="needs a Chromium: on the path, or named in CHROME_BIN")
FOUND = "document.getElementById('found').textContent"
CHOSEN = "document.querySelector('.row[aria-selected=true]').getAttribute('aria-posinset')"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with Browser(patience=30) as opened:
        yield opened


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("hostile")
    write_page(folder / "a #1 %20 report.html", hostile_run(folder), title="Hostile")
    return folder / "a #1 %20 report.html"


@pytest.fixture
def tab(browser: Browser, plain: Path) -> Iterator[Tab]:
    opened = browser.open(plain, mark="items")
    opened.wait("document.querySelector('#detail h2')")
    yield opened
    assert opened.complaints() == []
    opened.close()


def test_figures_are_there_at_once_and_items_on_demand(browser: Browser, plain: Path) -> None:
    tab = browser.open(plain)
    tab.wait("document.documentElement.dataset.ready")
    assert tab.run("document.querySelectorAll('.main tbody tr').length") == 2
    assert tab.run("document.querySelectorAll('.plot svg text').length") > 40
    assert tab.run("document.querySelectorAll('.row').length") == 0
    tab.press("i")
    tab.wait("document.querySelector('#detail h2')")
    assert tab.run("document.querySelectorAll('.row').length") < ITEMS
    assert tab.complaints() == []
    tab.close()


def test_both_orders_stand_side_by_side_with_what_was_said_then(tab: Tab) -> None:
    tab.wait("[...document.querySelectorAll('#detail img')].every((image) => image.naturalWidth > 0)")
    sources = "[...order.querySelectorAll('img')].map((one) => one.src)"
    (first, second), (third, fourth) = tab.run(f"[...document.querySelectorAll('.order')].map((order) => {sources})")
    assert (first, second) == (fourth, third)
    assert first != second
    orders = tab.run("[...document.querySelectorAll('.order h4')].map((one) => one.textContent)")
    assert orders == ["Shown as a, b", "Shown as b, a"]
    assert tab.run("document.querySelectorAll('.said-then li').length") == 4
    assert tab.run("document.querySelectorAll('.judgments > .judgment').length") == 2


def test_the_mark_of_a_single_image_says_that_it_is_of_ranks(browser: Browser, tmp_path: Path) -> None:
    write_page(tmp_path / "report.html", rated_run(tmp_path), title="Rated")
    tab = browser.open(tmp_path / "report.html", mark="items")
    tab.wait("document.querySelector('#detail .states .state')")
    told = tab.run("[...document.querySelectorAll('.row .state, #detail .states .state')].map((one) => one.title)")
    assert len(told) == 13
    assert all("ranks this image near where people rank it" in one for one in told)
    assert tab.complaints() == []
    tab.close()


def test_keys_move_search_and_leave(tab: Tab) -> None:
    assert tab.run(CHOSEN) == "1"
    for key, place in (
        ("j", "2"),
        ("ArrowDown", "3"),
        ("k", "2"),
        ("ArrowUp", "1"),
        ("End", str(ITEMS)),
        ("Home", "1"),
    ):
        tab.press(key)
        assert tab.run(CHOSEN) == place, key
    tab.press("j")
    wanted = tab.run("document.querySelector('.row[aria-selected=true] bdi').textContent")
    tab.wait(f"document.querySelector('#detail h2').textContent === {wanted!r}")
    tab.press("/")
    assert tab.run("document.activeElement.id") == "search"
    tab.press("Escape")
    assert tab.run("document.activeElement.id") == "list"
    tab.press("?")
    assert tab.run("document.getElementById('help').open")
    tab.press("Escape")
    tab.wait("!document.getElementById('help').open")
    assert tab.run("location.hash").startswith("#item=synthetic%2Fpair-")


def test_filters_and_search_leave_what_fits(tab: Tab) -> None:
    nothing = f"0 of {ITEMS} items"
    tab.press("d")
    differing = int(tab.run(FOUND).split()[0])
    states = tab.run("[...document.querySelectorAll('.row:not([hidden])')].map((row) => row.textContent.includes('✕'))")
    assert 0 < differing < ITEMS
    assert all(states)
    tab.run("document.getElementById('reset').click()")
    assert tab.run(FOUND) == f"{ITEMS} of {ITEMS} items"
    tab.press("/")
    tab.type("PAIR-00017")
    tab.wait(f"{FOUND} === '1 of {ITEMS} items'")
    tab.run("document.getElementById('search').value = ''")
    tab.type("no such word anywhere")
    tab.wait(f"{FOUND} === '{nothing}'")
    tab.press("Escape")
    tab.wait(f"{FOUND} === '{ITEMS} of {ITEMS} items'")
    options = "[...document.getElementById('choose-{}').options].map((one) => one.text)"
    assert tab.run(options.format("specialist")) == ["any", "The measure of faults", "The measure of sharp"]
    assert "the runs differ" in tab.run(options.format("agreement"))
    assert "scored" in tab.run(options.format("outcome"))
    assert "alder" in tab.run(options.format("generator"))


def test_search_finds_what_judges_said(tab: Tab) -> None:
    tab.press("j")
    tab.wait("document.querySelector('#detail h2').textContent === 'pair-00001'")
    rationale = tab.run("document.querySelector('.judgment .prose').textContent")
    tab.press("/")
    tab.type(rationale.split()[-1].upper())
    tab.wait(f"{FOUND} === '1 of {ITEMS} items'")
    assert tab.run("document.querySelector('.row:not([hidden]) bdi').textContent") == "pair-00001"


def test_overlays_are_drawn_when_asked_for(tab: Tab) -> None:
    assert tab.run("document.querySelectorAll('.region, #detail canvas').length") == 0
    tab.run("document.querySelector('#detail .toggles input').click()")
    assert tab.run("document.querySelectorAll('.region').length") >= 2
    painted = "one.getContext('2d').getImageData(0, 0, one.width, one.height).data.some(Boolean)"
    tab.wait(f"[...document.querySelectorAll('#detail canvas')].some((one) => {painted})")
    tab.press("o")
    tab.press("o")
    assert tab.run("document.querySelectorAll('.layer.on').length") == 0


def test_a_link_to_an_item_opens_it(browser: Browser, plain: Path) -> None:
    tab = browser.open(plain, mark="item=synthetic%2Fpair-00042")
    tab.wait("document.querySelector('#detail h2')")
    assert tab.run("document.querySelector('#detail h2').textContent") == "pair-00042"
    tab.close()


@pytest.mark.parametrize("dark", [False, True])
def test_a_narrow_window_shows_list_or_item(browser: Browser, plain: Path, dark: bool) -> None:
    tab = browser.open(plain, width=390, height=800, dark=dark, mark="items")
    tab.wait("document.querySelectorAll('.row').length")
    seen = "getComputedStyle(document.getElementById('detail')).display"
    assert tab.run(seen) == "none"
    tab.run("document.querySelector('.row').click()")
    assert tab.run(seen) == "block"
    tab.press("Escape")
    assert tab.run(seen) == "none"
    assert tab.run("document.documentElement.scrollWidth") <= 390
    assert tab.run("getComputedStyle(document.body).backgroundColor") == (
        "rgb(20, 23, 27)" if dark else "rgb(255, 255, 255)"
    )
    tab.close()


def test_hostile_texts_do_nothing(browser: Browser, hostile: Path) -> None:
    tab = browser.open(hostile, mark="items")
    tab.wait("document.querySelector('#detail h2')")
    before = tab.run("document.querySelectorAll('script, img, style, iframe').length")
    for _ in range(29):
        tab.press("j")
    tab.wait(f"{CHOSEN} === '30'")
    tab.press("o")
    tab.wait("document.querySelectorAll('.region').length")
    tab.run("document.querySelectorAll('#detail details').forEach((one) => { one.open = true; })")
    assert tab.run("document.title") == "Hostile"
    assert tab.run("document.querySelectorAll('script, style, iframe').length") <= before
    assert tab.run("document.querySelectorAll('[onerror], [onload], a[href^=javascript]').length") == 0
    assert tab.run("document.documentElement.scrollWidth") <= 1400
    assert tab.complaints() == []
    tab.close()


def test_the_policy_stops_what_a_mistake_would_let_in(browser: Browser, plain: Path) -> None:
    tab = browser.open(plain)
    tab.wait("document.documentElement.dataset.ready")
    attempt = "const one = document.createElement('script'); one.textContent = 'document.title = 1';"
    tab.run(f"(() => {{ try {{ {attempt} document.body.append(one); }} catch (error) {{}} }})()")
    assert tab.run("document.title") == "Two judges"
    assert tab.run("fetch('http://127.0.0.1:9/').then(() => 'sent', () => 'stopped')") == "stopped"
    assert tab.complaints()
    tab.close()


def test_what_the_page_takes_can_be_measured(tmp_path: Path) -> None:
    told = measure(tmp_path, items=30, side=48)
    assert (told["items"], told["pictures"], told["left_out"]) == (30, 60, 0)
    assert told["using"]["complaints"] == []
    assert told["using"]["search"]["found"].endswith("of 30 items")
    assert told["opening"]["whole"] > 0
